#ifndef DAYBOOK_PRODUCER_PARTITIONER_H_
#define DAYBOOK_PRODUCER_PARTITIONER_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "broker/access.h"
#include "broker/topics/topic_state.h"
#include "daybook/topic.h"

namespace daybook::inline v1 {

// MurmurHash2 as Kafka's Java client has it (org.apache.kafka.common.utils.Utils.murmur2: seed
// 0x9747b28c, 32-bit arithmetic, little-endian words).
std::uint32_t Murmur2(std::string_view bytes);

// The partition that Kafka's default partitioner gives a key: toPositive(murmur2(key)) modulo the
// number of partitions, which must be positive.
int PartitionForHash(std::uint32_t hash, int partitions);

// Chooses partitions: the record's own if it names one; else by its key; else in turns.
// Thread-safe.
class Partitioner {
 public:
  // InvalidArgument: the record names a partition that the topic has not.
  absl::StatusOr<int> Choose(const Topic& topic, const Record& record) {
    const int next = ChooseInTurn(*Access::State(topic), record);
    return next >= 0 ? next : ChooseByRecord(*Access::State(topic), record);
  }
  // The same where nothing but the turn decides; otherwise -1, and nothing is chosen.
  int ChooseInTurn(const TopicState& topic, const Record& record) {
    if (record.partition || record.key || topic.is_internal()) return -1;
    return InTurn(topic.options().partitions);
  }

 private:
  absl::StatusOr<int> ChooseByRecord(const TopicState& topic, const Record& record);
  int InTurn(int partitions) {
    if (partitions == 1) return 0;
    return static_cast<int>(next_.fetch_add(1, std::memory_order_relaxed) %
                            static_cast<std::uint32_t>(partitions));
  }

  std::atomic<std::uint32_t> next_{0};  // whose turn it is
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_PRODUCER_PARTITIONER_H_
