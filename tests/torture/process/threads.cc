#include <atomic>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/consumer_group.h"
#include "daybook/producer.h"
#include "daybook/reader.h"
#include "daybook/system/simulated_file_system.h"
#include "daybook/transaction.h"
#include "segment/segment_steps.h"
#include "torture/family.h"

// The Nth thread cannot be started, for every N, once or from then on for good. Whatever asked for
// it answers ResourceExhausted and has done nothing, or goes on without; nothing is thrown, and
// every partition takes appends and shows them afterwards.

namespace daybook::torture {
namespace {

constexpr char kDirectory[] = "/data";
constexpr std::int64_t kMostThreads = 12;
constexpr int kRecords = 48;
constexpr std::size_t kRecordBytes = std::size_t{64} << 10;
// Some segments of 64 KiB take the records.
constexpr std::size_t kSmallRecordBytes = std::size_t{8} << 10;

class FailingThreads : public ThreadFactory {
 public:
  FailingThreads(std::int64_t first, bool for_good) : first_(first), for_good_(for_good) {}

  absl::StatusOr<std::thread> Start(std::function<void()> body) override {
    const std::int64_t number = started_++;
    if (number == first_ || (for_good_ && number > first_)) {
      ++failed_;
      return absl::ResourceExhaustedError("no more threads");
    }
    return ThreadFactory::System().Start(std::move(body));
  }
  std::int64_t failed() const { return failed_; }

 private:
  const std::int64_t first_;
  const bool for_good_;
  std::atomic<std::int64_t> started_{0};
  std::atomic<std::int64_t> failed_{0};
};

class ThreadsRun {
 public:
  ThreadsRun(Shape shape, FailingThreads& threads, Tally& tally)
      : is_small_(shape == Shape::kSmall), threads_(threads), tally_(tally) {}

  void Run() {
    try {
      Work();
    } catch (const std::exception& error) {
      tally_.Violate(absl::StrCat("thrown: ", error.what()));
    }
    CheckPartitions();
  }

 private:
  // True if it is; an error must be that there are no threads.
  bool IsOk(const absl::Status& status, std::string_view what) {
    if (status.ok()) return true;
    if (!absl::IsResourceExhausted(status)) {
      tally_.Violate(absl::StrCat(std::string(what), ": ", status.ToString()));
    }
    return false;
  }

  void Work() {
    BrokerOptions options;
    options.file_system = &disk_;
    options.threads = &threads_;
    for (int attempt = 0; attempt < 4 && broker_ == nullptr; ++attempt) {
      auto broker = Broker::Open(kDirectory, options);
      if (IsOk(broker.status(), "open")) broker_ = *std::move(broker);
    }
    if (broker_ == nullptr) {
      options.background = Background::kCaller;
      broker_ = Broker::Open(kDirectory, options).value();
    }
    if (is_small_) Access::Core(*broker_).UseSteps(kSmallSteps);
    TopicOptions options_of_topic;
    options_of_topic.segment_bytes = is_small_ ? 64 << 10 : std::int64_t{16} << 20;
    IsOk(broker_->CreateTopic("large", options_of_topic), "create");
    if (!is_small_) options_of_topic = TopicOptions();
    options_of_topic.durability = Durability::kInterval;
    IsOk(broker_->CreateTopic("interval", options_of_topic), "create");
    options_of_topic.durability = Durability::kDisk;
    IsOk(broker_->CreateTopic("disk", options_of_topic), "create");
    const std::string value(record_bytes(), 'v');
    Producer plain(*broker_);
    Producer lingering(*broker_, {.linger = std::chrono::microseconds(10)});
    for (int i = 0; i < kRecords; ++i) {
      Record record;
      record.value = value;
      if (IsOk(plain.Send("large", record).status(), "send")) ++large_;
      ClaimOne(i);
      record.value = "v";
      IsOk(plain.Send("interval", record).status(), "send");
      IsOk(plain.SendAsync("disk", record).status(), "send");
      IsOk(lingering.SendAsync("disk", record).status(), "send");
    }
    IsOk(plain.Flush(), "flush");
    IsOk(lingering.Flush(), "flush");
    Transact();
    Consume();
  }

  // A claim that is committed, or one whose owner throws.
  void ClaimOne(int number) {
    const auto topic = broker_->OpenTopic("large");
    if (!IsOk(topic.status(), "open topic")) return;
    auto claim = topic->partition(0).Claim({.value_bytes = record_bytes()});
    if (!IsOk(claim.status(), "claim")) return;
    ++large_;
    try {
      if (number % 3 == 0) throw std::runtime_error("no value");
      std::memset(claim->value().data(), 'c', record_bytes());
      std::move(*claim).Commit();
    } catch (const std::runtime_error&) {
      const RecordClaim given_up = *std::move(claim);
    }
  }

  void Transact() {
    auto transaction = Transaction::Begin(*broker_);
    if (!IsOk(transaction.status(), "begin")) return;
    for (const char* topic : {"large", "interval", "disk"}) {
      Record record;
      record.value = "t";
      if (!IsOk(transaction->Send(topic, record), "send in a transaction")) return;
    }
    if (IsOk(transaction->Commit(), "commit")) ++large_;
  }

  void Consume() {
    ConsumerGroup group(*broker_, "group");
    std::stop_source stop;
    daybook::RunOptions options;
    options.threads = 2;
    options.stop = stop.get_token();
    std::atomic<int> handled{0};
    const auto ran = group.Run({"interval"}, options, [&](const RecordView&) -> absl::Status {
      if (++handled == kRecords) stop.request_stop();
      return absl::OkStatus();
    });
    IsOk(ran, "run");
  }

  void CheckPartitions() {
    if (broker_ == nullptr) return;
    for (const char* name : {"large", "interval", "disk"}) {
      const auto topic = broker_->OpenTopic(name);
      if (!topic.ok()) continue;
      Record record;
      record.value = "last";
      const auto offset = topic->partition(0).Append(record, {.durability = Durability::kProcess});
      const auto end = topic->partition(0).end_offset();
      if (!offset.ok() || !end.ok() || *end != *offset + 1) {
        tally_.Violate(absl::StrCat(name, " does not go on: ", offset.status().ToString(), ", ",
                                    offset.ok() && end.ok() ? end->value() - offset->value() : 0));
      }
      if (name == std::string_view("large") && offset.ok() && offset->value() < large_) {
        tally_.Violate("records of the large topic are missing");
      }
    }
  }

  std::size_t record_bytes() const { return is_small_ ? kSmallRecordBytes : kRecordBytes; }

  const bool is_small_;
  FailingThreads& threads_;
  Tally& tally_;
  SimulatedFileSystem disk_;
  std::unique_ptr<Broker> broker_;
  std::int64_t large_ = 0;
};

}  // namespace

Family ThreadsFamily() {
  return {.name = "threads",
          .about = "the Nth thread cannot be started, for every N, once and for good",
          .figure = "workloads",
          .asked = {{Shape::kSmall, {.quick = 2 * kMostThreads, .ci = 0, .soak = 0}},
                    {Shape::kDefault, {.quick = 2 * kMostThreads, .ci = 0, .soak = 0}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, 2 * kMostThreads, [&](std::int64_t number, Tally& tally) {
              FailingThreads threads(number / 2, number % 2 == 1);
              ThreadsRun(options.shape, threads, tally).Run();
              tally.Count("threads that could not be started", threads.failed());
              tally.Count("workloads");
              return std::int64_t{1};
            });
          }};
}

}  // namespace daybook::torture
