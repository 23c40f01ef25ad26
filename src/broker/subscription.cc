#include "broker/subscription.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "broker/topic_settings.h"

namespace daybook::inline v1 {
namespace {

// std::regex reports by exceptions; that one which it cannot match is not matched.
bool Matches(const std::string& name, const std::regex& regex) {
  try {
    return std::regex_match(name, regex);
  } catch (const std::regex_error&) {
    return false;
  }
}

}  // namespace

Subscription Subscription::ToTopics(std::vector<std::string> names) {
  Subscription subscription;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  subscription.names_ = std::move(names);
  return subscription;
}

absl::StatusOr<Subscription> Subscription::ToMatching(std::string_view expression) {
  Subscription subscription;
  subscription.expression_ = std::string(expression);
  try {
    subscription.regex_.emplace(subscription.expression_);
  } catch (const std::regex_error& error) {
    return absl::InvalidArgumentError(absl::StrCat("\"", subscription.expression_,
                                                   "\" is no regular expression: ", error.what()));
  }
  return subscription;
}

std::vector<std::string> Subscription::Select(const std::map<std::string, int>& topics) const {
  std::vector<std::string> selected;
  if (!regex_) {
    std::copy_if(names_.begin(), names_.end(), std::back_inserter(selected),
                 [&](const std::string& name) { return topics.contains(name); });
    return selected;
  }
  for (const auto& [name, partitions] : topics) {
    const bool is_internal =
        std::string_view(name).substr(0, kInternalPrefix.size()) == kInternalPrefix;
    if (!is_internal && Matches(name, *regex_)) selected.push_back(name);
  }
  return selected;
}

}  // namespace daybook::inline v1
