#include "coordination/group_coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/deadline.h"
#include "base/planted_bug.h"
#include "coordination/assignor.h"

namespace daybook::inline v1 {
namespace {

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
    if (topic.ok() && topic->options().storage == Storage::kMemory &&
        !catalog_.has_memory_topics()) {
      const auto end = topic->partition(0).end_offset();  // says why it cannot be read
      if (!end.ok() && !joining.was_lost) return end.status();
    }
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
    if (!members_.empty() && catalog_.version() != topics_.catalog_version) LookAtTopics();
    if (members_.empty()) {
      assignor_ = joining.assignor;
      custom_assignor_ = joining.custom_assignor;
      rebalance_.ForgetResult();
    }
    // In the order of joining, as assignors order members by their ids.
    membership.id = absl::StrFormat("%s-%06d", name_, ++counts_.joined);
    Member member{.subscription = joining.subscription,
                  .instance_id = joining.instance_id,
                  .deadline = membership.deadline,
                  .topics = {},
                  .begins_at_end = joining.begins_at_end};
    const auto older = members_.Find(static_members_.Latest(joining.instance_id));
    // Of one that is taken over nobody else needs to move, unless it reads something else now.
    rebalance_.NoteChange(older == members_.end() ||
                          !(older->second.subscription == member.subscription));
    if (older != members_.end()) {
      MutexLock no_commit(store_.mutex());
      members_.TakeOver(older, member, membership.id);
      BumpEpoch();  // for the older one, if it is still there
    }
    members_.Add(membership.id, std::move(member));
    if (!joining.instance_id.empty()) {
      static_members_.Note(joining.instance_id, membership.id, membership.deadline,
                           [&](const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                             return members_.contains(id);
                           });
    }
    deadlines_.Include(membership.deadline->at(), membership.deadline->interval());
    fixed = LookAtTopicsOf(members_.Find(membership.id)->second);
  }
  // A power cut that takes these places would take what arrives until the first commit. They may be
  // there by another member's doing, whose sync is under way or has failed; what is durable already
  // costs nothing.
  if (fixed.ok() && joining.begins_at_end) fixed = store_.WaitDurable(DeadlineAfter(kSyncTimeout));
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

void GroupCoordinator::Leave(const std::string& member) {
  {
    MutexLock lock(mutex_);
    const auto found = members_.Find(member);
    if (found == members_.end()) return;
    Remove(found);
  }
  RebalanceIfNeeded().IgnoreError();
}

void GroupCoordinator::SuspendStatic(const std::string& member) {
  MutexLock lock(mutex_);
  const auto found = members_.Find(member);
  if (found == members_.end()) return;
  found->second.is_away = true;
  // Nothing is under way any more in what it has to let go of.
  {
    MutexLock no_commit(store_.mutex());
    members_.Release(found, GroupMembers::Revoked(found->second));
  }
  BumpEpoch();
}

void GroupCoordinator::Remove(GroupMembers::Iterator member) {
  {
    MutexLock no_commit(store_.mutex());
    members_.Remove(member);
  }
  rebalance_.NoteChange(true);
  LookAtTopics();
  BumpEpoch();
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
  for (const auto& [id, member] : members_.all()) {
    if (member.deadline->IsOver(now)) {
      lost.push_back(id);
    } else {
      deadlines_.Include(member.deadline->at(), member.deadline->interval());
    }
  }
  for (const std::string& id : lost) {
    const auto member = members_.Find(id);
    if (IsPlanted(PlantedBug::kLostMemberKeepsPartitions)) member->second.owned.clear();
    Remove(member);
  }
}

GroupCoordinator::Assignment GroupCoordinator::Sync(const Membership& membership,
                                                    const std::vector<TopicPartition>& released) {
  RebalanceIfNeeded().IgnoreError();  // of that who joined is told
  MutexLock lock(mutex_);
  const auto found = members_.Find(membership.id);
  if (found == members_.end()) {
    const bool is_fenced = static_members_.IsFenced(membership.instance_id, membership.id);
    return {.standing = is_fenced ? MemberStatus::kFenced : MemberStatus::kLost,
            .epoch = epoch_.load(std::memory_order_relaxed),
            .generation = counts_.generation,
            .owned = {},
            .revoked = {}};
  }
  if (!released.empty()) {
    {
      MutexLock no_commit(store_.mutex());
      members_.Release(found, released);
    }
    BumpEpoch();  // another member may be waiting for these
  }
  Assignment assignment{.standing = MemberStatus::kMember,
                        .epoch = epoch_.load(std::memory_order_relaxed),
                        .generation = counts_.generation,
                        .owned = {},
                        .revoked = GroupMembers::Revoked(found->second)};
  if (assignment.revoked.empty() && found->second.owned != found->second.target) {
    MutexLock no_commit(store_.mutex());
    members_.Claim(found, counts_.generation);
  }
  assignment.owned.assign(found->second.owned.begin(), found->second.owned.end());
  return assignment;
}

absl::StatusOr<GroupPartition*> GroupCoordinator::Hold(const TopicPartition& partition,
                                                       PartitionLog& log) {
  MutexLock lock(mutex_);
  const auto found = WithPlace(partition);
  if (!found.ok()) return found;
  GroupPartition& held = **found;
  if (!std::exchange(held.is_held, true)) {
    MutexLock no_commit(store_.mutex());
    held.mark = log.Mark(Offset(0));  // all, until it is known what is needed
  }
  return &held;
}

void GroupCoordinator::HoldFrom(GroupPartition& partition, Offset from) {
  MutexLock lock(mutex_);
  if (partition.mark != nullptr && partition.mark->offset() < from) partition.mark->Move(from);
}

absl::StatusOr<GroupPartition*> GroupCoordinator::WithPlace(const TopicPartition& partition) {
  GroupPartition& found = members_.Of(partition);
  if (found.place == nullptr) {
    auto place = store_.EntryOf({name_, partition.topic, partition.partition});
    if (!place.ok()) return place.status();
    found.place = *std::move(place);
  }
  return &found;
}

absl::Status GroupCoordinator::CheckOwner(const std::string& member,
                                          const GroupPartition& partition) {
  const bool is_owner = partition.owner == member || IsPlanted(PlantedBug::kNoGenerationCheck);
  return is_owner ? absl::OkStatus() : NoOwner(member, partition.name);
}

absl::Status GroupCoordinator::Commit(const std::string& member, const TopicPartition& partition,
                                      Offset offset, std::string_view metadata) {
  absl::StatusOr<GroupPartition*> found = nullptr;
  {
    MutexLock lock(mutex_);
    found = WithPlace(partition);
  }
  return found.ok() ? Commit(member, **found, offset, metadata) : found.status();
}

absl::Status GroupCoordinator::Commit(const std::string& member, GroupPartition& partition,
                                      Offset offset, std::string_view metadata) {
  return store_.Commit(
      *partition.place, offset, metadata, [&] { return CheckOwner(member, partition); },
      [&] {
        if (partition.mark != nullptr) partition.mark->Move(offset);
      });
}

absl::Status GroupCoordinator::WhileOwned(const std::string& member,
                                          const std::map<TopicPartition, std::int64_t>& partitions,
                                          const std::function<absl::Status()>& then) {
  const MonotonicTime now = clock_.MonotonicNow();
  MutexLock lock(mutex_);
  DropLostLocked(now);
  for (const auto& [partition, generation] : partitions) {
    const GroupPartition& owned = members_.Of(partition);
    if (const auto status = CheckOwner(member, owned); !status.ok()) return status;
    if (owned.owned_since <= generation || IsPlanted(PlantedBug::kCommitGoesBack)) continue;
    return absl::AbortedError(absl::StrCat(
        partition.topic, "-", partition.partition, " went to another member and came back to ",
        member, " since its position was taken; what was not committed is read again"));
  }
  if (const auto status = then(); !status.ok()) return status;
  MutexLock no_commit(store_.mutex());
  for (const auto& [partition, generation] : partitions) {
    const GroupPartition& held = members_.Of(partition);
    if (held.mark == nullptr || held.place == nullptr || !held.place->committed) continue;
    held.mark->Move(held.place->committed->offset);
  }
  return absl::OkStatus();
}

absl::Status GroupCoordinator::WhileEmpty(const std::function<absl::Status()>& then) {
  const MonotonicTime now = clock_.MonotonicNow();
  MutexLock lock(mutex_);
  DropLostLocked(now);
  if (!members_.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the group ", name_, " has members, among them ",
                     members_.all().begin()->first, "; its places are moved when all have left"));
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
  MutexLock lock(mutex_);
  {
    MutexLock no_commit(store_.mutex());
    members_.ForgetTopic(topic);
  }
  if (members_.empty()) return;
  // Also if there is one of that name again already: it is another one.
  if (topics_.partitions.erase(std::string(topic)) != 0) rebalance_.NoteChange(true);
  BumpEpoch();
}

bool GroupCoordinator::IsMember(const std::string& member) {
  DropLost(clock_.MonotonicNow());
  MutexLock lock(mutex_);
  return members_.contains(member);
}

GroupCoordinator::Counts GroupCoordinator::counts() {
  MutexLock lock(mutex_);
  return counts_;
}

std::size_t GroupCoordinator::instances() {
  MutexLock lock(mutex_);
  return static_members_.size();
}

bool GroupCoordinator::HasMembers() {
  const MonotonicTime now = clock_.MonotonicNow();
  MutexLock lock(mutex_);
  DropLostLocked(now);
  return !members_.empty();
}

}  // namespace daybook::inline v1
