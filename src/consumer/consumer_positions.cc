#include "consumer/consumer_positions.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {

void ConsumerPositions::Remove(const std::set<TopicPartition>& partitions) {
  if (partitions.empty()) return;
  cursors_.RemoveIf([&](const Entry& entry) { return partitions.contains(NameOf(entry)); });
  UpdateHeld();
}

std::vector<TopicPartition> ConsumerPositions::Assignment() {
  std::vector<TopicPartition> assignment;
  for (const Entry& entry : entries()) assignment.push_back(NameOf(entry));
  std::sort(assignment.begin(), assignment.end());
  return assignment;
}

absl::StatusOr<ConsumerPositions::Entry*> ConsumerPositions::Find(const TopicPartition& partition) {
  Entry* entry = cursors_.Find(partition.topic, partition.partition);
  if (entry == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(partition.topic, "-", partition.partition,
                                                      " is not assigned to ", member_.id(),
                                                      " now; Assignment() tells what is"));
  }
  return entry;
}

absl::StatusOr<std::vector<ConsumerPositions::Entry*>> ConsumerPositions::Find(
    const std::vector<TopicPartition>& partitions) {
  std::vector<Entry*> entries;
  for (const TopicPartition& partition : partitions) {
    const auto entry = Find(partition);
    if (!entry.ok()) return entry.status();
    entries.push_back(*entry);
  }
  if (!partitions.empty()) return entries;
  for (Entry& entry : cursors_.entries()) entries.push_back(&entry);
  return entries;
}

absl::Status ConsumerPositions::NoPlaceIn(const TopicPartition& partition) const {
  return absl::OutOfRangeError(
      absl::StrCat("the group ", member_.group().name(), " has no place in ", partition.topic, "-",
                   partition.partition,
                   ", or what was there is gone, and OffsetReset is kNone; "
                   "Seek to where it shall begin, or use Admin::AlterGroupOffsets before joining"));
}

void ConsumerPositions::UpdateHeld() {
  lacks_place_ = false;
  for (Entry& entry : entries()) {
    entry.is_held = entry.is_paused || !entry.has_place;
    lacks_place_ = lacks_place_ || !entry.has_place;
  }
}

absl::Status ConsumerPositions::NoPlace() {
  for (const Entry& entry : entries()) {
    if (!entry.has_place) return NoPlaceIn(NameOf(entry));
  }
  return absl::OkStatus();
}

GroupOffsets ConsumerPositions::Positions() {
  GroupOffsets positions{.group = member_.group().name(),
                         .member_id = member_.id(),
                         .generation = member_.generation(),
                         .offsets = {}};
  for (const Entry& entry : entries()) {
    if (entry.has_place) positions.offsets[NameOf(entry)] = {.offset = entry.cursor.offset};
  }
  return positions;
}

absl::Status ConsumerPositions::Seek(const TopicPartition& partition, Offset offset) {
  if (offset < Offset(0)) {
    return absl::InvalidArgumentError(absl::StrCat("cannot seek to ", offset.value(), " in ",
                                                   partition.topic, "-", partition.partition,
                                                   "; offsets begin at 0"));
  }
  return SeekAll({partition}, [offset](PartitionLog&) { return offset; });
}

absl::Status ConsumerPositions::SeekAll(const std::vector<TopicPartition>& partitions,
                                        const ChooseOffset& choose) {
  if (const auto status = member_.CheckStanding(); !status.ok()) return status;
  const auto entries = Find(partitions);
  if (!entries.ok()) return entries.status();
  std::vector<Offset> offsets;
  for (const Entry* entry : *entries) {
    const auto offset = choose(entry->log());
    if (!offset.ok()) return offset.status();
    offsets.push_back(*offset);
  }
  cursors_.Moved();
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    Entry& entry = *(*entries)[i];
    entry.MoveTo(offsets[i]);
    entry.was_moved = true;
    entry.stored = Offset(-1);  // a transaction may have moved the place since it was known
    entry.has_place = true;
  }
  UpdateHeld();
  return absl::OkStatus();
}

absl::Status ConsumerPositions::SeekToCommitted() {
  if (const auto status = member_.CheckStanding(); !status.ok()) return status;
  std::vector<std::optional<Offset>> offsets;
  for (const Entry& entry : entries()) {
    const auto place = offsets_.Find({member_.group().name(), entry.topic.name(), entry.partition});
    if (!place.ok()) return place.status();
    offsets.push_back(place->has_value() ? (*place)->offset : entry.began);
  }
  cursors_.Moved();
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    Entry& entry = entries()[i];
    entry.has_place = offsets[i].has_value();
    if (entry.has_place) entry.MoveTo(*offsets[i]);
    entry.stored = Offset(-1);
  }
  UpdateHeld();
  return absl::OkStatus();
}

absl::StatusOr<Offset> ConsumerPositions::Position(const TopicPartition& partition) {
  const auto entry = Find(partition);
  if (!entry.ok()) return entry.status();
  if (!(*entry)->has_place) return NoPlaceIn(partition);
  return (*entry)->cursor.offset;
}

absl::StatusOr<std::int64_t> ConsumerPositions::Lag(const TopicPartition& partition) {
  const auto position = Position(partition);
  if (!position.ok()) return position.status();
  const auto end = (*Find(partition))->log().end_offset();
  if (!end.ok()) return end.status();
  return *end - *position;
}

absl::Status ConsumerPositions::SetPaused(const std::vector<TopicPartition>& partitions,
                                          bool is_paused) {
  if (const auto status = member_.CheckStanding(); !status.ok()) return status;
  if (partitions.empty()) return absl::OkStatus();
  const auto entries = Find(partitions);
  if (!entries.ok()) return entries.status();
  cursors_.Moved();
  for (Entry* entry : *entries) entry->is_paused = is_paused;
  UpdateHeld();
  return absl::OkStatus();
}

std::vector<TopicPartition> ConsumerPositions::Paused() {
  std::vector<TopicPartition> paused;
  for (const Entry& entry : entries()) {
    if (entry.is_paused) paused.push_back(NameOf(entry));
  }
  std::sort(paused.begin(), paused.end());
  return paused;
}

}  // namespace daybook::inline v1
