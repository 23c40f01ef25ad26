#include <algorithm>
#include <span>

#include "base/planted_bug.h"
#include "segment/segment.h"

// What of a segment is on the disk, and the notes of it in its header page.

namespace daybook::inline v1 {
namespace {

constexpr std::uint64_t kWriteStep = std::uint64_t{1} << 20;

// After a failed sync: writes what is before `until` and not known to be durable once more, as it
// is. Not a byte behind that: appends may be under way there.
absl::Status WriteAgain(const Segment& segment, const SegmentCheckpoint& checkpoint, File& file,
                        std::uint64_t until) {
  if (IsPlanted(PlantedBug::kRetriesFailedSync)) return absl::OkStatus();
  const auto unsynced = checkpoint.UnsyncedFrom();
  std::uint64_t position = unsynced.value_or(until);
  while (position < until) {
    const std::uint64_t bytes = std::min(kWriteStep, until - position);
    const std::span<const std::byte> written(segment.At(position), bytes);
    if (const auto status = file.WriteAt(position, written); !status.ok()) return status;
    position += bytes;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Segment::Sync(Directory& directory, ClaimWord end, const BootId& boot) {
  const auto sealed = sealed_end();
  const auto opened = file_.Opened(directory);
  if (!opened.ok()) return opened.status();
  const std::shared_ptr<File> file = *opened;
  // A sealed segment has nothing left to write: its descriptor is not needed any more.
  if (sealed == end) file_.Close();
  if (IsPlanted(PlantedBug::kCheckpointAheadOfData)) Checkpoint(boot, end);
  // Without the lock: appends go on meanwhile.
  absl::Status synced = WriteAgain(*this, checkpoint_, *file,
                                   PositionOf(end) + (sealed == end ? frame::kSealBytes : 0));
  if (synced.ok()) synced = file->Sync();
  checkpoint_.NoteSync(!synced.ok());
  if (!synced.ok()) {
    Checkpoint(boot);
    return synced;
  }
  if (sealed == end) {
    Checkpoint(boot, end + MakeClaimWord(0, frame::kSealBytes));
    checkpoint_.MarkDurable();
  } else {
    Checkpoint(boot, end);
  }
  return absl::OkStatus();
}

void Segment::Checkpoint(const BootId& boot, std::optional<ClaimWord> durable) {
  if (is_in_memory_) return;
  ClaimWord committed = CommittedEnd();
  const auto sealed = sealed_end();
  if (sealed && committed == *sealed) committed += MakeClaimWord(0, frame::kSealBytes);
  checkpoint_.Write(boot, committed, durable);
}

}  // namespace daybook::inline v1
