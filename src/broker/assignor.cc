#include "broker/assignor.h"

#include <algorithm>

namespace daybook::inline v1 {

Assignments AssignRanges(const Subscriptions& subscriptions,
                         const std::map<std::string, int>& partitions) {
  Assignments assignments;
  for (const auto& [member, topics] : subscriptions) assignments[member];
  for (const auto& [topic, count] : partitions) {
    std::vector<std::string> subscribers;
    for (const auto& [member, topics] : subscriptions) {
      if (std::find(topics.begin(), topics.end(), topic) != topics.end()) {
        subscribers.push_back(member);
      }
    }
    if (subscribers.empty()) continue;
    const int members = static_cast<int>(subscribers.size());
    int next = 0;
    for (int i = 0; i < members; ++i) {
      const int share = count / members + (i < count % members ? 1 : 0);
      for (int end = next + share; next < end; ++next) {
        assignments[subscribers[static_cast<std::size_t>(i)]].push_back({topic, next});
      }
    }
  }
  return assignments;
}

}  // namespace daybook::inline v1
