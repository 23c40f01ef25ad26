#include <algorithm>
#include <chrono>
#include <utility>

#include "base/deadline.h"
#include "base/planted_bug.h"
#include "coordination/group_coordinator.h"

// Where a group begins in partitions that it has no place in, at OffsetReset::kLatest.
//
// It begins at the end as of when it first subscribed to the topic, and that is its place from then
// on, noted for all partitions at once: a member that is lost before it has committed anything then
// takes nothing with it. Where the place is noted by the member that gets the partition instead,
// what arrives before the next member gets it is delivered to nobody.
//
// What came after the group, it reads from the beginning: partitions that were added to a topic,
// and topics that were made while somebody's expression was waiting for them. While there are
// members that is seen. For a group that comes back it follows from the places it has: a partition
// without one, of a topic with some, came later; for an expression, so did a topic.
//
// At kEarliest and kNone nothing has to be noted: a partition without a place is read from its
// beginning, or not at all, whoever gets it.

namespace daybook::inline v1 {
namespace {

// What is in `now` and not in `before`.
std::vector<TopicPartition> Appeared(const std::map<std::string, int>& before,
                                     const std::map<std::string, int>& now) {
  std::vector<TopicPartition> appeared;
  for (const auto& [topic, count] : now) {
    const auto known = before.find(topic);
    for (int id = known == before.end() ? 0 : known->second; id < count; ++id) {
      appeared.push_back({topic, id});
    }
  }
  return appeared;
}

}  // namespace

void GroupCoordinator::LookAtTopics() {
  const std::map<std::string, int> before = SelectTopics();
  const bool is_at_end = std::any_of(members_.all().begin(), members_.all().end(),
                                     [](const auto& one) { return one.second.begins_at_end; });
  if (!is_at_end) return;
  std::vector<TopicPartition> unknown;
  for (TopicPartition& partition : Appeared(before, topics_.partitions)) {
    const auto place = store_.Find({name_, partition.topic, partition.partition});
    if (place.ok() && place->has_value()) continue;
    members_.Of(partition).is_new = true;
    unknown.push_back(std::move(partition));
  }
  // If that cannot be stored now, the member that gets the partition tries again.
  FixPlaces(unknown).IgnoreError();
}

absl::Status GroupCoordinator::LookAtTopicsOf(const Member& joined) {
  const std::map<std::string, int> before = SelectTopics();
  if (!joined.begins_at_end) return absl::OkStatus();
  const std::vector<TopicPartition> appeared = Appeared(before, topics_.partitions);
  if (appeared.empty()) return absl::OkStatus();
  const auto places = store_.FindGroup(name_);
  if (!places.ok()) return places.status();
  std::set<std::string> known;
  for (const auto& [key, place] : *places) {
    if (std::binary_search(joined.topics.begin(), joined.topics.end(), key.topic)) {
      known.insert(key.topic);
    }
  }
  const bool is_expression = joined.subscription.names().empty();
  std::vector<TopicPartition> unknown;
  for (const TopicPartition& partition : appeared) {
    if (places->contains({name_, partition.topic, partition.partition})) continue;
    members_.Of(partition).is_new =
        known.contains(partition.topic) || (is_expression && !known.empty());
    unknown.push_back(partition);
  }
  return FixPlaces(unknown);
}

absl::Status GroupCoordinator::FixPlaces(const std::vector<TopicPartition>& partitions) {
  std::map<OffsetStore::Key, Offset> places;
  absl::StatusOr<Topic> topic = absl::NotFoundError("none yet");
  for (const TopicPartition& partition : partitions) {
    if (!topic.ok() || topic->name() != partition.topic) topic = catalog_.Find(partition.topic);
    if (absl::IsNotFound(topic.status())) continue;  // it was deleted meanwhile
    if (!topic.ok()) return topic.status();
    if (partition.partition >= topic->partitions()) continue;
    Partition& log = topic->partition(partition.partition);
    const auto offset = members_.Of(partition).is_new ? log.begin_offset() : log.end_offset();
    if (!offset.ok()) return offset.status();
    places[{name_, partition.topic, partition.partition}] = *offset;
  }
  if (IsPlanted(PlantedBug::kForgetsWhereItBegan)) return absl::OkStatus();
  return store_.CommitAll(places);
}

absl::StatusOr<Offset> GroupCoordinator::FixPlace(const std::string& member,
                                                  const TopicPartition& partition,
                                                  PartitionLog& log) {
  absl::StatusOr<Offset> offset = Offset();
  {
    MutexLock lock(mutex_);
    const auto found = WithPlace(partition);
    if (!found.ok()) return found.status();
    const GroupPartition& owned = **found;
    offset = owned.is_new ? log.begin_offset() : log.end_offset();
    if (!offset.ok() || IsPlanted(PlantedBug::kForgetsWhereItBegan)) return offset;
    // A member that was held up may have lost the partition since it saw no place, and the next
    // owner have committed one.
    const auto check = [&] {
      if (auto status = CheckOwner(member, owned); !status.ok()) return status;
      if (!owned.place->committed) return absl::OkStatus();
      offset = owned.place->committed->offset;
      return absl::AlreadyExistsError("the group has a place there");
    };
    const auto status = store_.Commit(*owned.place, *offset, {}, check, [] {});
    if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  }
  const auto status = store_.WaitDurable(DeadlineAfter(kSyncTimeout));
  if (!status.ok()) return status;
  return offset;
}

}  // namespace daybook::inline v1
