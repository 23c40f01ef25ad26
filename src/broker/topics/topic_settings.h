#ifndef DAYBOOK_BROKER_TOPICS_TOPIC_SETTINGS_H_
#define DAYBOOK_BROKER_TOPICS_TOPIC_SETTINGS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/topic.h"
#include "format/properties.h"

// Names and settings of topics: what is allowed, and how they are written. Pure functions.

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

// The words that the setting takes; none: it takes a number.
std::vector<std::string> ValuesOfSetting(std::string_view key);

// What the file of a topic says beside its settings.
struct TopicOrigin {
  // Random, so that a topic that was deleted and made again is told from the one before; 0, of
  // older files: none.
  std::uint64_t id = 0;
  // How many partitions it had before partitions were added, from the first time on.
  std::vector<int> earlier_counts = {};
};

// What the file of the topic `name` holds.
std::string EncodeTopicFile(const TopicOptions& options, std::string_view name,
                            const TopicOrigin& origin = {});
// The id in a file of which DecodeTopicFile gives the settings.
std::uint64_t TopicIdIn(std::string_view text);
// The settings in it, resolved.
//   FailedPrecondition  another format version
//   InvalidArgument     a setting that there is not, or out of its range
//   DataLoss            damaged, or the file of another topic
absl::StatusOr<TopicOptions> DecodeTopicFile(std::string_view text, std::string_view name,
                                             TopicOrigin* origin = nullptr);

// The one of `names` that is most like `name`; empty when none is.
std::string NearestName(std::string_view name, const std::vector<std::string>& names);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TOPICS_TOPIC_SETTINGS_H_
