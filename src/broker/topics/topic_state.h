#ifndef DAYBOOK_BROKER_TOPICS_TOPIC_STATE_H_
#define DAYBOOK_BROKER_TOPICS_TOPIC_STATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "broker/topics/topic_file.h"
#include "daybook/topic.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// NotFound unless the topic has a partition of that number.
absl::Status CheckPartition(const Topic& topic, int partition);

// What the handles of a topic share. Its partitions open their files when they are first used.
class TopicState {
 public:
  TopicState(std::string name, const TopicOptions& options, const LogContext& context,
             RecoveryCounters& counters, TopicOrigin origin = {});
  // The same topic with other options, of which CheckAlteration is OK or the partitions are more;
  // those that are there are shared, and how many they were is one more of the earlier counts then.
  TopicState(TopicState& before, const TopicOptions& options, const LogContext& context,
             RecoveryCounters& counters);

  const std::string& name() const { return *name_; }
  bool is_internal() const { return is_internal_; }
  const TopicOrigin& origin() const { return origin_; }
  std::uint64_t id() const { return origin_.id; }
  // Not of one that was deleted and made again under that name; as far as they have ids.
  bool IsSameTopic(std::uint64_t other_id) const {
    return id() == 0 || other_id == 0 || id() == other_id;
  }
  const TopicOptions& options() const { return options_; }
  std::vector<Partition>& partitions() { return partitions_; }
  // How many partitions it had before partitions were added, from the first time on.
  const std::vector<int>& earlier_counts() const { return origin_.earlier_counts; }

 private:
  void AddPartitions(const LogContext& context, RecoveryCounters& counters);

  // First, so that it goes last: the logs refer to what it has.
  const std::shared_ptr<void> owner_;
  const std::shared_ptr<const std::string> name_;
  const bool is_internal_;
  const TopicOptions options_;
  const TopicOrigin origin_;
  const std::shared_ptr<TopicCompressor> compressor_;
  std::vector<Partition> partitions_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TOPICS_TOPIC_STATE_H_
