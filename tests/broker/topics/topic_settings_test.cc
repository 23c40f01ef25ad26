#include "broker/topics/topic_settings.h"

#include <string>
#include <vector>

#include "catch.h"
#include "format/frame_codec.h"

namespace daybook {
namespace {

std::string WhyNot(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

TEST_CASE("The largest record that a topic may have fits a frame with all that is around it") {
  TopicOptions options{.segment_bytes = std::int64_t{1} << 30};
  options.max_record_bytes = (std::int64_t{1} << 28) - 64;
  CHECK(CheckTopicOptions(Resolve(options)).ok());
  const std::vector<Header> headers = {{"name", "value"}};
  const frame::RecordLayout layout =
      frame::LayoutOf({.key = "key",
                       .headers = headers,
                       .event_time = Timestamp(),
                       .value_bytes = static_cast<std::size_t>(options.max_record_bytes) - 3 - 15,
                       .tombstone = false,
                       .producer = frame::ProducerSequence{}});
  CHECK(layout.length != 0);
  CHECK(layout.record_bytes == options.max_record_bytes);
  ++options.max_record_bytes;
  CHECK(WhyNot(CheckTopicOptions(Resolve(options))).find("268435392") != std::string::npos);
}

TEST_CASE(
    "The file of a topic with larger records than a frame can hold is read with what it can") {
  TopicOptions options{.segment_bytes = std::int64_t{1} << 30};
  options.max_record_bytes = std::int64_t{1} << 28;
  const auto read = DecodeTopicFile(EncodeTopicFile(Resolve(options), "t"), "t");
  REQUIRE(read.ok());
  CHECK(read->max_record_bytes == (std::int64_t{1} << 28) - 64);
}

TEST_CASE("Topic names are Kafka's") {
  for (const std::string good : {"orders", "a", "A.b_c-9", "...", "__x"}) {
    CHECK(CheckTopicName(good).ok());
  }
  CHECK(CheckTopicName(std::string(249, 'x')).ok());
  const std::string with_nul("a\0b", 3);
  for (const std::string& bad : {std::string(), std::string("."), std::string(".."),
                                 std::string("a/b"), std::string("../up"), std::string("a b"),
                                 std::string("\xc3\xa9"), with_nul, std::string(250, 'x')}) {
    CHECK(absl::IsInvalidArgument(CheckTopicName(bad)));
  }
}

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

TEST_CASE("Options out of their range are named") {
  CHECK(CheckTopicOptions(Resolve({})).ok());
  CHECK(WhyNot(CheckTopicOptions({.partitions = 0})).find("num.partitions") == 0);
  CHECK(WhyNot(CheckTopicOptions({.partitions = 100'001})).find("num.partitions") == 0);
  CHECK(WhyNot(CheckTopicOptions({.flush_interval = std::chrono::milliseconds(0)}))
            .find("flush.ms") == 0);
  CHECK(WhyNot(CheckTopicOptions({.segment_bytes = 1})).find("segment.bytes") == 0);
  CHECK(WhyNot(CheckTopicOptions({.segment_bytes = std::int64_t{1} << 31})).find("segment.bytes") ==
        0);
  CHECK(WhyNot(CheckTopicOptions({.segment_bytes = 64 << 10, .max_record_bytes = 32 << 10}))
            .find("max.message.bytes") == 0);
  CHECK(WhyNot(CheckTopicOptions({.durability = Durability::kDisk, .storage = Storage::kMemory}))
            .find("durability") == 0);
  CHECK(WhyNot(CheckTopicOptions({.memory_bytes = 1000})).find("memory.bytes") == 0);
  CHECK(WhyNot(CheckTopicOptions({.max_block = std::chrono::milliseconds(-1)}))
            .find("max.block.ms") == 0);
}

TEST_CASE("What is not said of the sizes follows from the others") {
  CHECK(Resolve({}).max_record_bytes == 1 << 20);
  CHECK(Resolve({.segment_bytes = 1 << 20}).max_record_bytes == 256 << 10);
  CHECK(Resolve({.max_record_bytes = 7}).max_record_bytes == 7);
  const TopicOptions small = Resolve({.storage = Storage::kMemory, .memory_bytes = 1 << 20});
  CHECK(small.segment_bytes == 128 << 10);
  CHECK(small.max_record_bytes == 32 << 10);
  CHECK(CheckTopicOptions(small).ok());
  CHECK(Resolve({.segment_bytes = 64 << 10, .storage = Storage::kMemory}).segment_bytes ==
        64 << 10);
}

TEST_CASE("The nearest name is found only among those that are near") {
  CHECK(NearestName("ordes", {"orders", "users"}) == "orders");
  CHECK(NearestName("xyz", {"orders", "users"}).empty());
  CHECK(NearestName("", {}).empty());
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

TEST_CASE("Values that an enum has not are named, and so is memory that is too little") {
  const auto refused = [](const TopicOptions& options, const std::string& what) {
    const absl::Status status = CheckTopicOptions(Resolve(options));
    INFO(status);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(std::string(status.message()).find(what) != std::string::npos);
  };
  refused({.durability = static_cast<Durability>(7)}, "durability has the number 7");
  refused({.storage = static_cast<Storage>(-1)}, "storage has the number -1");
  refused({.when_full = static_cast<WhenFull>(5)}, "memory.when.full has the number 5");
  refused({.compression = static_cast<Compression>(2)}, "none, zstd");
  refused({.storage = Storage::kMemory, .memory_bytes = 1}, "memory.bytes is 1");
}

}  // namespace daybook
