#include "log/read/time_search.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "format/batch_codec.h"
#include "segment/index/segment_search.h"

namespace daybook::inline v1 {

absl::StatusOr<bool> TimeSearch::Learn(Offset base) {
  std::unique_ptr<Directory> directory;
  std::optional<TimeSummary> times;
  std::uint64_t removals = 0;
  {
    MutexLock lock(log_.segments.mutex());
    removals = log_.segments.removals();
  }
  if (log_.segments.has_files()) {
    auto opened = log_.segments.directory().Open();
    if (!opened.ok()) return opened.status();
    directory = *std::move(opened);
    times = SegmentTimes::Read(*directory, base);
  }
  if (!times) {
    std::shared_ptr<Segment> segment;
    {
      MutexLock lock(log_.segments.mutex());
      if (log_.segments.Find(base) == nullptr) return true;  // dropped meanwhile
      auto opened = log_.segments.OpenWithIndex(log_.segments.IndexAbove(base) - 1);
      if (!opened.ok()) return opened.status();
      segment = *std::move(opened);
    }
    times = segment->times().Learn(*segment);
    if (times && directory != nullptr) Save(*directory, *segment);
  }
  if (!times) return false;
  MutexLock lock(log_.segments.mutex());
  // Meanwhile another segment may have taken the name: then it is looked at again.
  if (log_.segments.removals() != removals) return true;
  if (SegmentSlot* slot = log_.segments.Find(base); slot != nullptr) slot->times = times;
  return true;
}

void TimeSearch::Save(Directory& directory, Segment& segment) {
  if (log_.segments.belongs_elsewhere() || !segment.times().is_news()) return;
  MutexLock ahead_lock(log_.ahead_mutex);
  {
    MutexLock lock(log_.segments.mutex());
    if (!log_.segments.refusal().ok() || log_.segments.Find(segment.base_offset()) == nullptr)
      return;
  }
  segment.index().Save(segment, directory);
}

absl::StatusOr<std::shared_ptr<Segment>> TimeSearch::NextSegment() {
  const std::int64_t nanos = time_.time_since_epoch().count();
  for (;;) {
    Offset base;
    {
      MutexLock lock(log_.segments.mutex());
      std::size_t index = log_.segments.IndexAbove(above_);
      while (index < log_.segments.size() && log_.segments.SlotAt(index).times &&
             log_.segments.SlotAt(index).times->latest < nanos) {
        ++index;
      }
      if (index == log_.segments.size()) return std::shared_ptr<Segment>();
      base = log_.segments.SlotAt(index).base_offset;
      // The last one grows.
      if (log_.segments.SlotAt(index).times || index + 1 == log_.segments.size()) {
        above_ = base;
        auto opened = log_.segments.OpenWithIndex(index);
        if (opened.ok()) return opened;
        // What is dropped or damaged has no record to be found.
        if (!absl::IsOutOfRange(opened.status()) && !absl::IsDataLoss(opened.status())) {
          return opened;
        }
        continue;
      }
    }
    const auto learned = Learn(base);
    if (learned.ok() && *learned) continue;
    above_ = base;
    if (!learned.ok()) {
      if (absl::IsOutOfRange(learned.status()) || absl::IsDataLoss(learned.status())) continue;
      return learned.status();
    }
    MutexLock lock(log_.segments.mutex());  // a claim in it is still open
    if (log_.segments.Find(base) == nullptr) continue;
    return log_.segments.OpenWithIndex(log_.segments.IndexAbove(base) - 1);
  }
}

std::optional<std::uint32_t> TimeSearch::FindEntry(const Segment& segment, std::uint64_t position,
                                                   const frame::FrameHeader& header,
                                                   std::uint32_t first) {
  if (!(header.attributes & frame::kBatchHasTimes)) return first;
  std::shared_ptr<const std::string> unpacked;
  const std::uint32_t before = frame::BytesBeforeEntries(header);
  std::span<const std::byte> entries(segment.At(position) + before,
                                     frame::LengthOf(header.length_word) - before);
  if (header.attributes & frame::kBatchCompressed) {
    auto found = log_.reader.Unpack(segment, position, header);
    if (!found.ok()) return first;  // who reads it is told
    unpacked = *std::move(found);
    entries = std::as_bytes(std::span(*unpacked));
  }
  RecordView view;
  view.append_time = Timestamp(std::chrono::nanoseconds(header.append_time));
  for (std::uint32_t entry = 0; !entries.empty(); ++entry) {
    const std::uint64_t size = frame::DecodeEntry(entries.data(), entries.size(), &view);
    if (size == 0) return first;
    if (entry >= first && view.timestamp >= time_) return entry;
    entries = entries.subspan(size);
  }
  return std::nullopt;
}

std::optional<Offset> TimeSearch::FindIn(Segment& segment) {
  std::optional<ClaimWord> found = kFirstFrame;
  // Of the records that the log begins with, none before its start.
  const Offset start = log_.segments.bounds().start();
  if (segment.base_offset() < start) {
    const auto first = static_cast<std::uint64_t>(start - segment.base_offset());
    if (first >= RecordsOf(segment.CommittedEnd())) return std::nullopt;
    found = MakeClaimWord(first, FindDelta(segment, first));
  }
  while ((found = FindTime(segment, time_, *found))) {
    const std::uint64_t position = PositionOf(*found);
    const Offset offset = segment.base_offset() + RecordsOf(*found);
    frame::FrameHeader header;
    if (segment.ReadFrame(position, &header) != frame::FrameState::kValid) return offset;
    *found = BehindFrame(position, header);
    const frame::Kind kind = frame::KindOf(header.length_word);
    if (kind == frame::Kind::kTransactional &&
        log_.reader.transactions().Of(segment.At(position)) ==
            TransactionTable::Decision::kAborted) {
      continue;
    }
    if (!frame::HoldsEntries(kind)) return offset;
    const Offset begin = segment.base_offset() + header.offset_delta;
    const auto first = static_cast<std::uint32_t>(std::max<std::int64_t>(start - begin, 0));
    if (const auto entry = FindEntry(segment, position, header, first)) return begin + *entry;
  }
  return std::nullopt;
}

absl::StatusOr<Offset> TimeSearch::Run() {
  // Behind a claim that is open in an earlier segment nothing can be read yet.
  const auto end = log_.segments.end_offset();
  if (!end.ok()) return end;
  for (;;) {
    const auto segment = NextSegment();
    if (!segment.ok()) return segment.status();
    if (*segment == nullptr) return *end;
    if (const auto found = FindIn(**segment)) return std::min(*found, *end);
  }
}

}  // namespace daybook::inline v1
