#ifndef DAYBOOK_BROKER_TOPICS_TOPIC_SETTINGS_H_
#define DAYBOOK_BROKER_TOPICS_TOPIC_SETTINGS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/topic.h"

// Names and settings of topics: what is allowed (topic_checks.cc), and how they are called. Pure
// functions.

namespace daybook::inline v1 {

// Topics of the library itself begin so; nobody else may make them.
inline constexpr std::string_view kInternalPrefix = "__";
inline bool IsInternalName(std::string_view topic) { return topic.starts_with(kInternalPrefix); }

// InvalidArgument unless the name is [A-Za-z0-9._-]{1,249} and not "." or "..".
absl::Status CheckTopicName(std::string_view name);
// The options with what follows from others filled in.
TopicOptions Resolve(TopicOptions options);
// The highest max_record_bytes that CheckTopicOptions takes with segments of that size.
std::int64_t MostRecordBytes(std::int64_t segment_bytes);
// InvalidArgument naming the option that is out of its range.
absl::Status CheckTopicOptions(const TopicOptions& options);

// Whether anything is ever to be deleted.
bool HasBound(const RetentionOptions& retention);
// InvalidArgument: options that are fixed when a topic is made differ from those that it has.
absl::Status CheckAlteration(const TopicOptions& has, const TopicOptions& wanted);

// The words that the setting takes; none: it takes a number.
std::vector<std::string> ValuesOfSetting(std::string_view key);

// The one of `names` that is most like `name`; empty when none is.
std::string NearestName(std::string_view name, const std::vector<std::string>& names);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TOPICS_TOPIC_SETTINGS_H_
