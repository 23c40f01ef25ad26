#ifndef DAYBOOK_PRODUCER_PARTITIONER_H_
#define DAYBOOK_PRODUCER_PARTITIONER_H_

#include <cstdint>
#include <string_view>

namespace daybook::inline v1 {

// MurmurHash2 as Kafka's Java client has it (org.apache.kafka.common.utils.Utils.murmur2: seed
// 0x9747b28c, 32-bit arithmetic, little-endian words).
std::uint32_t Murmur2(std::string_view bytes);

// The partition that Kafka's default partitioner gives a key: toPositive(murmur2(key)) modulo the
// number of partitions, which must be positive.
int PartitionForHash(std::uint32_t hash, int partitions);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_PRODUCER_PARTITIONER_H_
