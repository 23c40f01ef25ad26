#include "coordination/static_members.h"

#include <algorithm>

namespace daybook::inline v1 {

void StaticMembers::Note(const std::string& instance_id, const std::string& member,
                         const std::shared_ptr<PollDeadline>& deadline,
                         const std::function<bool(const std::string&)>& is_member) {
  const auto is_gone = [](const std::weak_ptr<PollDeadline>& one) { return one.expired(); };
  if (sweep_.IsDue(instances_.size())) {
    std::erase_if(instances_, [&](const auto& entry) {
      const Instance& known = entry.second;
      return !is_member(known.latest) &&
             std::all_of(known.consumers.begin(), known.consumers.end(), is_gone);
    });
    sweep_.Swept(instances_.size());
  }
  Instance& known = instances_[instance_id];
  std::erase_if(known.consumers, is_gone);
  known.latest = member;
  known.consumers.push_back(deadline);
}

std::string StaticMembers::Latest(const std::string& instance_id) const {
  const auto found = instances_.find(instance_id);
  return found == instances_.end() ? std::string() : found->second.latest;
}

bool StaticMembers::IsFenced(const std::string& instance_id, const std::string& member) const {
  const auto found = instances_.find(instance_id);
  return found != instances_.end() && found->second.latest != member;
}

}  // namespace daybook::inline v1
