#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "format/batch_codec.h"
#include "log/partition_log.h"

// Looking for records by time. Times may come in any order, so it is for each segment that it is
// known how late they get (TimeSummary): from its index file, which is read once, or where that
// does not say so, from a walk over its frames. What a segment holds is said in SegmentTimes.

namespace daybook::inline v1 {

class TimeSearch {
 public:
  TimeSearch(PartitionLog& log, Timestamp time) : log_(log), time_(time) {}

  // The first segment above the one before that may hold such a record; null if there is none.
  absl::StatusOr<std::shared_ptr<Segment>> NextSegment()
      ABSL_LOCKS_EXCLUDED(log_.ahead_mutex_, log_.mutex_);
  // The first such record in a segment.
  std::optional<Offset> FindIn(Segment& segment);

 private:
  // Notes what times there are in a segment; false while it has claims that are open.
  absl::StatusOr<bool> Learn(Offset base) ABSL_LOCKS_EXCLUDED(log_.ahead_mutex_, log_.mutex_);
  void Save(Directory& directory, Segment& segment)
      ABSL_LOCKS_EXCLUDED(log_.ahead_mutex_, log_.mutex_);
  // The first such record in the batch at `position`.
  std::optional<std::uint32_t> FindEntry(const Segment& segment, std::uint64_t position,
                                         const frame::FrameHeader& header);

  PartitionLog& log_;
  const Timestamp time_;
  Offset above_{-1};
};

absl::StatusOr<bool> TimeSearch::Learn(Offset base) {
  std::unique_ptr<Directory> directory;
  std::optional<TimeSummary> times;
  if (!log_.is_in_memory()) {
    auto opened = log_.OpenDirectory();
    if (!opened.ok()) return opened.status();
    directory = *std::move(opened);
    times = SegmentTimes::Read(*directory, base);
  }
  if (!times) {
    std::shared_ptr<Segment> segment;
    {
      MutexLock lock(log_.mutex_);
      if (log_.FindSlot(base) == nullptr) return true;  // dropped meanwhile
      auto opened = log_.OpenWithIndex(log_.SegmentAbove(base) - 1);
      if (!opened.ok()) return opened.status();
      segment = *std::move(opened);
    }
    times = segment->times().Learn(*segment);
    if (times && directory != nullptr) Save(*directory, *segment);
  }
  if (!times) return false;
  MutexLock lock(log_.mutex_);
  if (OpenSegment* slot = log_.FindSlot(base); slot != nullptr) slot->times = times;
  return true;
}

void TimeSearch::Save(Directory& directory, Segment& segment) {
  if (log_.context_.is_read_only || !segment.times().is_news()) return;
  MutexLock ahead_lock(log_.ahead_mutex_);
  {
    MutexLock lock(log_.mutex_);
    if (!log_.closed_.ok() || log_.FindSlot(segment.base_offset()) == nullptr) return;
  }
  segment.SaveIndex(directory);
}

absl::StatusOr<std::shared_ptr<Segment>> TimeSearch::NextSegment() {
  const std::int64_t nanos = time_.time_since_epoch().count();
  for (;;) {
    Offset base;
    {
      MutexLock lock(log_.mutex_);
      std::size_t index = log_.SegmentAbove(above_);
      while (index < log_.segments_.size() && log_.segments_[index].times &&
             log_.segments_[index].times->latest < nanos) {
        ++index;
      }
      if (index == log_.segments_.size()) return std::shared_ptr<Segment>();
      base = log_.segments_[index].base_offset;
      // The last one grows.
      if (log_.segments_[index].times || index + 1 == log_.segments_.size()) {
        above_ = base;
        auto opened = log_.OpenWithIndex(index);
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
    MutexLock lock(log_.mutex_);  // a claim in it is still open
    if (log_.FindSlot(base) == nullptr) continue;
    return log_.OpenWithIndex(log_.SegmentAbove(base) - 1);
  }
}

std::optional<std::uint32_t> TimeSearch::FindEntry(const Segment& segment, std::uint64_t position,
                                                   const frame::FrameHeader& header) {
  if (!(header.attributes & frame::kBatchHasTimes)) return 0;
  std::shared_ptr<const std::string> unpacked;
  const std::uint32_t before = frame::BytesBeforeEntries(header);
  std::span<const std::byte> entries(segment.At(position) + before,
                                     frame::LengthOf(header.length_word) - before);
  if (header.attributes & frame::kBatchCompressed) {
    auto found = log_.Unpack(segment, position, header);
    if (!found.ok()) return 0;  // who reads it is told
    unpacked = *std::move(found);
    entries = std::as_bytes(std::span(*unpacked));
  }
  RecordView view;
  view.append_time = Timestamp(std::chrono::nanoseconds(header.append_time));
  for (std::uint32_t entry = 0; !entries.empty(); ++entry) {
    const std::uint64_t size = frame::DecodeEntry(entries.data(), entries.size(), &view);
    if (size == 0) return 0;
    if (view.timestamp >= time_) return entry;
    entries = entries.subspan(size);
  }
  return std::nullopt;
}

std::optional<Offset> TimeSearch::FindIn(Segment& segment) {
  std::optional<ClaimWord> found = kFirstFrame;
  while ((found = segment.FindTime(time_, *found))) {
    const std::uint64_t position = PositionOf(*found);
    const Offset offset = segment.base_offset() + RecordsOf(*found);
    frame::FrameHeader header;
    if (segment.Look(position, &header) != frame::FrameState::kValid) return offset;
    *found = MakeClaimWord(std::uint64_t{header.offset_delta} + frame::OffsetCount(header),
                           position + frame::AlignedLength(frame::LengthOf(header.length_word)));
    const frame::Kind kind = frame::KindOf(header.length_word);
    if (kind == frame::Kind::kTransactional &&
        log_.DecisionOf(segment.At(position)) == TransactionTable::Decision::kAborted) {
      continue;
    }
    if (!frame::HoldsEntries(kind)) return offset;
    if (const auto entry = FindEntry(segment, position, header)) return offset + *entry;
  }
  return std::nullopt;
}

absl::StatusOr<Offset> PartitionLog::OffsetForTime(Timestamp time) {
  Offset end;
  follower_.Look();
  {
    // Behind a claim that is open in an earlier segment nothing can be read yet.
    MutexLock lock(mutex_);
    if (const auto status = Refresh(); !status.ok()) return status;
    const auto current = EndOffsetLocked();
    if (!current.ok()) return current;
    end = *current;
  }
  TimeSearch search(*this, time);
  for (;;) {
    const auto segment = search.NextSegment();
    if (!segment.ok()) return segment.status();
    if (*segment == nullptr) return end;
    if (const auto found = search.FindIn(**segment)) return std::min(*found, end);
  }
}

}  // namespace daybook::inline v1
