#include "producer/partitioner.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {

std::uint32_t Murmur2(std::string_view bytes) {
  constexpr std::uint32_t kSeed = 0x9747b28c;
  constexpr std::uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;

  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
  while (bytes.size() >= 4) {
    std::uint32_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash = hash * kMultiplier ^ word;
    bytes.remove_prefix(4);
  }
  if (!bytes.empty()) {
    for (std::size_t i = bytes.size(); i-- > 0;) {
      hash ^= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

int PartitionForHash(std::uint32_t hash, int partitions) {
  return static_cast<int>((hash & 0x7fff'ffff) % static_cast<std::uint32_t>(partitions));
}

absl::StatusOr<int> Partitioner::ChooseByRecord(const TopicState& topic, const Record& record) {
  if (topic.is_internal()) [[unlikely]] {
    return absl::InvalidArgumentError(absl::StrCat(
        topic.name(), " is an internal topic: the library alone writes to it; use another one"));
  }
  const int partitions = topic.options().partitions;
  if (record.partition) {
    if (*record.partition >= 0 && *record.partition < partitions) return *record.partition;
    return absl::InvalidArgumentError(absl::StrCat(
        topic.name(), " has no partition ", *record.partition, "; it has 0 to ", partitions - 1));
  }
  if (record.key) return PartitionForHash(Murmur2(*record.key), partitions);
  return InTurn(partitions);
}

}  // namespace daybook::inline v1
