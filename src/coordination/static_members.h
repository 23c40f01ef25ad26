#ifndef DAYBOOK_COORDINATION_STATIC_MEMBERS_H_
#define DAYBOOK_COORDINATION_STATIC_MEMBERS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/sweep_threshold.h"
#include "coordination/poll_deadline.h"

namespace daybook::inline v1 {

// Which member of a group has each instance id: the one that joined last, also when it has gone, so
// that older ones stay fenced as long as their consumers are there. Then the id is forgotten.
// Guarded by its coordinator's lock.
class StaticMembers {
 public:
  // The member has the instance id from now on. `deadline` is there as long as its consumer is;
  // `is_member` tells which ids are members of the group.
  void Note(const std::string& instance_id, const std::string& member,
            const std::shared_ptr<PollDeadline>& deadline,
            const std::function<bool(const std::string&)>& is_member);

  // The id of the member that has it; empty when none had.
  std::string Latest(const std::string& instance_id) const;
  // Another member has the instance id of this one.
  bool IsFenced(const std::string& instance_id, const std::string& member) const;

  std::size_t size() const { return instances_.size(); }

 private:
  struct Instance {
    std::string latest;
    std::vector<std::weak_ptr<PollDeadline>> consumers;  // all that are still there
  };
  std::map<std::string, Instance> instances_;
  SweepThreshold sweep_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_STATIC_MEMBERS_H_
