#include "broker/background/retention.h"

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/admin.h"
#include "daybook/transaction.h"
#include "support/group_fixture.h"
#include "support/run_fixture.h"

namespace daybook {
namespace {

using std::chrono::hours;
using Segments = std::vector<SegmentFacts>;

constexpr Timestamp kStart{hours(1'000)};
constexpr std::int64_t kSmall = 64 << 10;

// Segments of 100 records and 10 bytes, made at these hours, of which no seal is known.
Segments MadeAt(const std::vector<int>& times) {
  Segments segments;
  for (const int time : times) {
    segments.push_back({.base_offset = Offset(static_cast<std::int64_t>(100 * segments.size())),
                        .bytes = 10,
                        .created = kStart + hours(time)});
  }
  return segments;
}

std::int64_t Kept(const Segments& segments, const RetentionOptions& rules, int now = 0,
                  std::optional<Offset> read_by_all = std::nullopt) {
  return RetainedFrom(segments, Offset(777), rules, read_by_all, kStart + hours(now)).value();
}

// A topic t with small segments.
class RetainedTopic {
 public:
  explicit RetainedTopic(TopicOptions options) {
    options.segment_bytes = kSmall;
    broker.MakeTopic("t", options);
  }

  // About as many segments.
  void Fill(int segments) {
    const std::string value(1000, 'v');
    for (int i = 0; i < segments * 63; ++i) broker.Send("t", "", value);
  }
  absl::Status Run() { return broker->RunBackgroundWork(); }
  Partition& partition() { return topic().partition(0); }
  Offset begin() { return partition().begin_offset().value(); }
  Offset end() { return partition().end_offset().value(); }
  std::uint64_t bytes() {
    std::uint64_t all = 0;
    const auto segments = Access::Log(partition()).Segments().value();
    for (const SegmentFacts& segment : segments) {
      all += segment.bytes;
    }
    return all;
  }
  // A group has read as far as that.
  void Commit(const std::string& group, Offset offset) {
    REQUIRE(Admin(*broker).AlterGroupOffsets(group, {{{"t", 0}, offset}}).ok());
  }

  BrokerFixture broker;

 private:
  Topic topic() { return broker->OpenTopic("t").value(); }
};

}  // namespace

TEST_CASE("Without rules all stays") {
  CHECK_FALSE(HasBound({}));
  CHECK(Kept(MadeAt({0, 1, 2}), {}, 1'000'000) == 0);
}

TEST_CASE("By time a segment goes when the next one has long been there") {
  const RetentionOptions rules{.time = hours(10)};
  CHECK(Kept(MadeAt({0, 5, 6, 7}), rules, 15) == 0);  // not longer
  CHECK(Kept(MadeAt({0, 5, 6, 7}), rules, 16) == 100);
  CHECK(Kept(MadeAt({0, 5, 6, 7}), rules, 17) == 200);
  CHECK(Kept(MadeAt({0, 5, 6, 7}), rules, 1000) == 300);  // the last one stays
  CHECK(Kept(MadeAt({0}), rules, 1000) == 0);
}

TEST_CASE("A clock that was wrong deletes nothing that is younger, and keeps nothing for good") {
  const RetentionOptions rules{.time = hours(10)};
  CHECK(Kept(MadeAt({0, 20, 1, 2, 3}), rules, 25) == 0);     // it was behind from the third on
  CHECK(Kept(MadeAt({0, 20, 1, 2, 31}), rules, 31) == 100);  // so how old they are is not known
  CHECK(Kept(MadeAt({0, 20, 1, 2, 31}), rules, 42) == 400);
  CHECK(Kept(MadeAt({0, 900, 5, 6, 30}), rules, 17) == 300);  // it was ahead for a while
  CHECK(Kept(MadeAt({0, 5, 900, 901, 902}), rules, 17) == 100);
  CHECK(Kept(MadeAt({0, 1, 2}), rules, -900) == 0);  // it is behind
  Segments damaged = MadeAt({0, 1, 2, 3});
  damaged[1].created = std::nullopt;
  CHECK(Kept(damaged, rules, 12) == 0);
  CHECK(Kept(damaged, rules, 13) == 200);
}

TEST_CASE("A segment that was sealed long before the next one was made goes by its seal") {
  const RetentionOptions rules{.time = hours(10)};
  Segments segments = MadeAt({0, 9, 12});
  segments[0].sealed = kStart + hours(2);
  CHECK(Kept(segments, rules, 12) == 0);
  CHECK(Kept(segments, rules, 13) == 100);
  CHECK(Kept(segments, rules, 1000) == 200);
  segments[2].sealed = kStart + hours(12);
  CHECK(Kept(segments, rules, 22) == 100);
  CHECK(Kept(segments, rules, 23) == 777);   // nothing is left
  segments[1].sealed = kStart - hours(900);  // by a clock that was behind
  segments[2].sealed = std::nullopt;
  CHECK(Kept(segments, rules, 1000) == 100);
}

TEST_CASE("By size the oldest goes as long as enough is left without it") {
  const Segments segments = MadeAt({0, 1, 2, 3, 4});
  CHECK(Kept(segments, {.bytes = 50}) == 0);
  CHECK(Kept(segments, {.bytes = 41}) == 0);
  CHECK(Kept(segments, {.bytes = 40}) == 100);
  CHECK(Kept(segments, {.bytes = 15}) == 300);
  CHECK(Kept(segments, {.bytes = 0}) == 400);
}

TEST_CASE("What a group has not read stays, up to the bound that wins") {
  const Segments segments = MadeAt({0, 1, 2, 3, 4});
  RetentionOptions rules{.time = hours(1), .bytes = 10, .unread = RetentionUnread::kKeep};
  CHECK(Kept(segments, rules, 100) == 400);  // there is no group
  CHECK(Kept(segments, rules, 100, Offset(400)) == 400);
  CHECK(Kept(segments, rules, 100, Offset(399)) == 300);
  CHECK(Kept(segments, rules, 100, Offset(0)) == 0);
  rules.max_bytes = 30;
  CHECK(Kept(segments, rules, 100, Offset(0)) == 200);
  rules.unread = RetentionUnread::kDelete;
  CHECK(Kept(segments, rules, 100, Offset(0)) == 400);
}

TEST_CASE("A topic stays near its bound, also over crashes, and begins where it did") {
  RetainedTopic t({.durability = Durability::kDisk, .retention = {.bytes = 4 * kSmall}});
  Offset begin;
  for (int round = 0; round < 20; ++round) {
    t.Fill(2);
    REQUIRE(t.Run().ok());
    CHECK(t.begin() >= begin);
    begin = t.begin();
    CHECK(t.bytes() <= 6 * kSmall);
    if (round % 4 == 1) t.broker.Kill();
    if (round % 4 == 3) t.broker.CutPower(static_cast<std::uint64_t>(round));
    CHECK(t.begin() == begin);
  }
  CHECK(t.bytes() >= 4 * kSmall);
  CHECK(begin.value() > 1'500);
  CHECK(t.broker.Values("t").size() == static_cast<std::size_t>(t.end() - t.begin()));
}

TEST_CASE("What is too old goes, and of a quiet topic all, which goes on where it ended") {
  RetainedTopic t({.retention = {.time = hours(10)}});
  t.Fill(3);
  t.broker.clock().Advance(hours(10));
  REQUIRE(t.Run().ok());
  CHECK(t.begin() == Offset(0));
  t.broker.clock().Advance(hours(1));
  REQUIRE(t.Run().ok());
  const Offset end = t.end();
  CHECK(end.value() == 189);
  CHECK(t.begin() > Offset(100));
  t.broker.clock().Advance(hours(11));
  REQUIRE(t.Run().ok());
  CHECK(t.begin() == end);
  t.broker.Kill();
  CHECK(t.begin() == end);
  CHECK(t.broker.Send("t", "", "after") == end);
  CHECK(t.broker.Values("t") == std::vector<std::string>{"after"});
  REQUIRE(t.Run().ok());
  CHECK(t.bytes() <= 2 * kSmall);
}

TEST_CASE("A record that was appended while the clock was behind takes no younger one with it") {
  RetainedTopic t({.retention = {.time = hours(10)}});
  t.broker.Send("t", "", "first");
  t.broker.clock().Advance(hours(9));
  t.broker.Send("t", "", "young");
  const Timestamp now = t.broker.clock().Now();
  t.broker.clock().Set(Timestamp());
  t.broker.Send("t", "", "of 1970");
  t.broker.clock().Set(now + hours(2));
  REQUIRE(t.Run().ok());
  CHECK(t.begin() == Offset(0));
  t.broker.clock().Set(Timestamp());
  t.broker.Send("t", "", "of 1970");
  REQUIRE(t.Run().ok());
  t.broker.clock().Set(now + hours(3));
  REQUIRE(t.Run().ok());
  CHECK(t.begin() == Offset(0));
}

TEST_CASE("A segment that a clock which was ahead has made does not stay for good") {
  RetainedTopic t({.retention = {.time = hours(10)}});
  const Timestamp now = t.broker.clock().Now();
  t.broker.clock().Set(now + hours(10'000));
  t.broker.Send("t", "", "of later");
  t.broker.clock().Set(now);
  REQUIRE(t.Run().ok());
  t.broker.Send("t", "", "now");
  t.broker.clock().Set(now + hours(11));
  REQUIRE(t.Run().ok());
  t.broker.Send("t", "", "then");
  t.broker.clock().Set(now + hours(22));
  REQUIRE(t.Run().ok());
  CHECK(t.begin() >= Offset(1));
}

TEST_CASE("An open claim keeps what is behind it, and no more") {
  RetainedTopic t({.retention = {.bytes = kSmall}});
  t.Fill(3);
  ClaimOptions options;
  options.value_bytes = 10;
  std::optional<RecordClaim> claim = t.partition().Claim(options).value();
  t.Fill(5);
  REQUIRE(t.Run().ok());
  CHECK(t.begin() > Offset(0));
  CHECK(t.begin() <= Offset(189));
  claim.reset();
  REQUIRE(t.Run().ok());
  CHECK(t.begin() > Offset(189));
}

TEST_CASE("What a group has read in a transaction goes when no power cut can take that") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    RetainedTopic t({.durability = Durability::kDisk,
                     .retention = {.bytes = kSmall, .unread = RetentionUnread::kKeep}});
    t.broker.MakeTopic("out");
    t.Commit("g", Offset(0));
    t.Fill(5);
    const auto consumer = ConsumerGroup(*t.broker, "g").Join({"t"}).value();
    const auto batch = consumer->Poll(std::chrono::seconds(0)).value();
    auto transaction = Transaction::Begin(*t.broker).value();
    REQUIRE(transaction.Send("out", RecordOf("k", "v")).ok());
    REQUIRE(transaction.AddOffsets(*consumer).ok());
    REQUIRE(transaction.Commit().ok());
    REQUIRE(t.Run().ok());
    const Offset begin = t.begin();
    CHECK(begin > Offset(0));
    BrokerFixture after(t.broker.disk().CutPower(seed));
    CHECK(CommittedIn(*after, "t", 0) >= begin.value());
  }
}

TEST_CASE("A long retention is refused, and Kafka's for ever with the words that mean it") {
  TopicOptions options;
  options.retention.time = std::chrono::milliseconds::max();
  CHECK(CheckTopicOptions(Resolve(options)).message().find("-1") != absl::string_view::npos);
  options.retention.time = std::chrono::hours(24 * 36'500);
  CHECK(CheckTopicOptions(Resolve(options)).ok());
}

TEST_CASE("A record is gone when it is twice as old, however slowly its segment fills") {
  RetainedTopic t({.retention = {.time = hours(10)}});
  std::vector<Timestamp> appended;
  for (int hour = 0; hour < 200; ++hour) {
    appended.push_back(t.broker.clock().Now());
    t.broker.Send("t", "", "v");
    REQUIRE(t.Run().ok());
    const Timestamp now = t.broker.clock().Now();
    const Timestamp first = appended[static_cast<std::size_t>(t.begin().value())];
    CHECK(now - first <= hours(21));  // an hour more, as it is looked at once an hour
    if (t.begin() > Offset(0)) {
      CHECK(now - appended[static_cast<std::size_t>(t.begin().value()) - 1] > hours(10));
    }
    t.broker.clock().Advance(hours(1));
  }
  CHECK(t.begin() > Offset(170));
}

TEST_CASE("Records that a group has not read stay until it has, or nobody is left to") {
  RetainedTopic t({.retention = {.bytes = kSmall, .unread = RetentionUnread::kKeep}});
  t.Commit("slow", Offset(0));
  t.Fill(5);
  t.Commit("fast", t.end());
  REQUIRE(t.Run().ok());
  CHECK(t.begin() == Offset(0));
  t.Commit("slow", Offset(150));
  REQUIRE(t.Run().ok());
  CHECK(t.begin() > Offset(0));
  CHECK(t.begin() <= Offset(150));
  SECTION("and a power cut does not put the group back before them") {
    const Offset begin = t.begin();
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      BrokerFixture after(t.broker.disk().CutPower(seed));
      const Topic topic = after->OpenTopic("t").value();
      CHECK(topic.partition(0).begin_offset().value() == begin);
      CHECK(CommittedIn(*after, "t", 0, "slow") >= begin.value());
    }
  }
  SECTION("when the group is deleted") {
    REQUIRE(Admin(*t.broker).DeleteGroup("slow").ok());
    REQUIRE(t.Run().ok());
    CHECK(t.begin() > Offset(150));
  }
}

TEST_CASE("A group that has read nothing of a partition keeps all of it") {
  RetainedTopic t(
      {.partitions = 2, .retention = {.bytes = kSmall, .unread = RetentionUnread::kKeep}});
  REQUIRE(Admin(*t.broker).AlterGroupOffsets("g", {{{"t", 1}, Offset(0)}}).ok());
  const std::string value(1000, 'v');
  for (int i = 0; i < 300; ++i) REQUIRE(t.partition().Append(RecordOf(value)).ok());
  REQUIRE(t.Run().ok());
  CHECK(t.begin() == Offset(0));
}

TEST_CASE("Batches that readers hold stay valid, and who is behind is told") {
  RetainedTopic t({.retention = {.bytes = kSmall}});
  t.Fill(5);
  auto reader = Reader::Open(*t.broker, "t").value();
  const auto batch = reader.Poll({}).value();
  REQUIRE(batch.size() > 0);
  REQUIRE(t.Run().ok());
  CHECK(t.begin() > Offset(0));
  for (const RecordView& record : batch) CHECK(record.value == std::string(1000, 'v'));
  const auto consumer = ConsumerGroup(*t.broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == static_cast<std::size_t>(t.end() - t.begin()));
}

TEST_CASE("Damaged segments go as others do") {
  RetainedTopic t({.retention = {.bytes = 2 * kSmall}});
  t.Fill(8);
  std::vector<std::string> files;
  for (const std::string& path : t.broker.disk().Files()) {
    if (path.ends_with(".log")) files.push_back(path);
  }
  REQUIRE(files.size() > 6);
  t.broker.Close();
  const bool in_header = GENERATE(true, false);
  for (const std::size_t at : {0U, 2U}) {
    REQUIRE(t.broker.disk().Corrupt(files[at], in_header ? 20 : 9'000, std::byte{1}).ok());
  }
  t.broker.Reopen();
  t.Fill(1);
  REQUIRE(t.Run().ok());
  CHECK(t.bytes() <= 4 * kSmall);
  CHECK(t.broker.Values("t").size() == static_cast<std::size_t>(t.end() - t.begin()));
}

TEST_CASE("What a group commits while it is made final where it is does not count yet") {
  RetainedTopic t({.durability = Durability::kDisk,
                   .retention = {.bytes = kSmall, .unread = RetentionUnread::kKeep}});
  t.Fill(5);
  t.Commit("g", Offset(150));
  bool has_committed = false;
  t.broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string& path) {
    const bool is_sync = operation == SimulatedFileSystem::Operation::kSync &&
                         path.find("__consumer_offsets") != std::string::npos;
    if (is_sync && !has_committed) {
      has_committed = true;
      std::thread([&] { t.Commit("g", Offset(300)); }).join();
    }
    return absl::OkStatus();
  });
  REQUIRE(t.Run().ok());
  t.broker.disk().SetHook(nullptr);
  REQUIRE(has_committed);
  CHECK(t.begin() > Offset(0));
  CHECK(t.begin() <= Offset(150));
}

}  // namespace daybook
