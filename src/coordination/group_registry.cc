#include "coordination/group_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/topics/topic_state.h"
#include "daybook/limits.h"

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

absl::StatusOr<std::shared_ptr<GroupRegistry>> GroupRegistry::Open(std::string_view directory,
                                                                   const BrokerOptions& options) {
  const auto core = BrokerCore::Open(directory, options);
  if (!core.ok()) return core.status();
  auto groups = std::make_unique<GroupRegistry>(**core);
  GroupRegistry* const opened = groups.get();
  (*core)->SetListener(std::move(groups));
  return std::shared_ptr<GroupRegistry>(*core, opened);
}

void GroupRegistry::TopicsChanged() {
  for (const auto& group : OpenGroups()) group->CatalogChanged();
}

void GroupRegistry::TopicDeleted(std::string_view topic) {
  for (const auto& group : OpenGroups()) group->ForgetTopic(topic);
}

void GroupRegistry::DropLostReaders() {
  const MonotonicTime now = core_.clock().MonotonicNow();
  for (const auto& group : OpenGroups()) group->DropLost(now);
}

std::vector<std::shared_ptr<GroupCoordinator>> GroupRegistry::OpenGroups() {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<GroupCoordinator>> open;
  for (const auto& [name, group] : groups_) open.push_back(group);
  return open;
}

absl::StatusOr<std::shared_ptr<GroupCoordinator>> GroupRegistry::Find(std::string_view name) {
  if (const auto status = CheckGroupName(name, "a group's name"); !status.ok()) return status;
  const auto writable = core_.CheckKeepsOffsets(
      absl::StrCat(", so nothing of the group ", std::string(name), " can change"));
  if (!writable.ok()) return writable;
  if (auto status = core_.catalog().Check(); !status.ok()) return status;
  core_.Follow();
  MutexLock lock(mutex_);
  if (sweep_.IsDue(groups_.size())) ForgetIdle();
  if (const auto found = groups_.find(name); found != groups_.end()) return found->second;
  // Made before it is in the list: without memory for it, there must be nothing of its name there.
  auto group = std::make_shared<GroupCoordinator>(std::string(name), core_.group_offsets(),
                                                  core_.catalog(), core_.clock(), forgotten_);
  groups_.emplace(std::string(name), group);
  return group;
}

void GroupRegistry::ForgetIdle() {
  std::erase_if(groups_, [&](const auto& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    GroupCoordinator& group = *entry.second;
    if (entry.second.use_count() != 1 || group.HasMembers()) return false;
    const GroupCoordinator::Counts counts = group.counts();
    forgotten_.joined = std::max(forgotten_.joined, counts.joined);
    forgotten_.generation = std::max(forgotten_.generation, counts.generation);
    return true;
  });
  sweep_.Swept(groups_.size());
}

std::size_t GroupRegistry::size() {
  MutexLock lock(mutex_);
  return groups_.size();
}

absl::StatusOr<std::vector<std::string>> GroupRegistry::List() {
  auto groups = core_.group_offsets().Groups();
  if (!groups.ok()) return groups.status();
  for (const auto& group : OpenGroups()) {
    if (group->HasMembers()) groups->push_back(group->name());
  }
  std::sort(groups->begin(), groups->end());
  groups->erase(std::unique(groups->begin(), groups->end()), groups->end());
  return groups;
}

absl::StatusOr<GroupDescription> GroupRegistry::Describe(std::string_view name) {
  core_.Follow();
  const auto committed = core_.group_offsets().FindGroup(name);
  if (!committed.ok()) return committed.status();
  GroupCoordinator::Description members;
  {
    MutexLock lock(mutex_);
    members.generation = forgotten_.generation;
  }
  for (const auto& group : OpenGroups()) {
    if (group->name() == name) members = group->Describe();
  }
  const bool is_empty = committed->empty() && members.members.empty();
  if (is_empty || !CheckGroupName(name, "a group's name").ok()) {
    return absl::NotFoundError(
        absl::StrCat("there is no group ", std::string(name), " in ", core_.directory()));
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
    const auto topic = core_.catalog().Find(partition.topic);
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

absl::Status GroupRegistry::CheckRange(const TopicPartition& partition, Offset offset) {
  const auto topic = core_.catalog().Find(partition.topic);
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

absl::Status GroupRegistry::AlterOffsets(std::string_view name,
                                         const std::map<TopicPartition, Offset>& offsets) {
  const auto group = Find(name);
  if (!group.ok()) return group.status();
  return (*group)->WhileEmpty([&]() -> absl::Status {
    for (const auto& [partition, offset] : offsets) {
      if (const auto status = CheckRange(partition, offset); !status.ok()) return status;
    }
    std::map<OffsetStore::Key, Offset> places;
    for (const auto& [partition, offset] : offsets) {
      places[{std::string(name), partition.topic, partition.partition}] = offset;
    }
    return core_.group_offsets().CommitAll(places);
  });
}

absl::Status GroupRegistry::Delete(std::string_view name) {
  const auto group = Find(name);
  if (!group.ok()) return group.status();
  return (*group)->WhileEmpty([&]() -> absl::Status {
    const auto places = core_.group_offsets().FindGroup(name);
    if (!places.ok()) return places.status();
    if (places->empty()) {
      return absl::NotFoundError(
          absl::StrCat("there is no group ", std::string(name), " in ", core_.directory()));
    }
    return core_.group_offsets().ForgetGroup(name);
  });
}

absl::StatusOr<std::int64_t> GroupRegistry::ExpireOffsets(std::chrono::nanoseconds unused_for) {
  if (unused_for.count() < 0) {
    return absl::InvalidArgumentError("places expire after a time that is not negative");
  }
  if (auto status = core_.CheckKeepsOffsets(", so no place in it can expire"); !status.ok()) {
    return status;
  }
  const auto groups = core_.group_offsets().Groups();
  if (!groups.ok()) return groups.status();
  const Timestamp time = core_.clock().Now() - unused_for;
  std::int64_t expired = 0;
  for (const std::string& name : *groups) {
    const auto group = Find(name);
    if (!group.ok()) return group.status();
    bool has_members = true;
    const auto status = (*group)->WhileEmpty([&]() -> absl::Status {
      has_members = false;
      const auto forgotten = core_.group_offsets().Expire(name, time);
      if (forgotten.ok()) expired += *forgotten;
      return forgotten.status();
    });
    if (!has_members && !status.ok()) return status;
  }
  return expired;
}

}  // namespace daybook::inline v1
