#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {
namespace {

constexpr std::chrono::seconds kAcknowledgeTimeout{30};

}  // namespace

absl::StatusOr<frame::RecordLayout> PartitionLog::LayoutChecked(
    const frame::RecordParts& parts) const {
  const frame::RecordLayout layout = frame::LayoutOf(parts);
  if (layout.length != 0 && layout.length <= max_frame_bytes_) [[likely]]
    return layout;
  for (const Header& header : parts.headers) {
    if (header.name.size() > frame::kMaxHeaderNameBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_.directory(), ": the name of a header has ", header.name.size(),
                       " bytes; the limit is ", frame::kMaxHeaderNameBytes));
    }
  }
  std::uint64_t bytes = parts.value_bytes + (parts.key ? parts.key->size() : 0);
  for (const Header& header : parts.headers) {
    bytes += 6 + header.name.size() + (header.value ? header.value->size() : 0);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name_.directory(), ": the record has ", bytes,
                   " bytes (key, headers and value); the limit "
                   "of this topic is ",
                   settings_.max_record_bytes,
                   "; split it, or create the topic with a higher max.message.bytes"));
}

absl::StatusOr<PartitionLog::Claimed> PartitionLog::ClaimSlowly(std::uint64_t bytes,
                                                                std::optional<Claimed> missed) {
  MutexLock lock(mutex_);
  for (;;) {
    // A claim that was made is settled first, whatever happened meanwhile: others wait for it.
    if (missed) {
      Segment& segment = *missed->segment;
      if (segment.Fits(missed->before, bytes)) return *missed;  // somebody made it fit
      if (active_.load(std::memory_order_relaxed) == &segment) {
        absl::Status grown = absl::OutOfRangeError("closing");
        if (!segment.is_closing()) {
          grown = segment.Extend(PositionOf(missed->before) + bytes);
          if (grown.ok()) return *missed;
          segment.StartClosing();
        }
        if (segment.IsCrossing(missed->before, bytes)) {
          SealActive(segment, missed->before);
        } else {
          while (active_.load(std::memory_order_relaxed) == &segment) rolled_.Wait(mutex_);
        }
        if (!absl::IsOutOfRange(grown)) return grown;
      }
      missed.reset();
    }
    if (const auto status = WritableStatus(); !status.ok()) return status;
    if (const auto status = EnsureOpen(); !status.ok()) return status;
    if (active_.load(std::memory_order_relaxed) == nullptr) {
      if (const auto status = StartSegment(next_base_); !status.ok()) return status;
    }
    Segment* segment = active_.load(std::memory_order_relaxed);
    if (segment->is_closing()) {
      while (active_.load(std::memory_order_relaxed) == segment) rolled_.Wait(mutex_);
      continue;
    }
    missed = Claimed{segment, segment->Claim(bytes)};
  }
}

absl::StatusOr<Offset> PartitionLog::AppendUnsynced(const Record& record) {
  const frame::RecordParts parts{.key = record.key,
                                 .headers = record.headers,
                                 .event_time = record.timestamp,
                                 .value_bytes = record.value ? record.value->size() : 0,
                                 .tombstone = !record.value};
  const auto layout = LayoutChecked(parts);
  if (!layout.ok()) return layout.status();
  const auto claimed = ClaimBytes(frame::AlignedLength(layout->length));
  if (!claimed.ok()) return claimed.status();
  Segment& segment = *claimed->segment;
  std::byte* frame = segment.At(PositionOf(claimed->before));
  std::byte* value =
      frame::FillRecord(frame, *layout, parts, context_.clock->Now(), RecordsOf(claimed->before));
  if (parts.value_bytes != 0) std::memcpy(value, record.value->data(), parts.value_bytes);
  segment.Commit(frame, frame::LengthWord(frame::Kind::kRecord, layout->length), claimed->before);
  Committed();
  return segment.base_offset() + RecordsOf(claimed->before);
}

absl::StatusOr<Offset> PartitionLog::Append(const Record& record,
                                            std::optional<Durability> durability) {
  auto offset = AppendUnsynced(record);
  if (!offset.ok()) return offset;
  if (std::max(settings_.durability, durability.value_or(Durability::kProcess)) ==
      Durability::kDisk) {
    const auto status =
        WaitDurable(*offset + 1, std::chrono::steady_clock::now() + kAcknowledgeTimeout);
    if (!status.ok()) return status;
  }
  return offset;
}

absl::StatusOr<RecordClaim> PartitionLog::Claim(const ClaimOptions& options) {
  const frame::RecordParts parts{.key = options.key,
                                 .headers = options.headers,
                                 .event_time = options.timestamp,
                                 .value_bytes = options.value_bytes,
                                 .tombstone = false};
  const auto layout = LayoutChecked(parts);
  if (!layout.ok()) return layout.status();
  const auto claimed = ClaimBytes(frame::AlignedLength(layout->length));
  if (!claimed.ok()) return claimed.status();
  Segment& segment = *claimed->segment;
  std::byte* frame = segment.At(PositionOf(claimed->before));
  std::byte* value =
      frame::FillRecord(frame, *layout, parts, context_.clock->Now(), RecordsOf(claimed->before));
  RecordClaim claim;
  claim.log_ = this;
  claim.segment_ = &segment;
  claim.before_ = claimed->before;
  claim.length_word_ = frame::LengthWord(frame::Kind::kRecord, layout->length);
  claim.value_ = {value, parts.value_bytes};
  claim.offset_ = segment.base_offset() + RecordsOf(claimed->before);
  return claim;
}

void PartitionLog::MarkDirty() {
  if (is_dirty_.load(std::memory_order_relaxed)) return;
  if (!is_dirty_.exchange(true) && context_.on_dirty) context_.on_dirty(*this);
}

RecordClaim::RecordClaim(RecordClaim&& other) noexcept
    : log_(std::exchange(other.log_, nullptr)),
      segment_(other.segment_),
      before_(other.before_),
      length_word_(other.length_word_),
      value_(other.value_),
      offset_(other.offset_) {}

RecordClaim::~RecordClaim() {
  if (log_ == nullptr) return;
  segment_->Abandon(before_, frame::AlignedLength(frame::LengthOf(length_word_)));
  log_->Committed();
}

void RecordClaim::Commit() && {
  if (log_ == nullptr) return;
  segment_->Commit(segment_->At(PositionOf(before_)), length_word_, before_);
  std::exchange(log_, nullptr)->Committed();
}

}  // namespace daybook::inline v1
