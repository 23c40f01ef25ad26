#ifndef DAYBOOK_COORDINATION_SUBSCRIPTION_H_
#define DAYBOOK_COORDINATION_SUBSCRIPTION_H_

#include <regex.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/limits.h"

namespace daybook::inline v1 {

// Which topics a member of a group wants to read: those of some names, or all whose names match a
// regular expression.
class Subscription {
 public:
  // The most atoms of an expression, where repetitions are written out, and their signs.
  static constexpr int kMaxExpression = limits::kMaxExpressionAtoms;
  // How deep its groups may be nested.
  static constexpr int kMaxNesting = limits::kMaxExpressionDepth;

  static Subscription ToTopics(std::vector<std::string> names);
  // InvalidArgument: it is no regular expression, or one that could take long or much
  // memory (kMaxExpression, kMaxNesting).
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
  std::shared_ptr<const regex_t> regex_;  // null for names
};

// What the members of a group subscribe to and what is there of it, as of a version of the catalog.
struct SubscribedTopics {
  std::uint64_t catalog_version = 0;
  std::map<std::string, int> partitions;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_SUBSCRIPTION_H_
