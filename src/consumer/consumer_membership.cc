#include "consumer/consumer_membership.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {

ConsumerMembership::ConsumerMembership(std::shared_ptr<GroupCoordinator> group,
                                       GroupCoordinator::Joining joining)
    : group_(std::move(group)), joining_(std::move(joining)) {}

ConsumerMembership::~ConsumerMembership() {
  if (has_left_ || member_.id.empty()) return;
  if (joining_.instance_id.empty()) {
    group_->Leave(member_.id);
  } else {
    group_->SuspendStatic(member_.id);
  }
}

absl::Status ConsumerMembership::Join(bool was_lost) {
  joining_.was_lost = was_lost;
  auto member = group_->Join(joining_);
  if (!member.ok()) return member.status();
  member_ = *std::move(member);
  return absl::OkStatus();
}

void ConsumerMembership::Leave() {
  has_left_ = true;
  group_->Leave(member_.id);
}

GroupCoordinator::Assignment ConsumerMembership::Sync(const std::vector<TopicPartition>& released) {
  GroupCoordinator::Assignment assignment = group_->Sync(member_, released);
  if (assignment.standing == GroupCoordinator::MemberStatus::kMember) {
    epoch_ = assignment.epoch;
    generation_ = assignment.generation;
  }
  return assignment;
}

absl::Status ConsumerMembership::CheckStanding() const {
  if (has_left_) {
    return absl::FailedPreconditionError(
        absl::StrCat(member_.id, " has left the group ", group_->name(), "; join again"));
  }
  if (is_fenced_) {
    return absl::AbortedError(absl::StrCat(member_.id, " is fenced: another member of the group ",
                                           group_->name(), " has joined with its instance_id ",
                                           joining_.instance_id, "; only one can use it"));
  }
  return absl::OkStatus();
}

absl::Status ConsumerMembership::Lost() const {
  return absl::AbortedError(absl::StrCat(
      member_.id, " was lost: it did not poll for max_poll_interval, and what it had of the group ",
      group_->name(), " goes on with others; Poll joins again"));
}

}  // namespace daybook::inline v1
