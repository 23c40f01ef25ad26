#include "log/store/followed_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/no_memory.h"
#include "log/store/log_part.h"
#include "log/store/log_start.h"

namespace daybook::inline v1 {

FollowedStore::FollowedStore(const LogContext& context, const PartitionName& name,
                             RecoveryCounters& counters)
    : SegmentStore(context, name, context.limits, context.follower != nullptr),
      counters_(counters),
      follower_(context.follower, PartOf(name)) {}

absl::Status FollowedStore::EnsureOpen() {
  if (!deletion().ok()) return deletion();
  if (is_open()) return absl::OkStatus();
  NoMemoryLeft();
  const auto opened = directory().Open();
  if (absl::IsNotFound(opened.status())) return absl::OkStatus();  // it is looked for again
  if (!opened.ok()) return opened.status();
  follower_.Watch(**opened);
  follower_.listed_changes = follower_.changes();
  if (const auto status = List(**opened); !status.ok()) return status;
  SetOpen();
  counters_.partitions_opened.fetch_add(1, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status FollowedStore::WritableStatus() const {
  const auto status = SegmentStore::WritableStatus();
  if (!status.ok()) return status;
  return absl::FailedPreconditionError(absl::StrCat(name().directory(),
                                                    ": the broker is open read-only; open it with "
                                                    "BrokerAccess::kReadWrite to append"));
}

absl::Status FollowedStore::SyncableStatus() {
  MutexLock lock(mutex());
  return WritableStatus();
}

absl::Status FollowedStore::List(Directory& directory) {
  const auto bases = ListSegmentBases(directory);
  if (!bases.ok()) return bases.status();
  const auto is_listed = [&](std::size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return std::binary_search(bases->begin(), bases->end(), SlotAt(index).base_offset);
  };
  for (const Offset base : *bases) Insert(base);
  if (bases->empty()) return absl::OkStatus();
  // A damaged one deletes nothing.
  if (const auto start = ReadLogStart(directory); start.ok()) bounds().RaiseStart(*start);
  // What was there throughout is listed: these were dropped, or a recovery made them void.
  for (std::size_t last = size(); last != 0; --last) {
    if (is_listed(last - 1)) continue;
    std::size_t first = last - 1;
    while (first != 0 && !is_listed(first - 1)) --first;
    if (first != 0) SlotAt(first - 1).times.reset();  // it may have taken their place
    Remove(first, last);
    last = first + 1;
  }
  SetFirstUncommitted(std::min(first_uncommitted(), size() - 1));
  return absl::OkStatus();
}

absl::Status FollowedStore::Refresh() {
  if (const auto status = EnsureOpen(); !status.ok()) return status;
  const std::uint64_t changes = follower_.changes();
  if (follower_.listed_changes == changes) return absl::OkStatus();
  const auto opened = directory().Open();
  if (!opened.ok()) return absl::OkStatus();  // nothing is there yet
  const auto status = List(**opened);
  if (status.ok()) follower_.listed_changes = changes;
  return status;
}

absl::Status FollowedStore::RefreshBehind(const Cursor& cursor) {
  if (empty()) return absl::OkStatus();
  const Offset base = cursor.segment->base_offset();
  const auto is_known = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    const std::size_t next = IndexAbove(base);
    return next != size() && SlotAt(next).base_offset <= cursor.offset;
  };
  if (is_known()) return absl::OkStatus();
  if (const auto status = Refresh(); !status.ok()) return status;
  if (is_known() || IndexAbove(base) == size()) return absl::OkStatus();
  // A list of a directory in which files were made meanwhile may lack the first of them.
  const auto opened = directory().Open();
  return opened.ok() ? List(**opened) : opened.status();
}

absl::StatusOr<std::shared_ptr<Segment>> FollowedStore::OpenAt(std::size_t index) {
  SegmentSlot& slot = SlotAt(index);
  Touch(slot);
  const std::uint64_t changes = follower_.changes();
  if (slot.segment != nullptr && slot.seen_changes != changes) Renew(slot);
  if (slot.segment != nullptr) return slot.segment;
  slot.seen_changes = changes;
  const auto opened = directory().Open();
  if (!opened.ok()) return opened.status();
  auto segment = OpenFile(**opened, slot, MapAccess::kRead);
  if (absl::IsNotFound(segment.status())) {
    if (auto status = LookForMissing(**opened, index, segment.status()); !status.ok()) {
      return status;
    }
  }
  return segment;
}

absl::Status FollowedStore::LookForMissing(Directory& directory, std::size_t index,
                                           const absl::Status& why) {
  const Offset base = SlotAt(index).base_offset;
  if (!directory.OpenFile(SegmentFileName(base, ".log"), FileMode::kRead).ok()) {
    if (const auto status = List(directory); !status.ok()) return status;
  } else if (index + 1 != size()) {
    return absl::DataLossError(std::string(why.message()));
  } else {
    // Of a power cut that nobody has recovered from: not even its header reached the disk.
    Remove(index, index + 1);
    SetFirstUncommitted(std::min(first_uncommitted(), index == 0 ? 0 : index - 1));
    SetNextBase(base);
  }
  return Find(base) == nullptr ? NoSuchOffset(base) : absl::OkStatus();
}

absl::StatusOr<bool> FollowedStore::RefreshSegment(Segment& segment) {
  const auto opened = directory().Open();
  if (!opened.ok()) return opened.status();
  return segment.Refresh(**opened);
}

void FollowedStore::Renew(SegmentSlot& slot) {
  const std::uint64_t changes = follower_.changes();
  const auto opened = directory().Open();
  if (!opened.ok()) return;
  const auto is_same = slot.segment->Refresh(**opened);
  if (is_same.ok() && *is_same) {
    slot.seen_changes = changes;
  } else if (is_same.ok() || absl::IsNotFound(is_same.status())) {
    Unmap(slot);
    slot.times.reset();
  }
}

void FollowedStore::PassKnown() {
  if (first_uncommitted() + 1 >= size()) return;
  // The last one notes which its writer had left behind.
  const auto last = OpenAt(size() - 1);
  if (!last.ok()) return;
  const std::size_t settled = IndexAbove(Offset((*last)->header().settled_before - 1));
  SetFirstUncommitted(std::max(first_uncommitted(), std::min(settled, size() - 1)));
}

absl::StatusOr<bool> FollowedStore::OpenToPass() {
  const Offset base = SlotAt(first_uncommitted()).base_offset;
  const auto status = OpenAt(first_uncommitted()).status();
  // One that is damaged or gone holds nobody up: a reader that comes to it is told.
  if (!status.ok() && !absl::IsDataLoss(status) && !absl::IsNotFound(status)) return status;
  return Find(base) != nullptr;
}

bool FollowedStore::IsEndIn(const std::shared_ptr<Segment>& segment) {
  // The process that writes may have sealed it since, and gone on in the next one.
  const Offset base = segment->base_offset();
  Renew(SlotAt(first_uncommitted()));
  if (SlotAt(first_uncommitted()).segment != segment) return false;
  if (!PassCommitted().ok() || SlotAt(first_uncommitted()).base_offset != base) return false;
  return !PassDeadClaims(*segment, PositionOf(segment->CommittedEnd()));
}

bool FollowedStore::IsDamagedEnd(const SegmentSlot& slot, ClaimWord end) {
  // In what another process writes, in this boot, somebody may still claim, and may have gone on in
  // new blocks; but not before the next segment, once it is noted how far this one was committed,
  // whatever is left.
  Segment& segment = *slot.segment;
  const std::size_t next = IndexAbove(slot.base_offset);
  if (slot.base_offset + RecordsOf(end) >= SlotAt(next).base_offset) return true;
  if (!segment.IsOfBoot(context().boot)) return true;
  frame::FrameHeader header;
  if (segment.ReadFrame(PositionOf(end), &header) != frame::FrameState::kBad) return false;
  return RefreshSegment(segment).ok() &&
         segment.ReadFrame(PositionOf(end), &header) == frame::FrameState::kBad;
}

absl::StatusOr<Offset> FollowedStore::DurableEnd(Offset) {
  Offset durable = next_base();
  for (std::size_t i = 0; i < size(); ++i) {
    const auto segment = OpenAt(i);
    if (absl::IsOutOfRange(segment.status())) break;  // it was dropped
    if (!segment.ok()) return segment.status();
    durable = (*segment)->durable_end();
    const auto sealed = (*segment)->sealed_end();
    if (!sealed || durable < (*segment)->base_offset() + RecordsOf(*sealed)) break;
  }
  return durable;
}

absl::StatusOr<bool> FollowedStore::LookForGrowth(Segment& segment) {
  const auto same = RefreshSegment(segment);
  return same.ok() ? absl::StatusOr<bool>(true) : same;
}

absl::StatusOr<bool> FollowedStore::LookAgain(Cursor& cursor, frame::FrameState state) {
  follower_.Look();
  if (is_deleted()) {
    MutexLock lock(mutex());
    return deletion();
  }
  const std::uint64_t changes = follower_.changes();
  // A frame, or the rest of one, can lie in new blocks, of which nobody tells.
  const bool may_have_grown =
      state == frame::FrameState::kBad || !cursor.segment->Reaches(cursor.position);
  if (cursor.seen_changes == changes && !may_have_grown) return false;
  const auto is_same = RefreshSegment(*cursor.segment);
  if (!is_same.ok() && !absl::IsNotFound(is_same.status())) return is_same.status();
  cursor.seen_changes = changes;
  if (is_same.ok() && *is_same) return true;
  const auto opened = directory().Open();
  if (!opened.ok()) return opened.status();
  MutexLock lock(mutex());
  if (const auto status = List(**opened); !status.ok()) return status;
  SegmentSlot* const slot = Find(cursor.segment->base_offset());
  if (slot != nullptr && slot->segment == cursor.segment) Unmap(*slot);
  cursor.segment = nullptr;
  cursor.batch = nullptr;
  return true;
}

absl::StatusOr<RecordBatch> FollowedStore::UnlessDeleted(absl::StatusOr<RecordBatch> batch) {
  // A topic that is deleted has lost its name before the first of its files goes.
  follower_.Look();
  if (!is_deleted()) return batch;
  MutexLock lock(mutex());
  return deletion();
}

bool FollowedStore::PassDeadClaims(Segment& segment, std::uint64_t position) {
  if (segment.BehindDeadClaims(position)) return true;
  if (!follower_.WriterIsGone()) return false;
  // It is asked again behind the look: another process may have come meanwhile, and what is seen
  // may be its own.
  const auto frame = segment.FrameBehindClaims(position, context().boot);
  if (!frame || !follower_.WriterIsGone()) return false;
  segment.TakeForDead(*frame);
  return true;
}

bool FollowedStore::HasPassed(const Segment& segment) {
  MutexLock lock(mutex());
  // Who appends to it has noted in it that this is the boot.
  return !empty() && back().base_offset > segment.base_offset() &&
         !segment.IsOfBoot(context().boot);
}

bool FollowedStore::HasMoreBehindZeros(Cursor& cursor) {
  // A claim is open: its process may have died meanwhile, and another one not come here yet. Where
  // no claim is marked there may be one all the same, and zeros that are looked through once: of
  // what changes there, and of the death of its process, a follower is told.
  Segment& segment = *cursor.segment;
  const bool is_marked = frame::AcquireFrameWord(segment.At(cursor.position)) != 0;
  const bool was_looked_at =
      std::exchange(cursor.looked_behind, cursor.position) == cursor.position;
  // Who is told of changes has asked that already.
  return (!follower_.is_told() && HasPassed(segment)) ||
         ((is_marked || !was_looked_at || segment.BehindDeadClaims(cursor.position)) &&
          PassDeadClaims(segment, cursor.position));
}

bool FollowedStore::HasMoreBehindSeal(const Cursor& cursor) {
  // Who is told of changes is told of another segment in the place of this one, too.
  if (!tells_of_changes()) return SegmentStore::HasMoreBehindSeal(cursor);
  MutexLock lock(mutex());
  // What is new may have been told while another place was looked at.
  if (follower_.is_told() && follower_.listed_changes != follower_.changes()) return true;
  return !empty() && back().base_offset > cursor.segment->base_offset();
}

}  // namespace daybook::inline v1
