#include "coordination/group_coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/planted_bug.h"
#include "coordination/assignor.h"

namespace daybook::inline v1 {
namespace {

constexpr std::chrono::seconds kSyncTimeout{30};

// Apart, since it makes whatever calls it slower.
[[gnu::noinline]] absl::Status NoOwner(const std::string& member, const TopicPartition& partition) {
  return absl::AbortedError(absl::StrCat(partition.topic, "-", partition.partition,
                                         " is no longer read by ", member,
                                         "; what was not committed, its new owner reads again"));
}

}  // namespace

absl::StatusOr<GroupCoordinator::Membership> GroupCoordinator::Join(const Joining& joining) {
  for (const std::string& name : joining.subscription.names()) {
    const auto topic = catalog_.Find(name);
    if (!topic.ok() && !joining.was_lost) return topic.status();
  }
  const MonotonicTime now = clock_.MonotonicNow();
  Membership membership{.id = {},
                        .instance_id = joining.instance_id,
                        .deadline = std::make_shared<PollDeadline>(joining.max_poll_interval)};
  membership.deadline->Start(now);
  absl::Status fixed;
  {
    MutexLock lock(mutex_);
    DropLostLocked(now);
    if (const auto status = CheckJoining(joining); !status.ok()) return status;
    // What came before this member did is new to the others, whatever this one subscribes to.
    if (!members_.empty() && catalog_.version() != catalog_version_) LookAtTopics();
    if (members_.empty()) {
      assignor_ = joining.assignor;
      custom_assignor_ = joining.custom_assignor;
      assigned_ = absl::OkStatus();
    }
    // In the order of joining, as assignors order members by their ids.
    membership.id = absl::StrFormat("%s-%06d", name_, ++joined_);
    Member member{.subscription = joining.subscription,
                  .instance_id = joining.instance_id,
                  .deadline = membership.deadline,
                  .topics = {},
                  .begins_at_end = joining.begins_at_end};
    const auto older = FindInstance(joining.instance_id);
    if (older != members_.end()) {
      TakeOver(older, member, membership.id);
    } else {
      Changed(true);
    }
    members_.emplace(membership.id, std::move(member));
    if (!joining.instance_id.empty()) NoteInstance(membership);
    deadlines_.Include(membership.deadline->at(), membership.deadline->interval());
    fixed = LookAtTopicsOf(members_.at(membership.id));
  }
  // A power cut that takes these places would take what arrives until the first commit. They may be
  // there by another member's doing, whose sync is under way or has failed; what is durable already
  // costs nothing.
  if (fixed.ok() && joining.begins_at_end)
    fixed = store_.WaitDurable(std::chrono::steady_clock::now() + kSyncTimeout);
  if (fixed.ok()) fixed = RebalanceIfNeeded();
  if (!fixed.ok()) {
    Leave(membership.id);
    return fixed;
  }
  return membership;
}

absl::Status GroupCoordinator::CheckJoining(const Joining& joining) {
  if (members_.empty()) return absl::OkStatus();
  const bool is_custom = static_cast<bool>(joining.custom_assignor);
  const bool are_custom = static_cast<bool>(custom_assignor_);
  if (is_custom == are_custom && (is_custom || joining.assignor == assignor_)) {
    return absl::OkStatus();
  }
  const auto name = [](bool custom, Assignor assignor) {
    return custom ? std::string("custom") : std::string(NameOf(assignor));
  };
  return absl::FailedPreconditionError(absl::StrCat(
      "the members of the group ", name_, " use the assignor ", name(are_custom, assignor_),
      ", not ", name(is_custom, joining.assignor), "; use the same, or wait until they have left"));
}

GroupCoordinator::Members::iterator GroupCoordinator::FindInstance(const std::string& instance_id) {
  if (instance_id.empty()) return members_.end();
  const auto latest = instances_.find(instance_id);
  return latest == instances_.end() ? members_.end() : members_.find(latest->second.latest);
}

void GroupCoordinator::NoteInstance(const Membership& member) {
  const auto is_gone = [](const std::weak_ptr<PollDeadline>& one) { return one.expired(); };
  if (instances_sweep_.IsDue(instances_.size())) {
    std::erase_if(instances_, [&](const auto& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      const auto& [instance, known] = entry;
      return !members_.contains(known.latest) &&
             std::all_of(known.members.begin(), known.members.end(), is_gone);
    });
    instances_sweep_.Swept(instances_.size());
  }
  Instance& known = instances_[member.instance_id];
  std::erase_if(known.members, is_gone);
  known.latest = member.id;
  known.members.push_back(member.deadline);
}

void GroupCoordinator::TakeOver(Members::iterator older, Member& newer, const std::string& id) {
  // Nobody else needs to move: no rebalance, unless it wants to read something else.
  Changed(!(older->second.subscription == newer.subscription));
  newer.topics = older->second.topics;
  newer.target = std::move(older->second.target);
  newer.owned = std::move(older->second.owned);
  for (const TopicPartition& partition : newer.owned) Of(partition).owner = id;
  members_.erase(older);
  BumpEpoch();  // for the older one, if it is still there
}

void GroupCoordinator::Leave(const std::string& member) {
  {
    MutexLock lock(mutex_);
    const auto found = members_.find(member);
    if (found == members_.end()) return;
    Remove(found);
  }
  RebalanceIfNeeded().IgnoreError();
}

void GroupCoordinator::SuspendStatic(const std::string& member) {
  MutexLock lock(mutex_);
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  found->second.is_away = true;
  // Nothing is under way any more in what it has to let go of.
  const std::set<TopicPartition> owned = found->second.owned;
  for (const TopicPartition& partition : owned) {
    if (!found->second.target.contains(partition)) Release(found->second, member, partition);
  }
  BumpEpoch();
}

void GroupCoordinator::Remove(Members::iterator member) {
  const std::set<TopicPartition> owned = member->second.owned;
  for (const TopicPartition& partition : owned) Release(member->second, member->first, partition);
  members_.erase(member);
  if (members_.empty()) {
    for (auto& [name, partition] : all_) {
      partition.is_held = false;
      partition.mark.reset();
    }
  }
  Changed(true);
  LookAtTopics();
  BumpEpoch();
}

void GroupCoordinator::Release(Member& member, const std::string& id,
                               const TopicPartition& partition) {
  member.owned.erase(partition);
  std::string& owner = Of(partition).owner;
  if (owner == id) owner.clear();
}

void GroupCoordinator::DropLost(MonotonicTime now) {
  if (!deadlines_.MayBeOver(now)) return;
  MutexLock lock(mutex_);
  DropLostLocked(now);
}

void GroupCoordinator::DropLostLocked(MonotonicTime now) {
  if (!deadlines_.MayBeOver(now)) return;
  deadlines_.Reset();
  std::vector<std::string> lost;
  for (const auto& [id, member] : members_) {
    if (member.deadline->IsOver(now)) {
      lost.push_back(id);
    } else {
      deadlines_.Include(member.deadline->at(), member.deadline->interval());
    }
  }
  for (const std::string& id : lost) {
    const auto member = members_.find(id);
    if (IsPlanted(PlantedBug::kLostMemberKeepsPartitions)) member->second.owned.clear();
    Remove(member);
  }
}

GroupCoordinator::Assignment GroupCoordinator::Sync(const Membership& membership,
                                                    const std::vector<TopicPartition>& released) {
  RebalanceIfNeeded().IgnoreError();  // of that who joined is told
  MutexLock lock(mutex_);
  const auto found = members_.find(membership.id);
  if (found == members_.end()) {
    const auto latest = instances_.find(membership.instance_id);
    const bool is_fenced = latest != instances_.end() && latest->second.latest != membership.id;
    return {.standing = is_fenced ? MemberStatus::kFenced : MemberStatus::kLost,
            .epoch = epoch_.load(std::memory_order_relaxed),
            .generation = generation_,
            .owned = {},
            .revoked = {}};
  }
  Member& member = found->second;
  for (const TopicPartition& partition : released) Release(member, membership.id, partition);
  // Somebody may be waiting for these.
  if (!released.empty()) BumpEpoch();
  Assignment assignment{.standing = MemberStatus::kMember,
                        .epoch = epoch_.load(std::memory_order_relaxed),
                        .generation = generation_,
                        .owned = {},
                        .revoked = {}};
  for (const TopicPartition& partition : member.owned) {
    if (!member.target.contains(partition)) assignment.revoked.push_back(partition);
  }
  for (const TopicPartition& partition : member.target) {
    if (!assignment.revoked.empty()) break;
    GroupPartition& taken = Of(partition);
    const bool is_planted = IsPlanted(PlantedBug::kAssignBeforeRevoke);
    if (taken.owner != membership.id && (taken.owner.empty() || is_planted)) {
      taken.owner = membership.id;
      taken.owned_since = generation_;
    }
    if (taken.owner == membership.id) member.owned.insert(partition);
  }
  assignment.owned = member.owned;
  return assignment;
}

GroupPartition& GroupCoordinator::Of(const TopicPartition& partition) {
  return all_.try_emplace(partition, GroupPartition{.name = partition}).first->second;
}

GroupPartition* GroupCoordinator::Hold(const TopicPartition& partition, PartitionLog& log,
                                       Offset from) {
  MutexLock lock(mutex_);
  GroupPartition& held = Of(partition);
  if (!std::exchange(held.is_held, true)) held.mark = log.Mark(from);
  if (held.mark != nullptr && held.mark->offset() < from) held.mark->Move(from);
  return &held;
}

absl::Status GroupCoordinator::CheckOwner(const std::string& member,
                                          const GroupPartition& partition) {
  const bool is_owner = partition.owner == member || IsPlanted(PlantedBug::kNoGenerationCheck);
  return is_owner ? absl::OkStatus() : NoOwner(member, partition.name);
}

absl::Status GroupCoordinator::Commit(const std::string& member, const TopicPartition& partition,
                                      Offset offset, std::string_view metadata) {
  GroupPartition* found = nullptr;
  {
    MutexLock lock(mutex_);
    found = &Of(partition);
  }
  return Commit(member, *found, offset, metadata);
}

absl::Status GroupCoordinator::Commit(const std::string& member, GroupPartition& partition,
                                      Offset offset, std::string_view metadata) {
  MutexLock lock(mutex_);
  if (auto status = CheckOwner(member, partition); !status.ok()) return status;
  if (partition.place == nullptr) {
    const auto place = store_.EntryOf({name_, partition.name.topic, partition.name.partition});
    if (!place.ok()) return place.status();
    partition.place = *place;
  }
  auto status = store_.Commit(*partition.place, offset, metadata);
  if (status.ok() && partition.mark != nullptr) partition.mark->Move(offset);
  return status;
}

absl::Status GroupCoordinator::WhileOwned(const std::string& member,
                                          const std::map<TopicPartition, std::int64_t>& partitions,
                                          const std::function<absl::Status()>& then) {
  const MonotonicTime now = clock_.MonotonicNow();
  MutexLock lock(mutex_);
  DropLostLocked(now);
  for (const auto& [partition, generation] : partitions) {
    const GroupPartition& owned = Of(partition);
    if (const auto status = CheckOwner(member, owned); !status.ok()) return status;
    if (owned.owned_since <= generation || IsPlanted(PlantedBug::kCommitGoesBack)) continue;
    return absl::AbortedError(absl::StrCat(
        partition.topic, "-", partition.partition, " went to another member and came back to ",
        member, " since its position was taken; what was not committed is read again"));
  }
  if (const auto status = then(); !status.ok()) return status;
  for (const auto& [partition, generation] : partitions) {
    GroupPartition& held = Of(partition);
    if (held.mark == nullptr) continue;
    const auto place = store_.Find({name_, partition.topic, partition.partition});
    if (place.ok() && place->has_value()) held.mark->Move((*place)->offset);
  }
  return absl::OkStatus();
}

absl::Status GroupCoordinator::WhileEmpty(const std::function<absl::Status()>& then) {
  const MonotonicTime now = clock_.MonotonicNow();
  MutexLock lock(mutex_);
  DropLostLocked(now);
  if (!members_.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the group ", name_, " has members, among them ", members_.begin()->first,
                     "; its places are moved when all have left"));
  }
  return then();
}

void GroupCoordinator::CatalogChanged() {
  MutexLock lock(mutex_);
  if (members_.empty()) return;
  LookAtTopics();
  BumpEpoch();
}

void GroupCoordinator::ForgetTopic(std::string_view topic) {
  const auto is_of_topic = [&](const TopicPartition& partition) {
    return partition.topic == topic;
  };
  MutexLock lock(mutex_);
  for (auto& [name, partition] : all_) {
    if (!is_of_topic(name)) continue;
    partition.owner.clear();
    partition.is_held = false;
    partition.mark.reset();
  }
  for (auto& [id, member] : members_) {
    std::erase_if(member.owned, is_of_topic);
    std::erase_if(member.target, is_of_topic);
  }
  if (members_.empty()) return;
  // Also if there is one of that name again already: it is another one.
  if (partitions_.erase(std::string(topic)) != 0) Changed(true);
  BumpEpoch();
}

bool GroupCoordinator::IsMember(const std::string& member) {
  DropLost(clock_.MonotonicNow());
  MutexLock lock(mutex_);
  return members_.contains(member);
}

GroupCoordinator::Counts GroupCoordinator::counts() {
  MutexLock lock(mutex_);
  return {.joined = joined_, .generation = generation_};
}

std::size_t GroupCoordinator::instances() {
  MutexLock lock(mutex_);
  return instances_.size();
}

bool GroupCoordinator::HasMembers() {
  const MonotonicTime now = clock_.MonotonicNow();
  MutexLock lock(mutex_);
  DropLostLocked(now);
  return !members_.empty();
}

}  // namespace daybook::inline v1
