#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/no_memory.h"
#include "base/planted_bug.h"
#include "log/partition_log.h"

// Opening a partition's directory: which segments there are, and, for writing, their recovery one
// by one. What recovery does inside a segment is said in segment/segment_recovery.cc; here is what
// it means for the segments behind it.

namespace daybook::inline v1 {

absl::Status PartitionLog::EnsureOpen() {
  if (!deleted_.ok()) return deleted_;
  if (is_open_) return absl::OkStatus();
  if (is_in_memory()) {
    if (context_.is_read_only) {
      return absl::FailedPreconditionError(
          absl::StrCat(name_.directory(),
                       ": a memory topic is there for the process that writes it alone; open the "
                       "broker with BrokerAccess::kReadWrite in that process and read it there"));
    }
    is_open_ = true;
    return absl::OkStatus();
  }
  NoMemoryLeft();
  // From here on an open claim may be one of ours.
  if (context_.lock != nullptr && !context_.is_read_only) {
    const auto status = context_.lock->ShowInUse(follower_.part());
    if (!status.ok()) return status;
  }
  const auto directory = OpenDirectory();
  if (absl::IsNotFound(directory.status())) {
    // Nothing was ever appended. A reader of another process's directory looks again next time.
    is_open_ = !context_.is_read_only;
    return absl::OkStatus();
  }
  if (!directory.ok()) return directory.status();
  if (context_.is_read_only) follower_.Watch(**directory);
  follower_.listed_changes = context_.is_read_only ? follower_.changes() : 0;
  if (const auto status = ListSegments(**directory); !status.ok()) return status;
  if (!context_.is_read_only) {
    if (const auto status = OpenForWriting(**directory); !status.ok()) {
      segments_.clear();
      limits_->maps_held.fetch_sub(static_cast<std::int64_t>(mapped_.size()));
      mapped_.clear();
      gate_.store(nullptr, std::memory_order_release);
      active_.store(nullptr, std::memory_order_release);
      return status;
    }
  }
  is_open_ = true;
  if (!segments_.empty()) KeepReserve(settings_.least_reserve_bytes());
  counters_.partitions_opened.fetch_add(1, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status PartitionLog::ListSegments(Directory& directory) {
  const auto bases = ListSegmentBases(directory);
  if (!bases.ok()) return bases.status();
  const auto is_listed = [&](std::size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::binary_search(bases->begin(), bases->end(), segments_[index].base_offset);
  };
  for (const Offset base : *bases) {
    const std::size_t above = SegmentAbove(base);
    if (above != 0 && segments_[above - 1].base_offset == base) continue;
    // One that was made while the directory was listed can come later than those behind it.
    segments_.insert(segments_.begin() + static_cast<std::ptrdiff_t>(above), {.base_offset = base});
    first_uncommitted_ = std::min(first_uncommitted_, above);
  }
  if (!context_.is_read_only || bases->empty()) return absl::OkStatus();
  // What was there throughout is listed: these were dropped, or a recovery made them void.
  for (std::size_t last = segments_.size(); last != 0; --last) {
    if (is_listed(last - 1)) continue;
    std::size_t first = last - 1;
    while (first != 0 && !is_listed(first - 1)) --first;
    Forget(first, last);
    last = first + 1;
  }
  first_uncommitted_ = std::min(first_uncommitted_, segments_.size() - 1);
  return absl::OkStatus();
}

absl::Status PartitionLog::OpenForWriting(Directory& directory) {
  Segment::RemovePrepared(directory);  // left over from a crash
  const std::size_t settled = SkipSettled(directory);
  // Nothing settled is known by a last segment of another boot.
  const std::size_t whole = settled == 0 ? CountWhole(directory) : segments_.size() - 1;
  bool is_durable_so_far = settled == 0 || segments_[settled - 1].is_durable;
  for (std::size_t i = settled; i < segments_.size(); ++i) {
    const Offset base = segments_[i].base_offset;
    const bool is_last = i + 1 == segments_.size();
    auto opened = Segment::Open(directory, name_, base, MapAccess::kReadWrite);
    if (absl::IsNotFound(opened.status())) {
      // Made before a power cut that took even its header: nothing in it was promised, nor in what
      // follows, unless that is durable.
      if (const auto status = DropSegmentsFrom(directory, i); !status.ok()) return status;
      if (segments_.size() > i) return absl::DataLossError(std::string(opened.status().message()));
      next_base_ = std::max(next_base_, base);  // a foreign file may have any name
      break;
    }
    const auto recovery =
        opened.ok() ? (*opened)->Recover(
                          directory, context_.boot,
                          is_last ? std::nullopt : std::optional(segments_[i + 1].base_offset),
                          context_.clock->Now(), i < whole)
                    : absl::StatusOr<Segment::Recovery>(opened.status());
    if (absl::IsDataLoss(recovery.status())) {
      // Who reads it is told, and all others stay readable. Appends go on behind it, if it is known
      // where that is.
      is_durable_so_far = false;
      next_base_ = is_last ? base : segments_[i + 1].base_offset;
      if (is_last) closed_ = recovery.status();
      segments_[i].is_undecided = opened.ok();
      segments_[i].is_unsettled = true;
      continue;
    }
    if (!recovery.ok()) return recovery.status();
    const std::shared_ptr<Segment> segment = *std::move(opened);
    counters_.bytes_scanned += static_cast<std::int64_t>(recovery->scanned_bytes);
    counters_.claims_padded += recovery->claims_padded;
    counters_.torn_tail_bytes += static_cast<std::int64_t>(recovery->torn_bytes);

    OpenSegment& slot = segments_[i];
    slot.is_durable = segment->is_durable();
    next_base_ = segment->base_offset() + RecordsOf(segment->ClaimedEnd());
    if (is_durable_so_far) {
      // A checkpoint that says more than there is was written by something else.
      Offset durable =
          segment->is_durable() ? next_base_ : std::min(segment->durable_end(), next_base_);
      // What overlaps was written by something else.
      if (!is_last) durable = std::min(durable, segments_[i + 1].base_offset);
      durable_.store(durable.value(), std::memory_order_release);
      is_durable_so_far = segment->is_durable();
    }
    segment->CloseFile();  // until something is appended or synced
    if (recovery->state == SegmentState::kWritable) {
      slot.segment = segment;
      slot.was_active = true;
      Opened(slot);
      // Of a topic with smaller records, before its settings were lost: nobody could read larger
      // ones there, so nobody gets to see its gate.
      if (segment->header().max_frame_bytes < max_frame_bytes_) {
        if (const auto end = segment->CloseHere()) SealActive(*segment, *end);
      } else {
        active_.store(segment.get(), std::memory_order_release);
        gate_.store(&segment->gate(), std::memory_order_release);
      }
    }
    if (recovery->was_cut && !is_last) {
      if (const auto status = DropSegmentsFrom(directory, i + 1); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

std::size_t PartitionLog::SkipSettled(Directory& directory) {
  if (segments_.size() < 2) return 0;
  const auto look = [&](Offset base) {
    auto segment = Segment::Open(directory, name_, base, MapAccess::kRead);
    if (segment.ok()) (*segment)->Follow(context_.boot);
    return segment;
  };
  const auto last = look(segments_.back().base_offset);
  // Recovery deals with what it finds there.
  if (!last.ok() || !(*last)->IsOfBoot(context_.boot)) return 0;
  const std::size_t settled = SegmentAbove(Offset((*last)->header().settled_before - 1));
  // Syncs go from the first on, and none was lost since the machine was started: all that are
  // durable come first. Mostly that is none, or all.
  std::size_t durable = 0;
  for (std::size_t high = settled; durable < high;) {
    std::size_t middle = durable + (high - durable) / 2;
    if (high == settled) middle = durable == 0 ? 0 : settled - 1;
    const auto segment = look(segments_[middle].base_offset);
    if (segment.ok() && (*segment)->is_durable()) {
      durable = middle + 1;
      continue;
    }
    const Offset end =
        segment.ok() ? (*segment)->durable_end() : segments_[middle].base_offset;  // damaged
    durable_.store(end.value(), std::memory_order_release);
    high = middle;
  }
  for (std::size_t i = 0; i < durable; ++i) segments_[i].is_durable = true;
  return settled;
}

std::size_t PartitionLog::CountWhole(Directory& directory) {
  for (std::size_t i = segments_.size(); i > 1; --i) {
    const auto segment =
        Segment::Open(directory, name_, segments_[i - 1].base_offset, MapAccess::kRead);
    if (!segment.ok()) continue;
    (*segment)->Follow(context_.boot);
    const bool was_synced = (*segment)->durable_end() > (*segment)->base_offset();
    if (was_synced || (*segment)->IsOfBoot(context_.boot)) return i - 1;
  }
  return 0;
}

absl::Status PartitionLog::DropSegmentsFrom(Directory& directory, std::size_t index) {
  // A segment is synced only after all before it, so if one behind the cut is durable, the power
  // is not what took the records: it is damage, which readers report as a gap.
  for (std::size_t i = index; i < segments_.size(); ++i) {
    const auto segment =
        Segment::Open(directory, name_, segments_[i].base_offset, MapAccess::kRead);
    if (absl::IsNotFound(segment.status())) continue;
    if (absl::IsDataLoss(segment.status())) return absl::OkStatus();  // it may have been
    if (!segment.ok()) return segment.status();
    (*segment)->Follow(context_.boot);
    if (IsPlanted(PlantedBug::kDropsDurableSegments)) continue;
    // Nor did it if they are of this boot.
    if ((*segment)->durable_end() > (*segment)->base_offset() ||
        (*segment)->IsOfBoot(context_.boot)) {
      return absl::OkStatus();
    }
  }
  // The last one first: should the power go again, no hole is left in the middle.
  while (segments_.size() > index) {
    const Offset base = segments_.back().base_offset;
    if (const auto status = directory.RemoveFile(SegmentFileName(base, ".log")); !status.ok()) {
      return status;
    }
    directory.RemoveFile(SegmentFileName(base, ".index")).IgnoreError();  // it may have none
    directory.RemoveFile(SegmentFileName(base, ".producers")).IgnoreError();
    segments_.pop_back();
  }
  return directory.Sync();
}

absl::StatusOr<std::shared_ptr<Segment>> PartitionLog::OpenAt(std::size_t index) {
  OpenSegment& slot = segments_[index];
  slot.last_used = ++uses_;
  const std::uint64_t changes = context_.is_read_only ? follower_.changes() : 0;
  if (slot.segment != nullptr && slot.seen_changes != changes) Renew(slot);
  if (slot.segment != nullptr) return slot.segment;
  slot.seen_changes = changes;
  const auto directory = OpenDirectory();
  if (!directory.ok()) return directory.status();
  // What is synced notes so in its header.
  const bool is_done = context_.is_read_only || slot.is_durable;
  auto segment = Segment::Open(**directory, name_, slot.base_offset,
                               is_done ? MapAccess::kRead : MapAccess::kReadWrite, context_.steps);
  if (absl::IsNotFound(segment.status()) && context_.is_read_only) {
    const Offset base = slot.base_offset;
    if (!(*directory)->OpenFile(SegmentFileName(base, ".log"), FileMode::kRead).ok()) {
      if (const auto status = ListSegments(**directory); !status.ok()) return status;
    } else if (index + 1 != segments_.size()) {
      return absl::DataLossError(std::string(segment.status().message()));
    } else {
      // Of a power cut that nobody has recovered from: not even its header reached the disk.
      Forget(index, index + 1);
      first_uncommitted_ = std::min(first_uncommitted_, index == 0 ? 0 : index - 1);
      next_base_ = base;
    }
    if (FindSlot(base) == nullptr) return NoSuchOffset(base);
  }
  if (!segment.ok()) return segment.status();
  (*segment)->Follow(context_.boot);
  (*segment)->CloseFile();
  if (slot.is_undecided) (*segment)->TakeZerosForHoles();
  slot.segment = *segment;
  Opened(slot);
  return segment;
}

}  // namespace daybook::inline v1
