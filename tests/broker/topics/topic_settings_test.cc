#include "broker/topics/topic_settings.h"

#include <string>
#include <vector>

#include "catch.h"

namespace daybook {
namespace {

std::string WhyNot(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

TEST_CASE("Settings come back from their properties") {
  TopicOptions options{.partitions = 12,
                       .durability = Durability::kInterval,
                       .flush_interval = std::chrono::milliseconds(7),
                       .segment_bytes = 1 << 20,
                       .max_record_bytes = 1000,
                       .storage = Storage::kMemory,
                       .memory_bytes = 1 << 20,
                       .when_full = WhenFull::kBlock,
                       .max_block = std::chrono::milliseconds(5),
                       .timestamp_type = TimestampType::kLogAppendTime};
  TopicOptions read;
  for (const auto& [key, value] : ToProperties(options)) {
    REQUIRE(SetOption(read, key, value).ok());
  }
  CHECK(ToProperties(read) == ToProperties(options));
}

TEST_CASE("The type of timestamps has Kafka's names, and CreateTime is the default") {
  TopicOptions options;
  CHECK(ToProperties(options).at("message.timestamp.type") == "CreateTime");
  REQUIRE(SetOption(options, "message.timestamp.type", "LogAppendTime").ok());
  CHECK(options.timestamp_type == TimestampType::kLogAppendTime);
  for (const std::string bad : {"", "logappendtime", "1"}) {
    CHECK(absl::IsInvalidArgument(SetOption(options, "message.timestamp.type", bad)));
  }
  CHECK(options.timestamp_type == TimestampType::kLogAppendTime);
}

TEST_CASE("An unknown setting is answered with the nearest one") {
  TopicOptions options;
  CHECK(WhyNot(SetOption(options, "segment.byte", "1")).find("did you mean segment.bytes?") !=
        std::string::npos);
  CHECK(WhyNot(SetOption(options, "zzz", "1")).find("there are ") != std::string::npos);
}

TEST_CASE("A setting that is not a number or not a level is refused and nothing changes") {
  TopicOptions options;
  for (const std::string bad : {"", "x", "1x", "1.5", "99999999999999999999"}) {
    CHECK(absl::IsInvalidArgument(SetOption(options, "segment.bytes", bad)));
    CHECK(absl::IsInvalidArgument(SetOption(options, "durability", bad)));
  }
  CHECK(absl::IsInvalidArgument(SetOption(options, "num.partitions", "5000000000")));
  CHECK(ToProperties(options) == ToProperties(TopicOptions{}));
}

TEST_CASE("The nearest name is found only among those that are near") {
  CHECK(NearestName("ordes", {"orders", "users"}) == "orders");
  CHECK(NearestName("xyz", {"orders", "users"}).empty());
  CHECK(NearestName("", {}).empty());
}

}  // namespace daybook
