#include "log/store/segment_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {

SegmentStore::SegmentStore(const LogContext& context, const PartitionName& name,
                           std::shared_ptr<OpenLimits> limits, bool tells_of_changes)
    : SegmentList(std::move(limits)),
      context_(context),
      name_(name),
      directory_(context.root, name.directory()),
      tells_of_changes_(tells_of_changes) {}

absl::Status SegmentStore::WritableStatus() const { return deletion_.ok() ? refusal_ : deletion_; }

void SegmentStore::MarkDeleted(const absl::Status& why) {
  deletion_ = why;
  is_deleted_.store(true);
}

absl::StatusOr<std::shared_ptr<Segment>> SegmentStore::OpenWithIndex(std::size_t index) {
  auto segment = OpenAt(index);
  if (segment.ok() && !(*segment)->index().is_loaded() && (*segment)->sealed_end()) {
    if (const auto directory = directory_.Open(); directory.ok()) {
      (*segment)->index().Load(**segment, **directory);
    }
  }
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> SegmentStore::SegmentOf(Offset offset) {
  for (;;) {
    const std::size_t above = IndexAbove(offset);
    if (above == 0) return NoSuchOffset(offset);
    auto segment = OpenWithIndex(above - 1);
    // It was dropped, or replaced by one with a lower base offset: it is off the list now.
    if (!absl::IsOutOfRange(segment.status())) return segment;
  }
}

absl::StatusOr<std::shared_ptr<Segment>> SegmentStore::OpenFile(Directory& directory,
                                                                SegmentSlot& slot,
                                                                MapAccess access) {
  auto segment = Segment::Open(directory, name_, slot.base_offset, access, context_.steps);
  if (!segment.ok()) return segment;
  (*segment)->Follow(context_.boot);
  (*segment)->file().Close();
  if (slot.is_undecided) (*segment)->TakeZerosForHoles();
  slot.segment = *segment;
  NoteMapped(slot);
  return segment;
}

absl::Status SegmentStore::PassCommitted() {
  PassKnown();
  // Claims in a segment that is sealed may still be open, and then nothing behind counts.
  while (first_uncommitted() + 1 < size()) {
    const auto opened = OpenToPass();
    if (!opened.ok()) return opened.status();
    if (!*opened) continue;
    const SegmentSlot& slot = SlotAt(first_uncommitted());
    if (slot.segment != nullptr) {
      const ClaimWord end = slot.segment->CommittedEnd();
      if (end != slot.segment->sealed_end() && !IsDamagedEnd(slot, end)) break;
      if (slot.was_active && !IsDurable(slot)) slot.segment->Checkpoint(context_.boot);
    }
    SetFirstUncommitted(first_uncommitted() + 1);
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> SegmentStore::EndOffsetLocked() {
  while (!empty()) {
    const auto passed = PassCommitted();
    if (absl::IsOutOfRange(passed)) continue;  // one was dropped: look again
    if (!passed.ok()) return passed;
    if (empty()) break;  // not even the first one had reached the disk
    const auto segment = OpenAt(first_uncommitted());
    if (absl::IsOutOfRange(segment.status())) continue;
    // Damaged: what is before it can be read, and a reader that comes to it is told.
    if (absl::IsDataLoss(segment.status())) return SlotAt(first_uncommitted()).base_offset;
    if (!segment.ok()) return segment.status();
    if (!IsEndIn(*segment)) continue;
    return (*segment)->base_offset() + RecordsOf((*segment)->CommittedEnd());
  }
  return next_base_;
}

absl::StatusOr<Offset> SegmentStore::begin_offset() {
  Look();
  MutexLock lock(mutex());
  if (const auto status = Refresh(); !status.ok()) return status;
  const Offset first = empty() ? next_base_ : front().base_offset;
  if (bounds_.start() <= first) return first;
  const auto end = EndOffsetLocked();  // another process may have told the start first
  return end.ok() ? std::min(bounds_.start(), *end) : end;
}

absl::StatusOr<Offset> SegmentStore::end_offset() {
  Look();
  MutexLock lock(mutex());
  if (const auto status = Refresh(); !status.ok()) return status;
  return EndOffsetLocked();
}

absl::Status SegmentStore::NoSuchOffset(Offset wanted) {
  const auto end = EndOffsetLocked();
  if (!end.ok()) return end.status();
  const Offset begin = std::min(BeginOffsetLocked(), *end);
  return absl::OutOfRangeError(absl::StrCat(name_.directory(), ": there is no offset ",
                                            wanted.value(), "; the partition has [", begin.value(),
                                            ", ", end->value(), "); seek to one of these"));
}

absl::Status SegmentStore::CheckRange(Offset wanted, Offset start) {
  const auto end = EndOffsetLocked();
  if (!end.ok()) return end.status();
  const Offset begin = std::max(empty() ? *end : front().base_offset, start);
  return wanted < std::min(begin, *end) || wanted > *end ? NoSuchOffset(wanted) : absl::OkStatus();
}

absl::StatusOr<Offset> SegmentStore::BaseAbove(Offset offset) {
  const std::size_t next = IndexAbove(offset);
  return next == size() ? EndOffsetLocked() : SlotAt(next).base_offset;
}

bool SegmentStore::HasMoreBehindSeal(const Cursor& cursor) {
  MutexLock lock(mutex());
  if (empty()) return false;
  const Offset base = cursor.segment->base_offset();
  const SegmentSlot& last = back();
  // An empty one may have been replaced by another one of its name.
  return last.base_offset > base || (last.base_offset == base && last.segment != cursor.segment);
}

absl::StatusOr<SegmentFacts> SegmentStore::FactsAt(std::size_t index) {
  SegmentSlot& slot = SlotAt(index);
  if (slot.facts) return *slot.facts;
  const Offset base = slot.base_offset;
  const auto segment = OpenAt(index);
  if (absl::IsDataLoss(segment.status())) {
    const auto opened = directory().Open();
    if (!opened.ok()) return opened.status();
    return FactsOfDamaged(**opened, base);
  }
  if (!segment.ok()) return segment.status();
  const SegmentFacts facts = FactsOf(**segment);
  if (facts.sealed) SlotAt(index).facts = std::make_shared<const SegmentFacts>(facts);
  return facts;
}

absl::StatusOr<std::vector<SegmentFacts>> SegmentStore::Facts() {
  Look();
  std::vector<SegmentFacts> all;
  for (Offset above(-1);;) {
    // Of each for itself, since it may have to be opened.
    MutexLock lock(mutex());
    if (all.empty()) {
      if (const auto status = Refresh(); !status.ok()) return status;
    }
    const std::size_t index = IndexAbove(above);
    if (index == size()) return all;
    above = SlotAt(index).base_offset;
    const auto facts = FactsAt(index);
    // It was dropped meanwhile.
    if (absl::IsOutOfRange(facts.status()) || absl::IsNotFound(facts.status())) continue;
    if (!facts.ok()) return facts.status();
    all.push_back(*facts);
  }
}

}  // namespace daybook::inline v1
