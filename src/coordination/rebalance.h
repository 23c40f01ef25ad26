#ifndef DAYBOOK_COORDINATION_REBALANCE_H_
#define DAYBOOK_COORDINATION_REBALANCE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/group_options.h"

namespace daybook::inline v1 {

// What the next generation of a group follows from.
struct RebalanceInput {
  struct Member {
    std::string id;
    std::string instance_id;          // empty: none
    std::vector<std::string> topics;  // that it subscribes to and that are there, in order
    std::set<TopicPartition> owned;
    std::set<TopicPartition> target;  // of the generation before: what it was to own
  };
  std::vector<Member> members;            // by id, which is as they joined
  std::map<std::string, int> partitions;  // of every topic that a member subscribes to
  Assignor assignor = Assignor::kCooperativeSticky;
  AssignorFunction custom_assignor = {};
};

// What an assignor is shown of it. A partition counts as owned by the member that owns it, or else
// by the one that was to own it, so that a member that has not come to take it yet keeps it.
AssignorInput ToAssignorInput(const RebalanceInput& input);

// The target of every member in the next generation. A pure function, as far as the user's assignor
// is one. Errors as for Assign; the assignor is not asked when there are no members.
absl::StatusOr<Assignments> Rebalance(const RebalanceInput& input);

// Whether a group needs a rebalance, and what the last one said. An assignment is computed without
// the coordinator's lock, which guards this: it holds only if changes() is still what it was when
// its input was taken.
class PendingRebalance {
 public:
  // Members or topics have changed.
  void NoteChange(bool calls_for_rebalance) {
    ++changes_;
    is_needed_ = is_needed_ || calls_for_rebalance;
  }
  void Finish(absl::Status result) {
    is_needed_ = false;
    result_ = std::move(result);
  }
  // A group begins anew: what was said to earlier members does not concern the next ones.
  void ForgetResult() { result_ = absl::OkStatus(); }

  std::uint64_t changes() const { return changes_; }
  bool is_needed() const { return is_needed_; }
  // An error: the last good assignment goes on.
  const absl::Status& result() const { return result_; }

 private:
  std::uint64_t changes_ = 0;
  bool is_needed_ = false;
  absl::Status result_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_REBALANCE_H_
