#include "base/process_guard.h"

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "catch.h"
#include "daybook/consumer_group.h"
#include "daybook/producer.h"
#include "daybook/reader.h"
#include "daybook/transaction.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace daybook {
namespace {

bool IsRefused(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) &&
         status.message().find("forked") != absl::string_view::npos;
}

}  // namespace

TEST_CASE("A guard refuses in a child, and in a child of that") {
  const ProcessGuard guard;
  CHECK(guard.Check().ok());
  CHECK(InChild([&] { return IsRefused(guard.Check()) ? 0 : 1; }) == 0);
  CHECK(InChild([&] {
          const ProcessGuard of_child;
          if (!of_child.Check().ok()) return 1;
          return InChild(
              [&] { return IsRefused(guard.Check()) && IsRefused(of_child.Check()) ? 0 : 2; });
        }) == 0);
  CHECK(guard.Check().ok());
}

TEST_CASE("After a fork under load the child's handles answer with an error, the parent goes on") {
  const TemporaryDirectory directory;
  auto broker = Broker::Open(directory.path() + "/data").value();
  REQUIRE(broker->CreateTopic("t").ok());
  const Topic topic = broker->OpenTopic("t").value();
  std::optional<Producer> producer(std::in_place, *broker);
  std::optional<Reader> reader(Reader::Open(*broker, "t").value());
  ConsumerGroup group(*broker, "g");
  auto consumer = group.Join({"t"}).value();
  Record record;
  record.value = "v";
  std::atomic<bool> stops{false};
  std::atomic<std::int64_t> appended{0};
  std::thread load([&] {
    while (!stops) {
      if (topic.partition(0).Append(record).ok()) ++appended;
    }
  });
  for (int i = 0; i < 10; ++i) {
    auto claim = topic.partition(0).Claim({.value_bytes = 3});
    REQUIRE(claim.ok());
    const int answer = InChild([&] {
      Partition& partition = topic.partition(0);
      if (!IsRefused(partition.Append(record).status())) return 1;
      if (!IsRefused(partition.Read(Offset(0)).status())) return 2;
      if (!IsRefused(partition.end_offset().status())) return 3;
      if (!IsRefused(producer->Send("t", record).status())) return 4;
      if (!IsRefused(reader->Poll({}).status())) return 5;
      if (!IsRefused(consumer->Poll({}).status())) return 6;
      if (!IsRefused(consumer->Commit())) return 7;
      if (!IsRefused(group.Join({"t"}).status())) return 8;
      if (!IsRefused(Transaction::Begin(*broker).status())) return 9;
      if (!IsRefused(broker->CreateTopic("u"))) return 10;
      if (!IsRefused(broker->Close())) return 11;
      // A claim of the parent is the parent's.
      std::move(*claim).Commit();
      producer.reset();
      reader.reset();
      consumer.reset();
      broker.reset();
      return 0;
    });
    CHECK(answer == 0);
  }
  stops = true;
  load.join();
  // Ten claims were given up here, and nothing of the children is there.
  std::int64_t found = 0;
  for (;;) {
    const auto batch = reader->Poll({});
    REQUIRE(batch.ok());
    if (batch->empty()) break;
    for (const RecordView& one : *batch) {
      CHECK(one.value == "v");
      ++found;
    }
  }
  CHECK(found == appended);
  CHECK(topic.partition(0).end_offset()->value() == appended + 10);
  CHECK(consumer->Commit().ok());
}

}  // namespace daybook
