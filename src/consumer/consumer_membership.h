#ifndef DAYBOOK_CONSUMER_CONSUMER_MEMBERSHIP_H_
#define DAYBOOK_CONSUMER_CONSUMER_MEMBERSHIP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordination/group_coordinator.h"
#include "daybook/topic_partition.h"

namespace daybook::inline v1 {

// A consumer's membership of its group, as far as the member knows: the coordinator decides.
//
// A member that has left or is fenced is one no more, and no call makes it one again; one that was
// lost may join anew. It has what the group's epoch gives it while is_in_sync() holds. In the
// consumer's thread alone.
class ConsumerMembership {
 public:
  // Not a member yet.
  ConsumerMembership(std::shared_ptr<GroupCoordinator> group, GroupCoordinator::Joining joining);
  // Leaves; a static member keeps its place for a while.
  ~ConsumerMembership();
  ConsumerMembership(const ConsumerMembership&) = delete;
  ConsumerMembership& operator=(const ConsumerMembership&) = delete;

  absl::Status Join(bool was_lost = false);
  void Leave();
  // After Sync answered so.
  void Fence() { is_fenced_ = true; }

  // What this member has and shall give back, after it let go of `released`.
  GroupCoordinator::Assignment Sync(const std::vector<TopicPartition>& released);
  bool is_in_sync() const { return group_->epoch() == epoch_; }
  // It has to Sync even if nothing changes in the group.
  void SyncAgain() { epoch_ = 0; }

  bool has_left() const { return has_left_; }
  bool is_gone() const { return has_left_ || is_fenced_; }
  // Aborted or FailedPrecondition if it is gone.
  absl::Status CheckStanding() const;
  // What a member is told that was lost.
  absl::Status Lost() const;

  GroupCoordinator& group() const { return *group_; }
  const std::string& id() const { return member_.id; }
  PollDeadline& deadline() const { return *member_.deadline; }
  std::int64_t generation() const { return generation_; }  // as of the last Sync

 private:
  const std::shared_ptr<GroupCoordinator> group_;
  GroupCoordinator::Joining joining_;
  GroupCoordinator::Membership member_;
  std::uint64_t epoch_ = 0;
  std::int64_t generation_ = 0;
  bool has_left_ = false;
  bool is_fenced_ = false;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_CONSUMER_MEMBERSHIP_H_
