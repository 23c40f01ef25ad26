#ifndef DAYBOOK_BROKER_SUBSCRIPTION_H_
#define DAYBOOK_BROKER_SUBSCRIPTION_H_

#include <map>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace daybook::inline v1 {

// Which topics a member of a group wants to read: those of some names, or all whose names match a
// regular expression.
class Subscription {
 public:
  static Subscription ToTopics(std::vector<std::string> names);
  // InvalidArgument: it is no regular expression.
  static absl::StatusOr<Subscription> ToMatching(std::string_view expression);

  // Those of `topics`, by name with their partitions, that are meant; in order.
  std::vector<std::string> Select(const std::map<std::string, int>& topics) const;

  // In order, each once; empty for an expression.
  const std::vector<std::string>& names() const { return names_; }

  friend bool operator==(const Subscription& a, const Subscription& b) {
    return a.names_ == b.names_ && a.expression_ == b.expression_;
  }

 private:
  std::vector<std::string> names_;
  std::string expression_;
  std::optional<std::regex> regex_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_SUBSCRIPTION_H_
