#include "daybook/admin.h"

#include <chrono>
#include <map>
#include <string>

#include "catch.h"
#include "support/group_fixture.h"

namespace daybook {
namespace {

constexpr std::int64_t kSmall = 64 << 10;

std::string WhyNot(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

TEST_CASE("A topic is described, with what its partitions hold") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2, .segment_bytes = kSmall});
  Admin admin(*broker);
  const Timestamp first = broker.clock().Now();
  broker.SendMany("t", 0, 10);
  broker.clock().Advance(std::chrono::hours(1));
  broker.SendMany("t", 0, 5);
  const auto topic = admin.DescribeTopic("t").value();
  CHECK(topic.name == "t");
  CHECK(topic.options.segment_bytes == kSmall);
  REQUIRE(topic.partitions.size() == 2);
  const PartitionDescription& used = topic.partitions[0];
  CHECK(used.partition == 0);
  CHECK(used.begin == Offset(0));
  CHECK(used.end == Offset(15));
  CHECK(used.segments == 1);
  CHECK(used.bytes > 0);
  CHECK(used.first_append == first);
  CHECK(used.last_append == first + std::chrono::hours(1));
  const PartitionDescription& unused = topic.partitions[1];
  CHECK(unused.segments == 0);
  CHECK(unused.bytes == 0);
  CHECK_FALSE(unused.last_append.has_value());
  const auto follower = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly)).value();
  const auto followed = Admin(*follower).DescribeTopic("t").value();
  CHECK(followed.partitions[0].end == Offset(15));
  CHECK(followed.partitions[0].last_append == used.last_append);
  CHECK(WhyNot(admin.DescribeTopic("tt").status()).find("did you mean t?") != std::string::npos);
}

TEST_CASE("Settings of retention are altered, survive, and reach who follows; others are fixed") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = kSmall});
  const auto follower = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly)).value();
  CHECK(follower->OpenTopic("t")->options().retention.bytes == -1);
  TopicOptions options = broker->OpenTopic("t")->options();
  options.retention.bytes = 2 * kSmall;
  options.retention.time = std::chrono::hours(1);
  REQUIRE(Admin(*broker).AlterTopic("t", options).ok());
  CHECK(broker->OpenTopic("t")->options().retention.bytes == 2 * kSmall);
  CHECK(follower->OpenTopic("t")->options().retention.bytes == 2 * kSmall);
  SECTION("a power cut leaves them") {
    broker.CutPower(1);
    CHECK(broker->OpenTopic("t")->options().retention.time == std::chrono::hours(1));
  }
  SECTION("what cannot be changed is named, and nothing is") {
    TopicOptions other = options;
    other.retention.bytes = -1;
    other.durability = Durability::kDisk;
    const auto refused = Admin(*broker).AlterTopic("t", other);
    CHECK(absl::IsInvalidArgument(refused));
    CHECK(WhyNot(refused).find("durability is process since the topic was made") == 0);
    other = options;
    other.partitions = 3;
    CHECK(WhyNot(Admin(*broker).AlterTopic("t", other)).find("CreatePartitions") !=
          std::string::npos);
    other = options;
    other.retention.bytes = 1;
    CHECK(absl::IsInvalidArgument(Admin(*broker).AlterTopic("t", other)));
    CHECK(broker->OpenTopic("t")->options().retention.bytes == 2 * kSmall);
  }
  SECTION("partitions that are added keep them") {
    REQUIRE(Admin(*broker).CreatePartitions("t", 3).ok());
    broker.Kill();
    CHECK(broker->OpenTopic("t")->options().retention.bytes == 2 * kSmall);
    CHECK(broker->OpenTopic("t")->partitions() == 3);
  }
  SECTION("who may not is told") {
    CHECK(absl::IsFailedPrecondition(Admin(*follower).AlterTopic("t", options)));
    CHECK(absl::IsNotFound(Admin(*broker).AlterTopic("u", options)));
    CHECK(absl::IsInvalidArgument(Admin(*broker).AlterTopic("__consumer_offsets", options)));
  }
}

TEST_CASE("Records are deleted up to an offset, for good, and groups go on behind it") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 10);
  Admin admin(*broker);
  REQUIRE(admin.AlterGroupOffsets("g", {{{"t", 0}, Offset(2)}}).ok());
  CHECK(admin.DeleteRecords({"t", 0}, Offset(4)).value() == Offset(4));
  CHECK(admin.DeleteRecords({"t", 0}, Offset(3)).value() == Offset(4));  // never back
  CHECK(absl::IsOutOfRange(admin.DeleteRecords({"t", 0}, Offset(11)).status()));
  CHECK(absl::IsNotFound(admin.DeleteRecords({"t", 1}, Offset(0)).status()));
  CHECK(absl::IsNotFound(admin.DeleteRecords({"u", 0}, Offset(0)).status()));
  CHECK(
      absl::IsInvalidArgument(admin.DeleteRecords({"__consumer_offsets", 0}, Offset(0)).status()));
  broker.Kill();
  const auto group = Admin(*broker).DescribeGroup("g").value();
  REQUIRE(group.offsets.size() == 1);
  CHECK(group.offsets[0].lag == 6);  // what is left to read
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 6);
  broker.CutPower(3);
  CHECK(broker->OpenTopic("t")->partition(0).begin_offset().value() == Offset(4));
}

TEST_CASE("After its broker an admin answers that it is closed") {
  BrokerFixture broker;
  Admin admin(*broker);
  broker.Close();
  CHECK(absl::IsFailedPrecondition(admin.ListGroups().status()));
  CHECK(absl::IsFailedPrecondition(admin.DescribeTopic("t").status()));
  CHECK(absl::IsFailedPrecondition(admin.DeleteRecords({"t", 0}, Offset(0)).status()));
}

TEST_CASE("On a full disk records are deleted, and there is room again") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = kSmall});
  broker.disk().SetCapacity(std::uint64_t{12} * kSmall);
  Partition& partition = broker->OpenTopic("t")->partition(0);
  const std::string value(1000, 'v');
  while (partition.Append(RecordOf(value)).ok()) {
  }
  const Offset end = partition.end_offset().value();
  const Offset middle(end.value() / 2);
  CHECK(Admin(*broker).DeleteRecords({"t", 0}, middle).value() == middle);
  CHECK(partition.Append(RecordOf(value)).value() == end);
  broker.Kill();
  CHECK(broker->OpenTopic("t")->partition(0).begin_offset().value() == middle);
}

}  // namespace daybook
