#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "broker/broker_core.h"
#include "broker/topics/topic_settings.h"
#include "daybook/limits.h"

// What a broker does for its groups.

namespace daybook::inline v1 {
absl::Status CheckGroupName(std::string_view name, std::string_view what) {
  const bool is_printable =
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= ' ' && c != 0x7f; });
  if (!name.empty() && name.size() <= limits::kMaxGroupNameBytes && is_printable)
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " has 1 to ",
                                                 limits::kMaxGroupNameBytes,
                                                 " bytes, none of them a control character"));
}

absl::Status BrokerCore::CreateTopic(std::string_view name, const TopicOptions& options) {
  if (IsInternalName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(name), ": names that begin with ",
                                                   std::string(kInternalPrefix),
                                                   " are for internal topics; choose another one"));
  }
  MutexLock lock(create_mutex_);
  // A crash can have come between the end of an older topic of this name and that of the places
  // that groups had in it. Nobody may go on there in this one.
  if (!is_read_only() && !IsPlanted(PlantedBug::kForgetsNoPlaces) &&
      absl::IsNotFound(catalog_.Find(name).status())) {
    if (auto status = offsets_.ForgetTopic(name); !status.ok()) return status;
  }
  const auto status = catalog_.Create(name, options).status();
  for (const auto& group : OpenGroups()) group->CatalogChanged();
  return status;
}

absl::Status BrokerCore::CreatePartitions(std::string_view topic, int total) {
  if (IsInternalName(topic)) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(topic), " is an internal topic; its partitions stay as they are"));
  }
  const auto status = catalog_.CreatePartitions(topic, total);
  for (const auto& group : OpenGroups()) group->CatalogChanged();
  return status;
}

absl::Status BrokerCore::DeleteTopic(std::string_view name) {
  if (IsInternalName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(name), " is an internal topic; it cannot be deleted"));
  }
  // Till all that was of this one is forgotten, nobody makes another one of its name.
  MutexLock lock(create_mutex_);
  bool was_removed = false;
  const auto status = catalog_.Delete(name, &was_removed);
  if (!was_removed) return status;
  // First the groups: afterwards nobody commits a place in it any more, which would count if there
  // is a topic of that name again.
  for (const auto& group : OpenGroups()) group->ForgetTopic(name);
  if (!status.ok()) return status;
  return offsets_.ForgetTopic(name);
}

std::vector<std::shared_ptr<GroupCoordinator>> BrokerCore::OpenGroups() {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<GroupCoordinator>> open;
  for (const auto& [name, group] : groups_) open.push_back(group);
  return open;
}

absl::StatusOr<std::shared_ptr<GroupCoordinator>> BrokerCore::Group(std::string_view name) {
  if (const auto status = CheckGroupName(name, "a group's name"); !status.ok()) return status;
  if (is_read_only()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is open read-only, so nothing of the group ", std::string(name),
                     " can change; open it with BrokerAccess::kReadWrite, or use a Reader"));
  }
  if (auto status = catalog_.Check(); !status.ok()) return status;
  MutexLock lock(mutex_);
  if (groups_sweep_.IsDue(groups_.size())) ForgetIdleGroups();
  if (const auto found = groups_.find(name); found != groups_.end()) return found->second;
  // Made before it is in the list: without memory for it, there must be nothing of its name there.
  auto group = std::make_shared<GroupCoordinator>(
      std::string(name), offsets_, catalog_, clock(),
      GroupCoordinator::Counts{.joined = joined_, .generation = generations_});
  groups_.emplace(std::string(name), group);
  return group;
}

void BrokerCore::ForgetIdleGroups() {
  std::erase_if(groups_, [&](const auto& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    GroupCoordinator& group = *entry.second;
    if (entry.second.use_count() != 1 || group.HasMembers()) return false;
    const GroupCoordinator::Counts counts = group.counts();
    joined_ = std::max(joined_, counts.joined);
    generations_ = std::max(generations_, counts.generation);
    return true;
  });
  groups_sweep_.Swept(groups_.size());
}

std::size_t BrokerCore::coordinators() {
  MutexLock lock(mutex_);
  return groups_.size();
}

absl::StatusOr<std::vector<std::string>> BrokerCore::ListGroups() {
  auto groups = offsets_.Groups();
  if (!groups.ok()) return groups.status();
  for (const auto& group : OpenGroups()) {
    if (group->HasMembers()) groups->push_back(group->name());
  }
  std::sort(groups->begin(), groups->end());
  groups->erase(std::unique(groups->begin(), groups->end()), groups->end());
  return groups;
}

absl::StatusOr<GroupDescription> BrokerCore::DescribeGroup(std::string_view name) {
  const auto committed = offsets_.FindGroup(name);
  if (!committed.ok()) return committed.status();
  GroupCoordinator::Description members;
  {
    MutexLock lock(mutex_);
    members.generation = generations_;
  }
  for (const auto& group : OpenGroups()) {
    if (group->name() == name) members = group->Describe();
  }
  if (committed->empty() && members.members.empty()) {
    return absl::NotFoundError(
        absl::StrCat("there is no group ", std::string(name), " in ", path_));
  }
  std::map<TopicPartition, GroupOffset> offsets;
  for (const auto& [key, place] : *committed) {
    GroupOffset& offset = offsets[{key.topic, key.partition}];
    offset.committed = place.offset;
    offset.metadata = place.metadata;
  }
  for (const auto& [partition, member] : members.owners) offsets[partition].member = member;

  GroupDescription description{.name = std::string(name),
                               .state = members.state,
                               .assignor = members.assignor,
                               .members = std::move(members.members),
                               .generation = members.generation,
                               .offsets = {}};
  for (auto& [partition, offset] : offsets) {
    offset.topic = partition.topic;
    offset.partition = partition.partition;
    const auto topic = catalog_.Find(partition.topic);
    if (absl::IsNotFound(topic.status())) continue;  // it was deleted meanwhile
    if (!topic.ok()) return topic.status();
    if (partition.partition >= topic->partitions()) continue;
    Partition& log = topic->partition(partition.partition);
    const auto begin = log.begin_offset();
    if (!begin.ok()) return begin.status();
    const auto end = log.end_offset();
    if (!end.ok()) return end.status();
    offset.end = *end;
    // A place before the begin is one there: what was there is gone. In a copy that was taken while
    // another process wrote, a place can be behind the end.
    offset.lag =
        std::max<std::int64_t>(*end - std::max(offset.committed.value_or(*begin), *begin), 0);
    description.offsets.push_back(offset);
  }
  return description;
}

absl::Status CheckPartition(const Topic& topic, int partition) {
  if (partition >= 0 && partition < topic.partitions()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(topic.name(), " has no partition ", partition,
                                          "; it has 0 to ", topic.partitions() - 1));
}

absl::Status BrokerCore::CheckRange(const TopicPartition& partition, Offset offset) {
  const auto topic = catalog_.Find(partition.topic);
  if (!topic.ok()) return topic.status();
  if (auto status = CheckPartition(*topic, partition.partition); !status.ok()) return status;
  Partition& log = topic->partition(partition.partition);
  const auto begin = log.begin_offset();
  if (!begin.ok()) return begin.status();
  const auto end = log.end_offset();
  if (!end.ok()) return end.status();
  if (offset < *begin || offset > *end) {
    return absl::InvalidArgumentError(
        absl::StrCat(partition.topic, "-", partition.partition, " has no offset ", offset.value(),
                     "; choose one from ", begin->value(), " to ", end->value()));
  }
  return absl::OkStatus();
}

absl::Status BrokerCore::AlterGroupOffsets(std::string_view name,
                                           const std::map<TopicPartition, Offset>& offsets) {
  const auto group = Group(name);
  if (!group.ok()) return group.status();
  return (*group)->WhileEmpty([&]() -> absl::Status {
    for (const auto& [partition, offset] : offsets) {
      if (const auto status = CheckRange(partition, offset); !status.ok()) return status;
    }
    std::map<OffsetStore::Key, Offset> places;
    for (const auto& [partition, offset] : offsets) {
      places[{std::string(name), partition.topic, partition.partition}] = offset;
    }
    return offsets_.CommitAll(places);
  });
}

absl::Status BrokerCore::DeleteGroup(std::string_view name) {
  const auto group = Group(name);
  if (!group.ok()) return group.status();
  return (*group)->WhileEmpty([&]() -> absl::Status {
    const auto places = offsets_.FindGroup(name);
    if (!places.ok()) return places.status();
    if (places->empty()) {
      return absl::NotFoundError(
          absl::StrCat("there is no group ", std::string(name), " in ", path_));
    }
    return offsets_.ForgetGroup(name);
  });
}

absl::StatusOr<std::int64_t> BrokerCore::ExpireGroupOffsets(std::chrono::nanoseconds unused_for) {
  if (unused_for.count() < 0) {
    return absl::InvalidArgumentError("places expire after a time that is not negative");
  }
  if (is_read_only()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is open read-only, so no place in it can expire"));
  }
  const auto groups = offsets_.Groups();
  if (!groups.ok()) return groups.status();
  const Timestamp time = context_.clock->Now() - unused_for;
  std::int64_t expired = 0;
  for (const std::string& name : *groups) {
    const auto group = Group(name);
    if (!group.ok()) return group.status();
    bool has_members = true;
    const auto status = (*group)->WhileEmpty([&]() -> absl::Status {
      has_members = false;
      const auto forgotten = offsets_.Expire(name, time);
      if (forgotten.ok()) expired += *forgotten;
      return forgotten.status();
    });
    if (!has_members && !status.ok()) return status;
  }
  return expired;
}

}  // namespace daybook::inline v1
