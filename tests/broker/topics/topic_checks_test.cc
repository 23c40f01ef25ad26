#include <chrono>
#include <string>

#include "broker/topics/topic_settings.h"
#include "catch.h"
#include "daybook/limits.h"
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

TEST_CASE("Retention is for whole segments, and what it bounds must be there") {
  TopicOptions options{.segment_bytes = 64 << 10};
  const auto check = [&] { return WhyNot(CheckTopicOptions(Resolve(options))); };
  options.retention.bytes = (64 << 10) - 1;
  CHECK(check().find("retention.bytes is 65535; it must be -1 (no bound) or at least 65536") == 0);
  options.retention.bytes = 64 << 10;
  CHECK(check().empty());
  for (const int millis : {0, -2}) {
    options.retention.time = std::chrono::milliseconds(millis);
    CHECK(check().find("retention.ms is ") == 0);
  }
  options.retention.time = std::chrono::milliseconds(1);
  CHECK(check().empty());
  options.retention.max_bytes = 128 << 10;
  CHECK(check().find("retention.max.bytes bounds what retention.unread=keep keeps") == 0);
  options.retention.unread = RetentionUnread::kKeep;
  CHECK(check().empty());
  options.retention.bytes = (128 << 10) + 1;  // more than that
  CHECK(check().find("retention.max.bytes is 131072") == 0);
  options.retention.max_bytes = -1;
  CHECK(check().empty());
  options.storage = Storage::kMemory;
  CHECK(check().find("memory.bytes bounds this one") != std::string::npos);
}

}  // namespace daybook
