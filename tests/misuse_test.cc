#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.h"
#include "daybook/admin.h"
#include "daybook/daybook.h"
#include "support/broker_fixture.h"
#include "support/temporary_directory.h"

// What must not compile, because it would dangle or mean something else.

namespace daybook {
namespace {

template <typename Batch>
constexpr bool kCanIterate = requires(Batch&& batch) {
  std::forward<Batch>(batch).begin();
};
template <typename Batch>
constexpr bool kHasTopic = requires(Batch&& batch) {
  std::forward<Batch>(batch).topic();
};

static_assert(kCanIterate<const RecordBatch&>);
static_assert(!kCanIterate<RecordBatch>, "the views would outlive the batch");
static_assert(kHasTopic<RecordBatch&>);
static_assert(!kHasTopic<RecordBatch>, "the name would outlive the batch");

template <typename Id>
constexpr bool kIsPartition = requires(const Topic& topic, Id id) {
  topic.partition(id);
};
template <typename From>
constexpr bool kIsOffset = requires(Partition& partition, From from) {
  partition.Read(from);
};

static_assert(kIsPartition<int>);
static_assert(!kIsPartition<Offset>, "an offset is no partition");
static_assert(kIsOffset<Offset>);
static_assert(!kIsOffset<int>, "a number is no offset until it is said to be one");
static_assert(!std::is_convertible_v<std::int64_t, Offset>);
static_assert(!std::is_copy_constructible_v<RecordClaim>, "two would commit the same bytes");

// What is the library's own.
template <typename T>
constexpr bool kShowsItself = requires(T& handle) {
  handle.core();
}
|| requires(T& handle) { handle.log(); }
|| requires(T& handle) { handle.state(); };
static_assert(!kShowsItself<Broker> && !kShowsItself<Topic> && !kShowsItself<Partition>);

// Views that would outlive what they are made from. In a call a temporary lives long enough.
template <typename Name, typename Value>
constexpr bool kIsHeader = requires(Name (*name)(), Value (*value)()) {
  Header{name(), value()};
};
static_assert(kIsHeader<std::string&, const std::string&>);
static_assert(kIsHeader<const char*, std::string_view>);
static_assert(kIsHeader<const char*, std::nullopt_t>);
static_assert(kIsHeader<const char*, std::optional<std::string>&>);
static_assert(!kIsHeader<const char*, std::string>, "the value would dangle");
static_assert(!kIsHeader<const char*, const std::string>, "the value would dangle");
static_assert(!kIsHeader<const char*, std::optional<std::string>>, "the value would dangle");
static_assert(!kIsHeader<const char*, std::vector<std::byte>>, "the value would dangle");
static_assert(!kIsHeader<std::string, const char*>, "the name would dangle");

template <typename Part, typename From>
constexpr bool kCanAssign = std::is_assignable_v<Part&, From>;
static_assert(kCanAssign<RecordKey, std::string&> && kCanAssign<RecordValue, std::string&>);
static_assert(kCanAssign<RecordKey, const char*> && kCanAssign<RecordValue, const char*>);
static_assert(kCanAssign<RecordKey, std::nullopt_t> && kCanAssign<RecordValue, std::nullopt_t>);
static_assert(kCanAssign<RecordKey, std::optional<std::string_view>>);
static_assert(kCanAssign<RecordValue, std::optional<std::string_view>>);
static_assert(!kCanAssign<RecordKey, std::string>, "the key would dangle");
static_assert(!kCanAssign<RecordValue, std::string>, "the value would dangle");
static_assert(!kCanAssign<RecordKey, std::optional<std::string>>, "the key would dangle");
static_assert(!kCanAssign<RecordValue, std::vector<std::byte>>, "the value would dangle");
static_assert(!kCanAssign<HeaderValue, std::string>, "the value would dangle");
template <typename Headers>
constexpr bool kCanAssignBraces = requires(Headers& headers) {
  headers = {{"a", "b"}};
};
static_assert(!kCanAssignBraces<RecordHeaders>, "the headers would dangle");
static_assert(kCanAssign<RecordHeaders, std::vector<Header>&>);

template <typename Claim>
constexpr bool kCanCommit = requires(Claim&& claim) {
  std::forward<Claim>(claim).Commit();
};
static_assert(kCanCommit<RecordClaim>);
static_assert(!kCanCommit<RecordClaim&>, "a claim that is kept could be committed twice");

}  // namespace

namespace {

template <typename Enum>
Enum NoValueOf() {
  return static_cast<Enum>(77);
}
void CheckRefused(const absl::Status& status, const std::string& what) {
  INFO(status);
  CHECK(absl::IsInvalidArgument(status));
  CHECK_THAT(std::string(status.message()), Catch::Matchers::Contains(what));
}
constexpr Offset kBelow(-1);

}  // namespace

TEST_CASE("An option that has no value of its type is refused by its name") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  const auto create = [&](TopicOptions options) { return broker->CreateTopic("u", options); };
  CheckRefused(create({.durability = NoValueOf<Durability>()}), "durability");
  CheckRefused(create({.storage = NoValueOf<Storage>()}), "storage");
  CheckRefused(create({.when_full = NoValueOf<WhenFull>()}), "memory.when.full");
  CheckRefused(create({.compression = NoValueOf<Compression>()}), "compression.type");
  CheckRefused(create({.timestamp_type = NoValueOf<TimestampType>()}), "message.timestamp.type");
  CheckRefused(Reader::Open(*broker, "t", {.start = NoValueOf<StartAt>()}).status(), "start");
  CheckRefused(
      Repair("/data", {.mode = NoValueOf<RepairMode>(), .file_system = &broker.disk()}).status(),
      "mode");
  const auto join = [&](GroupOptions options) {
    return ConsumerGroup(*broker, "g", options).Join({"t"}).status();
  };
  CheckRefused(join({.offset_reset = NoValueOf<OffsetReset>()}), "offset_reset");
  CheckRefused(join({.guarantee = NoValueOf<Guarantee>()}), "guarantee");
  CheckRefused(join({.assignor = NoValueOf<Assignor>()}), "assignor");
  const auto run = [&](RunOptions options) {
    return ConsumerGroup(*broker, "g").Run({"t"}, options, [](const RecordView&) {
      return absl::OkStatus();
    });
  };
  CheckRefused(run({.order = NoValueOf<RunOrder>()}), "order");
  CheckRefused(run({.damage = NoValueOf<OnDamage>()}), "damage");
  CheckRefused(run({.retries = {.jitter = std::numeric_limits<double>::quiet_NaN()}}), "jitter");
  CheckRefused(Transaction::Begin(*broker, {.durability = NoValueOf<Durability>()}).status(),
               "durability");
  const Topic topic = broker->OpenTopic("t").value();
  CheckRefused(
      topic.partition(0).Append(RecordOf("v"), {.durability = NoValueOf<Durability>()}).status(),
      "durability");
  CheckRefused(
      Broker::Open("/other", {.access = NoValueOf<BrokerAccess>(), .file_system = &broker.disk()})
          .status(),
      "access");
  CheckRefused(
      Broker::Open("/other", {.background = NoValueOf<Background>(), .file_system = &broker.disk()})
          .status(),
      "background");
  CheckRefused(
      Broker::Open("/other", {.offsets_directory = "/own", .file_system = &broker.disk()}).status(),
      "offsets_directory");
}

TEST_CASE("Offsets, partitions, sizes and times that cannot be are answered with an error") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  const TopicPartition there{"t", 0};
  Partition& partition = broker->OpenTopic("t").value().partition(0);
  CHECK(absl::IsOutOfRange(partition.Read(kBelow).status()));
  CHECK(absl::IsOutOfRange(partition.ReadBackwards(kBelow).status()));
  CHECK(partition.Read(Offset(0), {.max_records = 0, .max_bytes = 0}).value().size() == 1);
  CHECK(partition.NextReadable(kBelow).value() == Offset(0));
  CHECK(absl::IsOutOfRange(partition.NextReadable(Offset(4)).status()));
  CHECK(partition.WaitDurable(kBelow).ok());
  for (const std::size_t bytes :
       {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() - 31,
        std::size_t{1} << 32}) {
    CheckRefused(partition.Claim({.value_bytes = bytes}).status(), "max.message.bytes");
  }

  auto reader = Reader::Open(*broker, "t").value();
  CheckRefused(reader.Seek(0, kBelow), "-1");
  CheckRefused(reader.Seek(-1, Offset(0)), "-1");
  CheckRefused(reader.Position(1).status(), "partition 1");
  CheckRefused(Reader::Open(*broker, "t", {.partitions = {-1}}).status(), "-1");
  CHECK(reader.Position(0).value() == Offset(0));
  CHECK(reader.Poll(std::chrono::seconds(-1)).value().size() == 3);
  CHECK(reader.Poll(std::chrono::seconds(-1)).value().empty());

  ConsumerGroup group(*broker, "g");
  auto consumer = group.Join({"t"}).value();
  REQUIRE(consumer->Poll({}).ok());
  CheckRefused(consumer->Seek(there, kBelow), "-1");
  CheckRefused(consumer->Commit({{there, {.offset = kBelow}}}), "-1");
  CheckRefused(consumer->Commit({{there, {.offset = Offset(4)}}}), "4");
  CHECK(absl::IsNotFound(consumer->Committed(there).status()));
  CHECK(absl::IsNotFound(consumer->Committed({"t", -1}).status()));
  CHECK(absl::IsFailedPrecondition(consumer->Seek({"t", -1}, Offset(0))));
  auto transaction = Transaction::Begin(*broker).value();
  GroupOffsets offsets = consumer->Positions();
  offsets.offsets[there].offset = kBelow;
  CheckRefused(transaction.AddOffsets(offsets), "-1");
  CheckRefused(Transaction::Begin(*broker, {.max_bytes = -1}).status(), "max_bytes");
  REQUIRE(consumer->Leave().ok());

  CheckRefused(Admin(*broker).AlterGroupOffsets("g", {{there, kBelow}}), "-1");
  CHECK(absl::IsNotFound(Admin(*broker).AlterGroupOffsets("g", {{{"t", -1}, Offset(0)}})));
  CheckRefused(Admin(*broker).CreatePartitions("t", -1), "more than 1");
  CheckRefused(Admin(*broker).ExpireGroupOffsets(std::chrono::seconds(-1)).status(),
               "not negative");

  Record elsewhere = RecordOf("v");
  elsewhere.partition = -1;
  Producer producer(*broker, {.name = "p"});
  CheckRefused(producer.Send("t", elsewhere).status(), "-1");
  CheckRefused(producer.SendAsync("t", elsewhere).status(), "-1");
  CheckRefused(producer.SendOnce("t", elsewhere, 0).status(), "-1");
  CheckRefused(producer.SendOnce("t", RecordOf("k", "v"), -1).status(), "-1");
  CheckRefused(producer.LastSequence("t", -1).status(), "-1");
  CheckRefused(transaction.Send("t", elsewhere), "-1");
  CheckRefused(
      Producer(*broker, {.linger = std::chrono::seconds(-1)}).Send("t", RecordOf("v")).status(),
      "linger");
}

TEST_CASE("Misuse that can be refused at compile time is refused") { SUCCEED(); }

}  // namespace daybook
