#include "broker/topics/topic_file.h"

#include <string>
#include <vector>

#include "catch.h"

namespace daybook {

TEST_CASE(
    "The file of a topic with larger records than a frame can hold is read with what it can") {
  TopicOptions options{.segment_bytes = std::int64_t{1} << 30};
  options.max_record_bytes = std::int64_t{1} << 28;
  const auto read = DecodeTopicFile(EncodeTopicFile(Resolve(options), "t"), "t");
  REQUIRE(read.ok());
  CHECK(read->max_record_bytes == (std::int64_t{1} << 28) - 64);
}

TEST_CASE("Settings that were written are read, under their own name alone") {
  TopicOptions options;
  options.partitions = 7;
  options.max_record_bytes = 1000;
  const std::string text = EncodeTopicFile(options, "orders", {.id = 77});
  const auto read = DecodeTopicFile(text, "orders");
  CHECK(TopicIdIn(text) == 77);
  CHECK(TopicIdIn(EncodeTopicFile(options, "orders")) == 0);
  CHECK(DecodeTopicFile(EncodeTopicFile(options, "orders"), "orders").ok());
  REQUIRE(read.ok());
  CHECK(read->partitions == 7);
  CHECK(absl::IsDataLoss(DecodeTopicFile(text, "others").status()));
}

TEST_CASE("How many partitions there were before is written and read, and must be fewer") {
  TopicOptions options;
  options.partitions = 7;
  TopicOrigin origin{.id = 77, .earlier_counts = {2, 5}};
  const std::string text = EncodeTopicFile(options, "t", origin);
  origin = {};
  REQUIRE(DecodeTopicFile(text, "t", &origin).ok());
  CHECK(origin.id == 77);
  CHECK(origin.earlier_counts == std::vector<int>{2, 5});
  REQUIRE(DecodeTopicFile(EncodeTopicFile(options, "t"), "t", &origin).ok());
  CHECK(origin.earlier_counts.empty());
  for (const int count : {0, -1, 7, 8}) {
    const std::string forged = EncodeTopicFile(options, "t", {.earlier_counts = {count}});
    CHECK(absl::IsDataLoss(DecodeTopicFile(forged, "t").status()));
  }
}

}  // namespace daybook
