#ifndef DAYBOOK_BROKER_TOPIC_STATE_H_
#define DAYBOOK_BROKER_TOPIC_STATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daybook/topic.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// What the handles of a topic share. Its partitions open their files when they are first used.
class TopicState {
 public:
  // `id`: random; 0: it has none.
  TopicState(std::string name, const TopicOptions& options, const LogContext& context,
             RecoveryCounters& counters, std::uint64_t id = 0);
  // The same topic with `partitions`, which are more; those that are there are shared.
  TopicState(TopicState& before, int partitions, const LogContext& context,
             RecoveryCounters& counters);

  const std::string& name() const { return *name_; }
  bool is_internal() const { return is_internal_; }
  std::uint64_t id() const { return id_; }
  // Not of one that was deleted and made again under that name; as far as they have ids.
  bool IsSameTopic(std::uint64_t other_id) const {
    return id_ == 0 || other_id == 0 || id_ == other_id;
  }
  const TopicOptions& options() const { return options_; }
  std::vector<Partition>& partitions() { return partitions_; }

 private:
  void AddPartitions(const LogContext& context, RecoveryCounters& counters);

  // First, so that it goes last: the logs refer to what it has.
  const std::shared_ptr<void> owner_;
  const std::shared_ptr<const std::string> name_;
  const bool is_internal_;
  const TopicOptions options_;
  const std::uint64_t id_;
  const std::shared_ptr<TopicCompressor> compressor_;
  std::vector<Partition> partitions_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TOPIC_STATE_H_
