#include <chrono>
#include <thread>
#include <utility>

#include "catch.h"
#include "daybook/admin.h"
#include "daybook/transaction.h"
#include "support/child_process.h"
#include "support/following_fixture.h"
#include "support/run_fixture.h"
#include "support/temporary_directory.h"

// Groups of a process that follows another one, whose offsets are in a directory of its own.

namespace daybook {
namespace {

using Values = std::vector<std::string>;

// Longer than anything that a member waits for.
constexpr std::chrono::seconds kLong{30};

}  // namespace

TEST_CASE_METHOD(FollowingFixture, "A group of a follower goes on where it had committed") {
  writer.SendMany("t", 0, 3);
  {
    const auto consumer = Join();
    CHECK(Drain(*consumer) == Values{"0", "1", "2"});
    REQUIRE(consumer->Commit().ok());
    writer.SendMany("t", 1, 2);
    CHECK(Drain(*consumer) == Values{"0", "1"});  // not committed
  }
  Follow();
  const auto consumer = Join();
  CHECK(Drain(*consumer) == Values{"0", "1"});
  CHECK(consumer->Committed({"t", 0})->offset == Offset(3));
  REQUIRE(consumer->SeekToBeginning({{"t", 0}}).ok());
  CHECK(Drain(*consumer).size() == 3);
  REQUIRE(consumer->SeekToCommitted().ok());
  CHECK(Drain(*consumer) == Values{"0", "1"});
}

TEST_CASE_METHOD(FollowingFixture,
                 "Neither process sees the other one's groups, nor touches them") {
  writer.SendMany("t", 0, 5);
  REQUIRE(Admin(*writer).AlterGroupOffsets("g", {{{"t", 0}, Offset(4)}}).ok());
  REQUIRE(Admin(*writer).AlterGroupOffsets("theirs", {{{"t", 0}, Offset(4)}}).ok());
  DrainAndCommit();
  CHECK(Admin(*follower).ListGroups().value() == Values{"g"});
  CHECK(Admin(*writer).ListGroups().value() == Values{"g", "theirs"});
  CHECK(CommittedIn(*writer, "t", 0) == 4);
  CHECK(CommittedIn(*follower, "t", 0) == 5);
  REQUIRE(Admin(*follower).DeleteGroup("g").ok());
  CHECK(CommittedIn(*writer, "t", 0) == 4);
  CHECK(absl::IsNotFound(Admin(*follower).DeleteGroup("theirs")));
}

TEST_CASE_METHOD(FollowingFixture,
                 "What operators do with groups they do with those of a follower") {
  writer.SendMany("t", 0, 5);
  DrainAndCommit();
  writer.SendMany("t", 0, 1);
  const auto group = Admin(*follower).DescribeGroup("g").value();
  REQUIRE(group.offsets.size() == 2);
  CHECK(group.offsets[0].lag == 1);
  CHECK(group.offsets[0].end == Offset(6));
  REQUIRE(Admin(*follower).AlterGroupOffsets("g", {{{"t", 0}, Offset(2)}}).ok());
  CHECK(absl::IsInvalidArgument(Admin(*follower).AlterGroupOffsets("g", {{{"t", 0}, Offset(7)}})));
  Follow();
  CHECK(CommittedIn(*follower, "t", 0) == 2);
  CHECK(Drain(*Join()) == Values{"2", "3", "4", "0"});
  writer.clock().Advance(std::chrono::hours(2));
  CHECK(Admin(*follower).ExpireGroupOffsets(std::chrono::hours(3)).value() == 0);
  CHECK(Admin(*follower).ExpireGroupOffsets(std::chrono::hours(1)).value() == 2);
  CHECK(Admin(*follower).ListGroups()->empty());
}

TEST_CASE_METHOD(FollowingFixture, "A follower's group at the end begins with what comes next") {
  writer.SendMany("t", 0, 5);
  const auto consumer = Join({.offset_reset = OffsetReset::kLatest});
  CHECK(Drain(*consumer).empty());
  writer.SendMany("t", 0, 1);
  CHECK(Drain(*consumer) == Values{"0"});
  REQUIRE(Admin(*writer).CreatePartitions("t", 3).ok());
  writer.SendMany("t", 2, 2);
  CHECK(Drain(*consumer) == Values{"0", "1"});  // it came after the group
}

TEST_CASE_METHOD(FollowingFixture, "Followers with directories of their own share nothing") {
  writer.SendMany("t", 0, 3);
  DrainAndCommit();
  CHECK(absl::IsFailedPrecondition(TryFollow().status()));
  const auto other = TryFollow("/other").value();
  CHECK(Admin(*other).ListGroups()->empty());
  const auto consumer = ConsumerGroup(*other, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 3);
  CHECK(CommittedIn(*other, "t", 0) == -1);
  CHECK(CommittedIn(*follower, "t", 0) == 3);
}

TEST_CASE_METHOD(FollowingFixture,
                 "What would write to the other process's directory stays refused") {
  const auto consumer = Join();
  const auto files = writer.disk().Files();
  CHECK(absl::IsFailedPrecondition(follower->CreateTopic("x")));
  CHECK(absl::IsFailedPrecondition(follower->DeleteTopic("t")));
  CHECK(absl::IsFailedPrecondition(Admin(*follower).CreatePartitions("t", 3)));
  CHECK(absl::IsFailedPrecondition(Producer(*follower).Send("t", RecordOf("x")).status()));
  CHECK(absl::IsFailedPrecondition(Transaction::Begin(*follower).status()));
  CHECK(absl::IsFailedPrecondition(consumer->EventFd().status()));
  CHECK(writer.disk().Files() == files);
}

TEST_CASE(
    "Without a directory for offsets a follower's groups are refused, and it says which option") {
  BrokerFixture writer;
  writer.MakeTopic("t");
  const auto follower = Broker::Open("/data", writer.Options(BrokerAccess::kReadOnly)).value();
  for (const absl::Status& status :
       {ConsumerGroup(*follower, "g").Join({"t"}).status(), Admin(*follower).DeleteGroup("g"),
        Admin(*follower).AlterGroupOffsets("g", {}),
        Admin(*follower).ExpireGroupOffsets(std::chrono::hours(1)).status()}) {
    INFO(status);
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(status.message().find("BrokerOptions::offsets_directory") != absl::string_view::npos);
  }
}

TEST_CASE_METHOD(FollowingInFiles, "A member that waits gets what the other process appends") {
  const auto consumer = Join();
  CHECK(Drain(*consumer).empty());
  std::thread sender([&] { SendMany(1, 1); });
  const auto batch = consumer->Poll(kLong);
  sender.join();
  REQUIRE(batch.ok());
  CHECK(batch->size() == 1);
  std::thread waker([&] { consumer->Wakeup(); });
  CHECK(absl::IsCancelled(consumer->Poll(kLong).status()));
  waker.join();
}

TEST_CASE_METHOD(FollowingFixture, "A member that waits takes part when another one joins") {
  const auto first = Join();
  CHECK(Settled(*first).size() == 2);
  std::thread waiting([&] { CHECK(absl::IsCancelled(first->Poll(kLong).status())); });
  const auto second = Join();
  const auto deadline = Soon();
  while (Settled(*second).empty() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  CHECK(second->Assignment().size() == 1);
  first->Wakeup();
  waiting.join();
}

TEST_CASE_METHOD(FollowingFixture, "Closing ends what waits, and all is refused from then on") {
  const auto consumer = Join();
  CHECK(Drain(*consumer).empty());
  std::thread waiting([&] { CHECK(absl::IsFailedPrecondition(consumer->Poll(kLong).status())); });
  REQUIRE(follower->Close().ok());
  waiting.join();
  CHECK(absl::IsFailedPrecondition(consumer->Commit()));
  CHECK(absl::IsFailedPrecondition(Admin(*follower).ListGroups().status()));
  CHECK(TryFollow().ok());
}

TEST_CASE_METHOD(FollowingInFiles,
                 "Run handles what the other process writes, once and all of it") {
  SendMany(0, 500);
  Notes notes;
  {
    RunningGroup run(*follower, {"t"}, {.threads = 4}, [&](const RecordView& record) {
      notes.Add(std::string(record.value));
      return absl::OkStatus();
    });
    REQUIRE(notes.Await(500));
    SendMany(1, 500);
    REQUIRE(notes.Await(1000));
    CHECK(run.Stop().ok());
  }
  CHECK(CommittedIn(*follower, "t", 0) == 500);
  CHECK(CommittedIn(*follower, "t", 1) == 500);
  CHECK(Drain(*Join()).empty());
}

TEST_CASE("What a process had committed in its own directory survives its kill", "[crash]") {
  const TemporaryDirectory directory;
  const std::string data = directory.path() + "/data";
  const std::string own = directory.path() + "/own";
  const auto append = [&](int records) {
    const auto writer = Broker::Open(data).value();
    writer->CreateTopic("t").IgnoreError();  // the first time
    const Topic topic = writer->OpenTopic("t").value();
    for (int i = 0; i < records; ++i) REQUIRE(topic.partition(0).Append(RecordOf("v")).ok());
  };
  append(3);
  const BrokerOptions options{.access = BrokerAccess::kReadOnly, .offsets_directory = own};
  std::vector<std::unique_ptr<Broker>> brokers;
  std::vector<std::unique_ptr<Consumer>> consumers;
  HoldingProcess reading([&]() -> absl::StatusOr<bool> {
    auto broker = Broker::Open(data, options);
    if (!broker.ok()) return broker.status();
    auto consumer = ConsumerGroup(**broker, "g").Join({"t"});
    if (!consumer.ok()) return consumer.status();
    if (Drain(**consumer).size() != 3) return absl::InternalError("not all was read");
    if (auto status = (*consumer)->Commit(); !status.ok()) return status;
    brokers.push_back(*std::move(broker));
    consumers.push_back(*std::move(consumer));
    return true;
  });
  const auto refused = Broker::Open(data, options).status();
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(refused.message().find(std::to_string(reading.id())) != absl::string_view::npos);
  BrokerOptions others = options;
  others.offsets_directory = directory.path() + "/others";
  CHECK(Broker::Open(data, others).ok());
  reading.Kill();
  append(2);
  const auto broker = Broker::Open(data, options).value();
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 2);
}

}  // namespace daybook
