#include "segment/index/time_index.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"
#include "format/frame_codec.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kTimeIndexMagic = "DAYBOOKT";

struct Footer {
  char magic[8];
  std::uint64_t segment_id;
  std::int64_t latest;
  std::uint64_t parts;
  std::uint64_t parts_hash;
  std::uint64_t hash;
};
static_assert(sizeof(Footer) == TimeIndex::kFooterBytes);

std::uint64_t HashOf(const Footer& footer) {
  return Hash64(std::as_bytes(std::span(&footer, 1)).first(offsetof(Footer, hash)));
}

std::optional<Footer> ReadFooter(std::uint64_t segment_id, std::string_view bytes) {
  Footer footer;
  if (bytes.size() < sizeof footer) return std::nullopt;
  std::memcpy(&footer, bytes.data() + bytes.size() - sizeof footer, sizeof footer);
  if (std::string_view(footer.magic, sizeof footer.magic) != kTimeIndexMagic ||
      footer.segment_id != segment_id || footer.hash != HashOf(footer)) {
    return std::nullopt;
  }
  return footer;
}

}  // namespace

void TimeIndex::Note(ClaimWord place, const std::byte* at, const frame::FrameHeader& header) {
  const frame::Kind kind = frame::KindOf(header.length_word);
  if (kind != frame::Kind::kRecord && !frame::HoldsEntries(kind)) return;
  const std::int64_t nanos = frame::LatestTimeOf(at, header);
  if (parts_.empty() ||
      PositionOf(parts_.back().first) / kInterval != PositionOf(place) / kInterval) {
    parts_.push_back({.first = place, .latest = nanos});
  } else {
    parts_.back().latest = std::max(parts_.back().latest, nanos);
  }
  NoteBound(nanos);
  const std::uint32_t own = kind == frame::Kind::kRecord ? std::uint32_t{frame::kHasEventTime}
                                                         : std::uint32_t{frame::kBatchHasTimes};
  summary_.has_own = summary_.has_own || (header.attributes & own) != 0;
}

void TimeIndex::Clear() {
  parts_ = {};
  summary_ = {};
}

std::optional<ClaimWord> TimeIndex::FirstPlace(std::int64_t nanos, ClaimWord from) const {
  const std::uint64_t interval = PositionOf(from) / kInterval;
  auto part = std::lower_bound(parts_.begin(), parts_.end(), interval,
                               [](const Part& candidate, std::uint64_t wanted) {
                                 return PositionOf(candidate.first) / kInterval < wanted;
                               });
  part = std::find_if(part, parts_.end(),
                      [nanos](const Part& candidate) { return candidate.latest >= nanos; });
  if (part == parts_.end()) return std::nullopt;
  return PositionOf(part->first) < PositionOf(from) ? from : part->first;
}

std::string TimeIndex::Encode(std::uint64_t segment_id) const {
  const std::span<const Part> parts(parts_.data(), summary_.has_own ? parts_.size() : 0);
  Footer footer{.magic = {},
                .segment_id = segment_id,
                .latest = summary_.latest,
                .parts = parts.size(),
                .parts_hash = Hash64(std::as_bytes(parts)),
                .hash = 0};
  std::memcpy(footer.magic, kTimeIndexMagic.data(), kTimeIndexMagic.size());
  footer.hash = HashOf(footer);
  std::string encoded(reinterpret_cast<const char*>(parts.data()), parts.size_bytes());
  encoded.append(reinterpret_cast<const char*>(&footer), sizeof footer);
  return encoded;
}

absl::Status TimeIndex::Load(std::uint64_t segment_id, std::string_view encoded) {
  const auto footer = ReadFooter(segment_id, encoded);
  if (footer) encoded.remove_suffix(sizeof *footer);
  if (!footer || footer->parts != encoded.size() / sizeof(Part) ||
      encoded.size() % sizeof(Part) != 0 ||
      Hash64(std::as_bytes(std::span(encoded))) != footer->parts_hash) {
    return absl::DataLossError("the index of times is damaged or belongs to another segment");
  }
  std::vector<Part> parts(footer->parts);
  if (!parts.empty()) std::memcpy(parts.data(), encoded.data(), encoded.size());
  std::uint64_t before = 0;
  for (const Part& part : parts) {
    const std::uint64_t interval = PositionOf(part.first) / kInterval + 1;
    if (PositionOf(part.first) % frame::kFrameAlignment != 0 || interval <= before ||
        PositionOf(part.first) < frame::kSegmentHeaderBytes) {
      return absl::DataLossError("the index of times contradicts itself");
    }
    before = interval;
  }
  parts_ = std::move(parts);
  summary_ = {.has_own = footer->parts != 0, .latest = footer->latest};
  return absl::OkStatus();
}

std::optional<TimeSummary> TimeIndex::ReadSummary(std::uint64_t segment_id,
                                                  std::string_view footer) {
  const auto read = ReadFooter(segment_id, footer);
  if (!read) return std::nullopt;
  return TimeSummary{.has_own = read->parts != 0, .latest = read->latest};
}

bool TimeIndex::Covers(const TimeIndex& truth) const {
  if (!truth.summary_.has_own) return true;
  if (!summary_.has_own || summary_.latest < truth.summary_.latest) return false;
  auto mine = parts_.begin();
  return std::all_of(truth.parts_.begin(), truth.parts_.end(), [&](const Part& part) {
    const std::uint64_t interval = PositionOf(part.first) / kInterval;
    while (mine != parts_.end() && PositionOf(mine->first) / kInterval < interval) ++mine;
    return mine != parts_.end() && PositionOf(mine->first) / kInterval == interval &&
           PositionOf(mine->first) <= PositionOf(part.first) && mine->latest >= part.latest;
  });
}

}  // namespace daybook::inline v1
