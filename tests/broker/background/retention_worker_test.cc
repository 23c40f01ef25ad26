#include "broker/background/retention_worker.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/admin.h"
#include "support/broker_fixture.h"
#include "support/temporary_directory.h"
#include "support/thread_factories.h"

namespace daybook {
namespace {

constexpr std::int64_t kSmall = 64 << 10;

void Fill(Broker& broker, int records) {
  const Topic topic = broker.OpenTopic("t").value();
  const std::string value(1000, 'v');
  for (int i = 0; i < records; ++i) REQUIRE(topic.partition(0).Append(RecordOf(value)).ok());
}

Offset Begin(Broker& broker) { return broker.OpenTopic("t")->partition(0).begin_offset().value(); }

bool BeginsLater(Broker& broker, Offset than) {
  const auto deadline = Soon();
  while (Begin(broker) <= than && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return Begin(broker) > than;
}

}  // namespace

TEST_CASE("A thread deletes what may go as soon as a segment is begun, or a setting altered") {
  const TemporaryDirectory directory;
  const auto broker = Broker::Open(directory.path() + "/data").value();
  TopicOptions options{.segment_bytes = kSmall, .retention = {.bytes = kSmall}};
  REQUIRE(broker->CreateTopic("t", options).ok());
  Fill(*broker, 300);
  CHECK(BeginsLater(*broker, Offset(0)));
  options = broker->OpenTopic("t")->options();
  options.retention.bytes = -1;
  REQUIRE(Admin(*broker).AlterTopic("t", options).ok());
  REQUIRE(broker->RunBackgroundWork().ok());
  const Offset begin = Begin(*broker);
  Fill(*broker, 300);
  REQUIRE(broker->RunBackgroundWork().ok());
  CHECK(Begin(*broker) == begin);
  options.retention.bytes = 2 * kSmall;
  REQUIRE(Admin(*broker).AlterTopic("t", options).ok());
  CHECK(BeginsLater(*broker, begin));
}

TEST_CASE("A full disk is given back what may go, and appends go on") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = kSmall, .retention = {.bytes = 2 * kSmall}});
  broker.disk().SetCapacity(std::uint64_t{12} * kSmall);
  const std::string value(1000, 'v');
  Partition& partition = broker->OpenTopic("t")->partition(0);
  int refused = 0;
  for (int i = 0; i < 3'000; ++i) {
    const auto appended = partition.Append(RecordOf(value));
    if (appended.ok()) continue;
    REQUIRE(absl::IsResourceExhausted(appended.status()));
    ++refused;
    REQUIRE(broker->RunBackgroundWork().ok());
    REQUIRE(partition.Append(RecordOf(value)).ok());
  }
  CHECK(refused > 0);
}

TEST_CASE("Many segments go in parts, and all of them in one look") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = kSmall});
  Fill(*broker, 6'000);
  TopicOptions options = broker->OpenTopic("t")->options();
  options.retention.bytes = kSmall;
  REQUIRE(Admin(*broker).AlterTopic("t", options).ok());
  REQUIRE(broker->RunBackgroundWork().ok());
  CHECK(Admin(*broker).DescribeTopic("t")->partitions[0].segments <= 3);
}

TEST_CASE("A failure is told, and the next look goes on") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = kSmall, .retention = {.bytes = kSmall}});
  Fill(*broker, 300);
  using Operation = SimulatedFileSystem::Operation;
  broker.disk().SetHook([](Operation operation, const std::string& path) {
    return operation == Operation::kRemove && path.ends_with(".log")
               ? absl::UnavailableError("not now")
               : absl::OkStatus();
  });
  CHECK(absl::IsUnavailable(broker->RunBackgroundWork()));
  broker.disk().SetHook(nullptr);
  const auto files = broker.disk().Files().size();
  CHECK(broker->RunBackgroundWork().ok());
  CHECK(broker.disk().Files().size() < files);
}

TEST_CASE("A worker whose thread cannot be started says so, and one that stopped does nothing") {
  BrokerFixture broker;
  BrokerCore& core = Access::Core(*broker);
  RetentionWorker worker(Background::kThread, core.catalog(), core.offsets(), broker.clock());
  FewThreads none(0);
  CHECK(absl::IsResourceExhausted(worker.Start(none)));
  REQUIRE(worker.Start(ThreadFactory::System()).ok());
  worker.Stop();
  worker.Stop();
  worker.DiskIsFull();
}

TEST_CASE("When AlterTopic returns nothing goes any more by what was before") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = kSmall, .retention = {.bytes = kSmall}});
  Fill(*broker, 6'000);
  std::atomic<bool> is_altered{false};
  Offset when_altered;
  std::thread altering;
  std::thread watching;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation, const std::string& path) {
    if (path != "/data/t-0/~replace" || altering.joinable()) {  // of log-start-offset
      return absl::OkStatus();
    }
    // It is about to delete: the setting is stored now, and nobody is told before that is done.
    altering = std::thread([&] {
      TopicOptions options = broker->OpenTopic("t")->options();
      options.retention.bytes = -1;
      REQUIRE(Admin(*broker).AlterTopic("t", options).ok());
      when_altered = Begin(*broker);
    });
    watching = std::thread([&] {
      while (broker->OpenTopic("t")->options().retention.bytes != -1) std::this_thread::yield();
      is_altered = true;
    });
    while (!is_altered) std::this_thread::yield();
    return absl::OkStatus();
  });
  REQUIRE(broker->RunBackgroundWork().ok());
  altering.join();
  watching.join();
  broker.disk().SetHook(nullptr);
  CHECK(when_altered > Offset(0));
  CHECK(Begin(*broker) == when_altered);
}

}  // namespace daybook
