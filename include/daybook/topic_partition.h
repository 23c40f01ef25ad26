#ifndef DAYBOOK_TOPIC_PARTITION_H_
#define DAYBOOK_TOPIC_PARTITION_H_

#include <compare>
#include <string>

namespace daybook::inline v1 {

// The name of a partition.
struct TopicPartition {
  std::string topic;
  int partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_TOPIC_PARTITION_H_
