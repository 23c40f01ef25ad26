#ifndef DAYBOOK_SUPPORT_BROKER_FIXTURE_H_
#define DAYBOOK_SUPPORT_BROKER_FIXTURE_H_

#include <poll.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "daybook/producer.h"
#include "daybook/reader.h"
#include "daybook/system/simulated_file_system.h"
#include "support/deadline.h"
#include "support/segment_bytes.h"

namespace daybook {

inline bool IsReadable(int fd) {
  pollfd descriptor{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&descriptor, 1, 0) == 1;
}

// A broker on a simulated disk, with a clock that stands still and no thread of its own.
class BrokerFixture {
 public:
  BrokerFixture() { Reopen(); }
  // Opens what a crash left.
  explicit BrokerFixture(std::unique_ptr<SimulatedFileSystem> disk) : disk_(std::move(disk)) {
    Reopen();
  }

  Broker& operator*() { return *broker_; }
  Broker* operator->() { return broker_.get(); }
  SimulatedFileSystem& disk() { return *disk_; }
  ManualClock& clock() { return clock_; }

  BrokerOptions Options(BrokerAccess access = BrokerAccess::kReadWrite) {
    return {.access = access,
            .background = Background::kCaller,
            .file_system = disk_.get(),
            .clock = &clock_};
  }
  void Close() { broker_.reset(); }
  // Closes and opens again.
  void Reopen() {
    Close();
    auto broker = Broker::Open("/data", Options());
    INFO(broker.status());
    REQUIRE(broker.ok());
    broker_ = *std::move(broker);
  }
  // The process is killed, and another one opens the directory.
  void Kill() { Replace(disk_->Kill()); }
  void CutPower(std::uint64_t seed) { Replace(disk_->CutPower(seed)); }

  Topic MakeTopic(std::string_view name, TopicOptions options = {}) {
    const auto status = broker_->CreateTopic(name, options);
    INFO(status);
    REQUIRE(status.ok());
    return broker_->OpenTopic(name).value();
  }
  Offset Send(std::string_view topic, std::string_view key, std::string_view value) {
    Producer producer(*broker_);
    const auto receipt = producer.Send(topic, RecordOf(key, value));
    INFO(receipt.status());
    REQUIRE(receipt.ok());
    return receipt->offset();
  }
  // "0", "1", ... into one partition.
  void SendMany(std::string_view topic, int partition, int count) {
    const Topic handle = broker_->OpenTopic(topic).value();
    for (int i = 0; i < count; ++i) {
      REQUIRE(handle.partition(partition).Append(RecordOf(std::to_string(i))).ok());
    }
  }
  std::vector<std::string> Values(std::string_view topic) {
    auto reader = Reader::Open(*broker_, topic);
    REQUIRE(reader.ok());
    std::vector<std::string> values;
    for (;;) {
      const auto batch = reader->Poll({});
      INFO(batch.status());
      REQUIRE(batch.ok());
      if (batch->empty()) return values;
      for (const RecordView& record : *batch) values.emplace_back(record.value);
    }
  }

 private:
  void Replace(std::unique_ptr<SimulatedFileSystem> disk) {
    // The dead one's broker closes on its own disk, which nobody sees any more.
    broker_.reset();
    disk_ = std::move(disk);
    Reopen();
  }

  ManualClock clock_;
  std::unique_ptr<SimulatedFileSystem> disk_ = std::make_unique<SimulatedFileSystem>();
  std::unique_ptr<Broker> broker_;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_BROKER_FIXTURE_H_
