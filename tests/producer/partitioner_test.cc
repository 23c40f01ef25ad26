#include "producer/partitioner.h"

#include <string>
#include <utility>
#include <vector>

#include "catch.h"

namespace daybook {

TEST_CASE("Keys hash as in Kafka's Java client") {
  // From Kafka's own UtilsTest.testMurmur2.
  const std::vector<std::pair<std::string, std::int32_t>> known = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107}};
  for (const auto& [key, hash] : known) {
    CHECK(static_cast<std::int32_t>(Murmur2(key)) == hash);
  }
}

TEST_CASE("Keys go to the partition that librdkafka's murmur2 partitioner gives them") {
  const auto partition = [](std::string_view key) { return PartitionForHash(Murmur2(key), 12); };
  CHECK(partition("LAS") == 8);
  CHECK(partition("ATL") == 3);
  CHECK(partition("") == 9);
  CHECK(partition("user-1") == 8);
}

TEST_CASE("Every partition number is in range") {
  for (int partitions = 1; partitions < 50; ++partitions) {
    for (int i = 0; i < 200; ++i) {
      const int partition = PartitionForHash(Murmur2(std::to_string(i)), partitions);
      CHECK(partition >= 0);
      CHECK(partition < partitions);
    }
  }
}

}  // namespace daybook
