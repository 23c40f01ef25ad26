#ifndef DAYBOOK_BROKER_TOPICS_TOPIC_FILE_H_
#define DAYBOOK_BROKER_TOPICS_TOPIC_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/topics/topic_settings.h"

// The file of a topic, <topic>.topic: its settings, and where it comes from. Pure functions.

namespace daybook::inline v1 {

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

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TOPICS_TOPIC_FILE_H_
