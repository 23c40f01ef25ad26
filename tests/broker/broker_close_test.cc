#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <optional>
#include <thread>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/admin.h"
#include "daybook/transaction.h"
#include "support/broker_fixture.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

// What a broker that is closed, or gone, leaves to the handles that came from it, and to the next
// one of its directory.

namespace daybook {
namespace {

bool IsClosed(const absl::Status& status) { return absl::IsFailedPrecondition(status); }

// One of everything that comes from a broker.
struct Handles {
  explicit Handles(Broker& broker)
      : topic(broker.OpenTopic("orders").value()),
        producer(std::make_unique<Producer>(broker, ProducerOptions{.name = "p"})),
        group(std::make_unique<ConsumerGroup>(broker, "g")),
        consumer(group->Join({"orders"}).value()),
        transaction(Transaction::Begin(broker, {.name = "t"}).value()),
        reader(Reader::Open(broker, "orders").value()) {
    REQUIRE(consumer->Poll({}).ok());
    REQUIRE(transaction->Send("orders", RecordOf("in a transaction")).ok());
  }

  void CheckClosed() {
    const Record record{.key = "k", .value = "v"};
    if (topic) {
      Partition& partition = topic->partition(0);
      CHECK(IsClosed(partition.Append(record).status()));
      CHECK(IsClosed(partition.AppendBatch({&record, 1}).status()));
      CHECK(IsClosed(partition.Claim({.value_bytes = 10}).status()));
      CHECK(IsClosed(partition.Read(Offset(0)).status()));
      CHECK(IsClosed(partition.end_offset().status()));
      CHECK(IsClosed(partition.WaitDurable(Offset(1))));
    }
    if (producer) {
      CHECK(IsClosed(producer->Send("orders", record).status()));
      CHECK(IsClosed(producer->SendAsync("orders", record).status()));
      CHECK(IsClosed(producer->SendOnce("orders", record, 100).status()));
      CHECK(IsClosed(producer->LastSequence("orders", 0).status()));
      if (topic) CHECK(IsClosed(producer->Send(*topic, record).status()));
    }
    if (consumer) {
      CHECK(IsClosed(consumer->Poll(std::chrono::hours(1)).status()));
      CHECK(IsClosed(consumer->Commit()));
      CHECK(IsClosed(consumer->Seek({"orders", 0}, Offset(0))));
      CHECK(IsClosed(consumer->Committed({"orders", 0}).status()));
      CHECK(IsClosed(consumer->Leave()));
    }
    if (group) CHECK(IsClosed(group->Join({"orders"}).status()));
    if (transaction) {
      CHECK(IsClosed(transaction->Send("orders", record)));
      if (consumer) CHECK(IsClosed(transaction->AddOffsets(*consumer)));
      CHECK(IsClosed(transaction->Commit()));
    }
    if (reader) {
      CHECK(IsClosed(reader->Poll(std::chrono::hours(1)).status()));
      CHECK(IsClosed(reader->PollBackwards().status()));
      CHECK(IsClosed(reader->Seek(0, Offset(0))));
      CHECK(IsClosed(reader->SeekToBeginning()));
      CHECK(IsClosed(reader->SeekToEnd()));
      CHECK(IsClosed(reader->SeekToTime({})));
      CHECK(IsClosed(reader->Position(0).status()));
      CHECK(IsClosed(reader->EventFd().status()));
      CHECK(IsClosed(reader->SkipDamage().status()));
      CHECK(IsClosed(reader->AtEnd().status()));
    }
  }

  std::optional<Topic> topic;
  std::unique_ptr<Producer> producer;
  std::unique_ptr<ConsumerGroup> group;
  std::unique_ptr<Consumer> consumer;
  std::optional<Transaction> transaction;
  std::optional<Reader> reader;
};

void CheckClosed(Broker& broker) {
  CHECK(IsClosed(broker.CreateTopic("new")));
  CHECK(IsClosed(broker.DeleteTopic("orders")));
  CHECK(IsClosed(Admin(broker).CreatePartitions("orders", 9)));
  CHECK(IsClosed(broker.OpenTopic("orders").status()));
  CHECK(IsClosed(broker.ListTopics().status()));
  CHECK(IsClosed(Admin(broker).ListGroups().status()));
  CHECK(IsClosed(Admin(broker).DescribeGroup("g").status()));
  CHECK(IsClosed(Admin(broker).AlterGroupOffsets("g", {{{"orders", 0}, Offset(0)}})));
  CHECK(IsClosed(Admin(broker).DeleteGroup("g")));
  CHECK(IsClosed(Admin(broker).ExpireGroupOffsets(std::chrono::seconds(0)).status()));
  CHECK(IsClosed(broker.RunBackgroundWork()));
  CHECK(IsClosed(Transaction::Begin(broker).status()));
  CHECK(IsClosed(Reader::Open(broker, "orders").status()));
}

}  // namespace

TEST_CASE("A closed broker changes nothing, through whichever handle it is asked to") {
  BrokerFixture broker;
  broker.MakeTopic("orders", {.partitions = 2});
  broker.SendMany("orders", 0, 3);
  Handles handles(*broker);
  REQUIRE(broker->Close().ok());
  int changes = 0;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    using Operation = SimulatedFileSystem::Operation;
    const bool is_read = operation == Operation::kOpen || operation == Operation::kList ||
                         operation == Operation::kRead || operation == Operation::kMap;
    changes += is_read ? 0 : 1;
    return absl::OkStatus();
  });
  CheckClosed(*broker);
  handles.CheckClosed();
  CHECK(changes == 0);
  CHECK(broker->Close().ok());
}

TEST_CASE("A read-only broker that is closed answers nothing any more, either") {
  BrokerFixture writer;
  writer.MakeTopic("orders");
  writer.SendMany("orders", 0, 3);
  const auto follower = Broker::Open("/data", writer.Options(BrokerAccess::kReadOnly)).value();
  auto reader = Reader::Open(*follower, "orders").value();
  REQUIRE(follower->Close().ok());
  CHECK(IsClosed(reader.Poll({}).status()));
  CHECK(IsClosed(follower->OpenTopic("orders").status()));
  CHECK(IsClosed(follower->ListTopics().status()));
  CHECK(writer.Values("orders").size() == 3);
}

TEST_CASE("A closed broker touches nothing of the process that has its directory now") {
  const TemporaryDirectory directory;
  auto closed = Broker::Open(directory.path()).value();
  REQUIRE(closed->CreateTopic("orders", {.partitions = 2}).ok());
  Handles handles(*closed);
  REQUIRE(closed->Close().ok());
  {
    HoldingProcess next([&]() -> absl::StatusOr<std::unique_ptr<Broker>> {
      auto broker = Broker::Open(directory.path());
      if (!broker.ok()) return broker;
      if (auto status = (*broker)->CreateTopic("new"); !status.ok()) return status;
      Producer producer(**broker);
      for (const char* const topic : {"orders", "new"}) {
        for (int i = 0; i < 20; ++i) {
          if (auto sent = producer.Send(topic, {.value = "v"}); !sent.ok()) return sent.status();
        }
      }
      return broker;
    });
    CheckClosed(*closed);
    CHECK(IsClosed(closed->DeleteTopic("new")));
    handles.CheckClosed();
    CHECK(IsClosed(Broker::Open(directory.path()).status()));
  }
  const auto broker = Broker::Open(directory.path()).value();
  CHECK(broker->ListTopics().value() == std::vector<std::string>{"new", "orders"});
  CHECK(broker->OpenTopic("new")->partition(0).end_offset().value() == Offset(20));
}

TEST_CASE("A directory stays locked as long as a claim is open, and the claim still counts") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("orders");
  broker.SendMany("orders", 0, 2);
  std::optional<RecordClaim> claim = topic.partition(0).Claim({.value_bytes = 4}).value();
  const auto closed = broker->Close();
  CHECK(absl::IsDeadlineExceeded(closed));
  CHECK(std::string(closed.message()).find("orders-0") != std::string::npos);
  CHECK(IsClosed(Broker::Open("/data", broker.Options()).status()));
  CHECK(IsClosed(topic.partition(0).Append(RecordOf("late")).status()));
  SECTION("committed") {
    std::memcpy(claim->value().data(), "last", 4);
    std::move(*claim).Commit();
    CHECK(broker->Close().ok());
    broker.Reopen();
    CHECK(broker.Values("orders") == std::vector<std::string>{"0", "1", "last"});
  }
  SECTION("dropped") {
    claim.reset();
    CHECK(broker->Close().ok());
    broker.Reopen();
    CHECK(broker.Values("orders") == std::vector<std::string>{"0", "1"});
  }
  claim.reset();
}

TEST_CASE("What is committed between two closes is on the disk after the second, at kInterval") {
  const bool is_large = GENERATE(false, true);
  BrokerFixture broker;
  const Topic topic =
      broker.MakeTopic("orders", {.durability = Durability::kInterval, .segment_bytes = 64 << 10});
  broker.SendMany("orders", 0, 2);
  Access::Core(*broker).UseSettleTimeout(std::chrono::milliseconds(0));
  // Large ones are in several segments.
  const std::size_t bytes = is_large ? 15'000 : 4;
  std::vector<RecordClaim> claims;
  for (int i = 0; i < 6; ++i) {
    claims.push_back(topic.partition(0).Claim({.value_bytes = bytes}).value());
  }
  CHECK(absl::IsDeadlineExceeded(broker->Close()));
  for (RecordClaim& claim : claims) {
    std::memset(claim.value().data(), 'v', bytes);
    std::move(claim).Commit();
  }
  claims.clear();
  CHECK(broker->Close().ok());
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto left = broker.disk().CutPower(seed);
    const auto after = Broker::Open("/data", {.file_system = left.get()}).value();
    CHECK(after->OpenTopic("orders")->partition(0).end_offset().value() == Offset(8));
  }
}

TEST_CASE("With claims open, a process that opens at once gets the directory when they are done") {
  const TemporaryDirectory directory;
  // Before there is a broker, whose lock it would have a share in.
  std::array<int, 2> begin{};
  std::array<int, 2> opened{};
  REQUIRE(pipe(begin.data()) == 0);
  REQUIRE(pipe(opened.data()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    char go = 0;
    if (read(begin[0], &go, 1) != 1) _exit(1);
    for (;;) {
      auto next = Broker::Open(directory.path());
      if (!next.ok()) continue;
      if (write(opened[1], "o", 1) != 1) _exit(1);
      const auto end = (*next)->OpenTopic("orders")->partition(0).Append({.value = "next"});
      _exit(end.ok() && (*next)->Close().ok() ? 0 : 2);
    }
  }
  REQUIRE(child > 0);
  auto broker = Broker::Open(directory.path()).value();
  REQUIRE(broker->CreateTopic("orders").ok());
  const Topic topic = broker->OpenTopic("orders").value();
  std::optional<RecordClaim> claim = topic.partition(0).Claim({.value_bytes = 5}).value();
  CHECK(write(begin[1], "g", 1) == 1);
  CHECK(absl::IsDeadlineExceeded(broker->Close()));
  CHECK_FALSE(IsReadable(opened[0]));
  std::memcpy(claim->value().data(), "claim", 5);
  std::move(*claim).Commit();
  claim.reset();
  CHECK(broker->Close().ok());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  for (const int fd : {begin[0], begin[1], opened[0], opened[1]}) close(fd);
  const auto after = Broker::Open(directory.path()).value();
  auto reader = Reader::Open(*after, "orders").value();
  std::vector<std::string> values;
  const RecordBatch batch = reader.Poll({}).value();
  for (const RecordView& record : batch) values.emplace_back(record.value);
  CHECK(values == std::vector<std::string>{"claim", "next"});
}

TEST_CASE("Close ends the polls of members, also of one that has no partitions") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  ConsumerGroup group(*broker, "g");
  const auto first = group.Join({"orders"}).value();
  const auto second = group.Join({"orders"}).value();
  REQUIRE(first->Poll({}).ok());
  REQUIRE(second->Poll({}).ok());
  REQUIRE(first->Assignment().size() + second->Assignment().size() == 1);
  std::vector<absl::Status> ends(3);
  std::thread polls_first([&] { ends[0] = first->Poll(std::chrono::hours(1)).status(); });
  std::thread polls_second([&] { ends[1] = second->Poll(std::chrono::hours(1)).status(); });
  std::thread runs([&] {
    ends[2] =
        group.Run({"orders"}, RunOptions{}, [](const RecordView&) { return absl::OkStatus(); });
  });
  CHECK(broker->Close().ok());
  polls_first.join();
  polls_second.join();
  runs.join();
  for (const absl::Status& end : ends) {
    INFO(end);
    CHECK(IsClosed(end));
  }
}

TEST_CASE("A broker and what came from it may be destroyed in any order") {
  std::array<int, 5> order{};
  std::iota(order.begin(), order.end(), 0);
  do {
    SimulatedFileSystem disk;
    ManualClock clock;
    auto broker =
        Broker::Open("/data",
                     {.background = Background::kCaller, .file_system = &disk, .clock = &clock})
            .value();
    REQUIRE(broker->CreateTopic("orders", {.partitions = 2}).ok());
    Handles handles(*broker);
    for (const int which : order) {
      if (which == 0) broker.reset();
      if (which == 1) handles.topic.reset();
      if (which == 2) handles.consumer.reset();
      if (which == 3) {
        handles.producer.reset();
        handles.group.reset();
      }
      if (which == 4) {
        handles.transaction.reset();
        handles.reader.reset();
      }
      if (broker == nullptr) handles.CheckClosed();
    }
    CHECK(disk.OpenHandles() == 0);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("A directory that was closed can be opened, though a child of fork lives on") {
  const TemporaryDirectory directory;
  auto broker = Broker::Open(directory.path()).value();
  REQUIRE(broker->CreateTopic("t").ok());
  HoldingProcess child([] { return absl::StatusOr<int>(0); });
  CHECK(absl::IsFailedPrecondition(Broker::Open(directory.path()).status()));
  REQUIRE(broker->Close().ok());
  const auto again = Broker::Open(directory.path());
  INFO(again.status());
  CHECK(again.ok());
}

TEST_CASE("A broker that is destroyed before its handles has given the directory up") {
  BrokerFixture broker;
  broker.MakeTopic("orders", {.partitions = 2});
  Handles handles(*broker);
  broker.Reopen();
  handles.CheckClosed();
  broker.SendMany("orders", 0, 3);
  handles.CheckClosed();
  CHECK(broker.Values("orders").size() == 3);
}

TEST_CASE("The names of transactions are forgotten with the transactions") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  for (int i = 0; i < 10'000; ++i) {
    auto transaction = Transaction::Begin(*broker, {.name = "worker-" + std::to_string(i)});
    REQUIRE(transaction.ok());
  }
  CHECK(Access::Core(*broker).transaction_names().size() == 0);
  const auto held = Transaction::Begin(*broker, {.name = "held"}).value();
  CHECK(Access::Core(*broker).transaction_names().size() == 1);
}

TEST_CASE("Nobody but the library writes to an internal topic") {
  BrokerFixture broker;
  REQUIRE(Access::Core(*broker).offsets().Commit({"g", "orders", 0}, Offset(1)).ok());
  const Record record{.key = "k", .value = "v"};
  {
    const Topic topic = broker->OpenTopic("__consumer_offsets").value();
    CHECK(absl::IsInvalidArgument(topic.partition(0).Append(record).status()));
    CHECK(absl::IsInvalidArgument(topic.partition(0).AppendBatch({&record, 1}).status()));
    CHECK(absl::IsInvalidArgument(topic.partition(0).Claim({.value_bytes = 1}).status()));
    for (const auto linger : {std::chrono::microseconds(0), std::chrono::microseconds(100)}) {
      Producer producer(*broker, {.name = "p", .linger = linger});
      CHECK(absl::IsInvalidArgument(producer.Send(topic, record).status()));
      CHECK(absl::IsInvalidArgument(producer.Send("__consumer_offsets", record).status()));
      CHECK(absl::IsInvalidArgument(producer.SendAsync(topic, record).status()));
      CHECK(absl::IsInvalidArgument(producer.SendOnce(topic.name(), record, 1).status()));
    }
    auto transaction = Transaction::Begin(*broker).value();
    CHECK(absl::IsInvalidArgument(transaction.Send(topic, record)));
    CHECK(absl::IsInvalidArgument(transaction.Send("__consumer_offsets", record)));
    CHECK(topic.partition(0).Read(Offset(0)).ok());
  }
  broker.Reopen();
  CHECK(Access::Core(*broker).offsets().Find({"g", "orders", 0}).value()->offset == Offset(1));
  CHECK(broker->recovery_report().foreign_records == 0);
}

}  // namespace daybook
