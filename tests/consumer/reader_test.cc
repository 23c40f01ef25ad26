#include "daybook/reader.h"

#include <poll.h>

#include <thread>

#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {

TEST_CASE("Every reader reads everything, and may begin at the end") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 3);
  broker.SendMany("t", 1, 2);
  CHECK(broker.Values("t").size() == 5);
  CHECK(broker.Values("t").size() == 5);
  auto late = Reader::Open(*broker, "t", {.start = StartAt::kEnd}).value();
  CHECK(late.AtEnd().value());
  CHECK(late.Poll({}).value().empty());
  broker.SendMany("t", 1, 1);
  CHECK_FALSE(late.AtEnd().value());
  CHECK(late.Poll({}).value().size() == 1);
}

TEST_CASE("A reader of some partitions sees those alone") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 3});
  for (int id = 0; id < 3; ++id) broker.SendMany("t", id, 1);
  auto reader = Reader::Open(*broker, "t", {.partitions = {1, 1}}).value();
  CHECK(reader.Poll({}).value().partition() == 1);
  CHECK(reader.Poll({}).value().empty());
  CHECK(absl::IsInvalidArgument(Reader::Open(*broker, "t", {.partitions = {3}}).status()));
  CHECK(absl::IsInvalidArgument(reader.Seek(0, Offset(0))));
  CHECK(absl::IsNotFound(Reader::Open(*broker, "u").status()));
}

TEST_CASE("A second thread in a reader is answered with an error, and changes nothing") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = 64 << 10});
  broker.SendMany("t", 0, 6'000);  // several segments
  broker.Reopen();
  auto reader = Reader::Open(*broker, "t").value();
  std::vector<absl::Status> seen;
  // While the first thread is in a Poll that maps a file.
  broker.disk().SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
    if (!seen.empty()) return absl::OkStatus();
    std::thread([&] {
      seen.push_back(reader.Poll({}).status());
      seen.push_back(reader.PollBackwards().status());
      seen.push_back(reader.Seek(0, Offset(2)));
      seen.push_back(reader.SeekToBeginning());
      seen.push_back(reader.SeekToEnd());
      seen.push_back(reader.SeekToTime(Timestamp()));
      seen.push_back(reader.Position(0).status());
      seen.push_back(reader.SkipDamage().status());
      seen.push_back(reader.AtEnd().status());
      seen.push_back(reader.EventFd().status());
    }).join();
    return absl::OkStatus();
  });
  std::size_t polled = 0;
  while (polled < 6'000) {
    const auto batch = reader.Poll({});
    INFO(batch.status());
    REQUIRE(batch.ok());
    REQUIRE_FALSE(batch->empty());
    polled += batch->size();
  }
  broker.disk().SetHook(nullptr);
  REQUIRE(seen.size() == 10);
  for (const absl::Status& status : seen) {
    INFO(status);
    CHECK(absl::IsFailedPrecondition(status));
  }
  // Another thread may take its turn.
  std::thread([&] { CHECK(reader.Position(0).value() == Offset(6'000)); }).join();
}

TEST_CASE("A reader seeks and knows its position") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 10);
  auto reader = Reader::Open(*broker, "t").value();
  REQUIRE(reader.Seek(0, Offset(7)).ok());
  CHECK(reader.Position(0).value() == Offset(7));
  const auto batch = reader.Poll({}).value();
  CHECK(batch.begin_offset() == Offset(7));
  CHECK(reader.Position(0).value() == Offset(10));
  REQUIRE(reader.Seek(0, Offset(11)).ok());
  CHECK(absl::IsOutOfRange(reader.Poll({}).status()));
  REQUIRE(reader.SeekToBeginning().ok());
  CHECK(reader.Poll({}).value().size() == 10);
}

TEST_CASE("A reader seeks to a time that producers gave, in each partition or to its end") {
  const bool by_append = GENERATE(false, true);
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2,
                         .timestamp_type = by_append ? TimestampType::kLogAppendTime
                                                     : TimestampType::kCreateTime});
  const auto at = [](std::int64_t millis) {
    return Timestamp(std::chrono::seconds(500'000'000)) + std::chrono::milliseconds(millis);
  };
  // Gathered by a producer, and one by one.
  for (const bool is_gathered : {true, false}) {
    ProducerOptions options;
    if (is_gathered) options.linger = std::chrono::hours(1);
    Producer producer(*broker, options);
    for (const auto& [partition, millis] :
         std::vector<std::pair<int, std::int64_t>>{{0, 100}, {0, 200}, {0, 50}, {1, 50}}) {
      const Record record{.value = "v", .timestamp = at(millis), .partition = partition};
      if (is_gathered) {
        REQUIRE(producer.SendAsync("t", record).ok());
      } else {
        REQUIRE(producer.Send("t", record).ok());
      }
    }
    REQUIRE(producer.Flush().ok());
  }
  auto reader = Reader::Open(*broker, "t").value();
  const auto seek = [&](Timestamp time) {
    REQUIRE(reader.SeekToTime(time).ok());
    return std::pair(reader.Position(0).value().value(), reader.Position(1).value().value());
  };
  using Positions = std::pair<std::int64_t, std::int64_t>;
  CHECK(seek(at(0)) == Positions(0, 0));
  CHECK(seek(at(150)) == (by_append ? Positions(0, 0) : Positions(1, 2)));
  CHECK(seek(broker.clock().Now() + std::chrono::seconds(1)) == Positions(6, 2));
  REQUIRE(reader.SeekToTime(at(150)).ok());
  const auto batch = reader.Poll({}).value();
  CHECK(batch.begin()->timestamp == (by_append ? batch.begin()->append_time : at(200)));
}

TEST_CASE("Damage stops a reader until it is skipped, and costs what is damaged") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 5);  // 32 bytes each
  REQUIRE(broker->Close().ok());
  REQUIRE(broker.disk()
              .Corrupt("/data/t-0/00000000000000000000.log", 4096 + 2 * 32 + 24, std::byte{1})
              .ok());
  broker.Reopen();
  auto reader = Reader::Open(*broker, "t").value();
  CHECK(reader.Poll({}).value().size() == 2);
  CHECK(absl::IsDataLoss(reader.Poll({}).status()));
  CHECK(absl::IsDataLoss(reader.Poll({}).status()));
  CHECK(reader.SkipDamage().value() == 1);
  CHECK(reader.Poll({}).value().begin_offset() == Offset(3));
  CHECK(reader.SkipDamage().value() == 0);
}

TEST_CASE("A reader that is woken returns at once, whether it waits already or not yet") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  auto reader = Reader::Open(*broker, "t").value();
  reader.Wakeup();
  CHECK(absl::IsCancelled(reader.Poll(std::chrono::hours(1)).status()));
  std::thread other([&] { reader.Wakeup(); });
  CHECK(absl::IsCancelled(reader.Poll(std::chrono::hours(1)).status()));
  other.join();
  broker.SendMany("t", 0, 3);
  CHECK(reader.Poll({}).value().size() == 3);
}

TEST_CASE("A reader that was too slow for a memory topic is told, and skips what was dropped") {
  BrokerFixture broker;
  const Topic topic =
      broker.MakeTopic("t", {.storage = Storage::kMemory, .memory_bytes = 512 << 10});
  broker.SendMany("t", 0, 10);
  Reader reader = Reader::Open(*broker, "t").value();
  broker.SendMany("t", 0, 50'000);
  CHECK(absl::IsOutOfRange(reader.Poll({}).status()));
  const Offset begin = topic.partition(0).begin_offset().value();
  CHECK(reader.SkipDamage().value() == begin.value());
  const auto batch = reader.Poll({});
  REQUIRE(batch.ok());
  CHECK(batch->begin_offset() == begin);
}

TEST_CASE("An open reader keeps what it has not read of a memory topic that may not drop it") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic(
      "t", {.storage = Storage::kMemory, .memory_bytes = 512 << 10, .when_full = WhenFull::kFail});
  Reader reader = Reader::Open(*broker, "t").value();
  const auto append = [&] { return topic.partition(0).Append(RecordOf("x")).ok(); };
  std::int64_t appended = 0;
  while (append()) ++appended;
  std::int64_t read = 0;
  for (;;) {
    const auto batch = reader.Poll({});
    REQUIRE(batch.ok());
    if (batch->empty()) break;
    read += static_cast<std::int64_t>(batch->size());
  }
  CHECK(read == appended);
  CHECK(append());
}

TEST_CASE("Another process is told that a memory topic is not for it") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.storage = Storage::kMemory});
  broker.SendMany("t", 0, 1);
  const auto other = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly)).value();
  CHECK(absl::IsFailedPrecondition(Reader::Open(*other, "t").status()));
}

TEST_CASE("A reader goes backwards from its position to the beginning, and forwards again") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 3);
  broker.SendMany("t", 1, 3);
  Reader reader = Reader::Open(*broker, "t", {.start = StartAt::kEnd}).value();
  std::size_t read = 0;
  for (;;) {
    const auto batch = reader.PollBackwards();
    REQUIRE(batch.ok());
    if (batch->empty()) break;
    CHECK(batch->Backwards().front().value == "2");
    read += batch->size();
  }
  CHECK(read == 6);
  CHECK(reader.Position(0).value() == Offset(0));
  CHECK(reader.Position(1).value() == Offset(0));
  CHECK(reader.Poll({})->size() == 3);
}

TEST_CASE("A descriptor is readable when there is something to poll, and not otherwise") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  Reader reader = Reader::Open(*broker, "t").value();
  const int fd = reader.EventFd().value();
  CHECK(reader.EventFd().value() == fd);
  CHECK(IsReadable(fd));  // nobody has looked yet
  CHECK(reader.Poll({})->empty());
  CHECK_FALSE(IsReadable(fd));
  broker.SendMany("t", 1, 3);
  CHECK(IsReadable(fd));
  CHECK(reader.Poll({})->size() == 3);
  CHECK(reader.Poll({})->empty());
  CHECK_FALSE(IsReadable(fd));
  reader.Wakeup();
  CHECK(IsReadable(fd));
  CHECK(absl::IsCancelled(reader.Poll({}).status()));
  CHECK(reader.Poll({})->empty());
  REQUIRE(reader.Seek(1, Offset(2)).ok());
  CHECK(IsReadable(fd));
  CHECK(reader.Poll({})->size() == 1);
  CHECK(reader.Poll({})->empty());
  REQUIRE(broker->DeleteTopic("t").ok());
  CHECK(IsReadable(fd));  // to be told so
  CHECK(absl::IsNotFound(reader.Poll({}).status()));
}

TEST_CASE("No wake-up of an event loop is lost") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t");
  constexpr int kRecords = 2'000;
  std::thread producer([&topic] {
    for (int i = 0; i < kRecords; ++i) {
      if (!topic.partition(0).Append(RecordOf("v")).ok()) std::abort();
      if (i % 7 == 0) std::this_thread::yield();
    }
  });
  Reader reader = Reader::Open(*broker, "t").value();
  const int fd = reader.EventFd().value();
  std::size_t read = 0;
  bool in_time = true;
  while (read < kRecords && in_time) {
    pollfd loop{.fd = fd, .events = POLLIN, .revents = 0};
    in_time = poll(&loop, 1, 60'000) == 1;
    for (;;) {
      const auto batch = reader.Poll({});
      if (!batch.ok() || batch->empty()) break;
      read += batch->size();
    }
  }
  producer.join();
  CHECK(in_time);
  CHECK(read == kRecords);
}

TEST_CASE("Nobody makes a descriptor readable for what another process writes") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  const auto other = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly)).value();
  Reader reader = Reader::Open(*other, "t").value();
  CHECK(absl::IsFailedPrecondition(reader.EventFd().status()));
}

}  // namespace daybook
