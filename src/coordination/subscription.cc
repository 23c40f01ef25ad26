#include "coordination/subscription.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "broker/topics/topic_settings.h"

namespace daybook::inline v1 {
namespace {

// Where the class of characters that begins at `at` has its ]: not at its beginning, nor in a
// [:name:].
std::size_t EndOfClass(std::string_view expression, std::size_t at) {
  const auto is = [&](std::size_t index, std::string_view any) {
    return index < expression.size() && any.find(expression[index]) != std::string_view::npos;
  };
  ++at;
  if (is(at, "^")) ++at;
  if (is(at, "]")) ++at;
  while (at < expression.size() && expression[at] != ']') {
    if (!is(at, "[") || !is(at + 1, ":.=")) {
      ++at;
      continue;
    }
    const char end[] = {expression[at + 1], ']'};
    const std::size_t found = expression.find(std::string_view(end, 2), at + 2);
    at = found == std::string_view::npos ? expression.size() : found + 2;
  }
  return at;
}

// regexec matches all ways at once, in time that is linear in the name, but for back-references;
// and regcomp writes repetitions out, so that nested ones could take all memory, and recurs for
// groups in groups and repetitions of repetitions, so that many could take all of the stack. What
// is wrong with the expression by that, or nothing.
std::string_view WhatIsWrong(std::string_view expression) {
  struct Group {
    std::int64_t atoms = 0;  // so far, but for the last one
    std::int64_t last = 0;   // of what a repetition would repeat
  };
  std::vector<Group> groups(1);
  const auto add = [&](std::int64_t atoms) {
    groups.back().atoms += groups.back().last;
    groups.back().last = atoms;
  };
  constexpr std::string_view kTooLarge = "it is too large when its repetitions are written out";
  static_assert(Subscription::kMaxNesting == 100);
  constexpr std::string_view kTooDeep = "its groups ( ) are nested more than 100 deep";
  for (std::size_t at = 0; at < expression.size(); ++at) {
    const char c = expression[at];
    if (c == '\\') {
      if (at + 1 < expression.size() &&
          std::isalnum(static_cast<unsigned char>(expression[++at]))) {
        return "after \\ only a sign is taken, which then stands for itself";
      }
      add(1);
    } else if (c == '[') {
      at = EndOfClass(expression, at);
      add(1);
    } else if (c == '(') {
      if (groups.size() > Subscription::kMaxNesting) return kTooDeep;
      groups.emplace_back();
    } else if (c == ')' && groups.size() > 1) {
      const std::int64_t atoms = groups.back().atoms + groups.back().last;
      groups.pop_back();
      add(std::max<std::int64_t>(atoms, 1));
    } else if (c == '+') {
      groups.back().last *= 2;
    } else if (c == '{') {
      std::int64_t most = 0;
      std::int64_t number = 0;
      for (++at; at < expression.size() && expression[at] != '}'; ++at) {
        const bool is_digit = expression[at] >= '0' && expression[at] <= '9';
        number =
            is_digit ? std::min<std::int64_t>(10 * number + (expression[at] - '0'), 1 << 20) : 1;
        most = std::max(most, number);
      }
      groups.back().last *= std::max<std::int64_t>(most, 1);
    } else if (c == '*' || c == '?') {
      groups.back().last += 1;
    } else {
      add(1);
    }
    if (groups.back().atoms + groups.back().last > Subscription::kMaxExpression) return kTooLarge;
  }
  return "";
}

absl::Status NoExpression(std::string_view expression, std::string_view why) {
  constexpr std::size_t kMostShown = 200;
  const bool is_long = expression.size() > kMostShown;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(expression.substr(0, kMostShown)), is_long ? "..." : "",
                   "\" is no regular expression that is taken: ", std::string(why)));
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
  if (const std::string_view wrong = WhatIsWrong(expression); !wrong.empty()) {
    return NoExpression(expression, wrong);
  }
  if (expression.find('\0') != std::string_view::npos) {
    return NoExpression(expression, "it has a NUL byte");
  }
  auto regex = std::make_unique<regex_t>();
  const std::string whole = absl::StrCat("^(", subscription.expression_, ")$");
  // By itself first: a ) of its own could end ours.
  for (const std::string& text : {subscription.expression_, whole}) {
    if (const int error = regcomp(regex.get(), text.c_str(), REG_EXTENDED | REG_NOSUB);
        error != 0) {
      char why[200];
      regerror(error, regex.get(), why, sizeof why);
      return NoExpression(expression, why);
    }
    if (&text != &whole && text != whole) regfree(regex.get());
  }
  subscription.regex_ = std::shared_ptr<const regex_t>(regex.release(), [](regex_t* compiled) {
    regfree(compiled);
    delete compiled;
  });
  return subscription;
}

std::vector<std::string> Subscription::Select(const std::map<std::string, int>& topics) const {
  std::vector<std::string> selected;
  if (regex_ == nullptr) {
    std::copy_if(names_.begin(), names_.end(), std::back_inserter(selected),
                 [&](const std::string& name) { return topics.contains(name); });
    return selected;
  }
  for (const auto& [name, partitions] : topics) {
    const bool is_internal =
        std::string_view(name).substr(0, kInternalPrefix.size()) == kInternalPrefix;
    const bool matches = !is_internal && regexec(regex_.get(), name.c_str(), 0, nullptr, 0) == 0;
    if (matches) selected.push_back(name);
  }
  return selected;
}

}  // namespace daybook::inline v1
