#ifndef DAYBOOK_TORTURE_DISK_ALLOCATION_WORK_H_
#define DAYBOOK_TORTURE_DISK_ALLOCATION_WORK_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "daybook/producer.h"
#include "daybook/transaction.h"
#include "torture/hostile.h"
#include "torture/run.h"

// What a process does while its allocations of memory fail, and what it tells of it.

namespace daybook::torture::allocation_work {

inline constexpr std::size_t kMostRecords = 512;
inline constexpr std::array<const char*, 2> kTopics = {"process", "disk"};

// At the default settings, in a tenth of the cases: so much is there that a segment ends soon.
inline constexpr std::size_t kNearlyFull = std::size_t{62} << 20;

// What the process did, in memory that outlives it.
struct Shared {
  std::atomic<std::int64_t> allocations;
  std::atomic<std::int64_t> thrown;
  std::atomic<std::int64_t> thrown_by_callbacks;
  std::atomic<int> stuck;  // 1 + the topic that does not go on
  std::array<std::atomic<std::size_t>, kTopics.size()> attempted;
  std::array<std::array<std::atomic<bool>, kMostRecords>, kTopics.size()> acknowledged;
};

struct Settings {
  Shape shape = Shape::kSmall;
  bool is_nearly_full = false;
};

inline std::string ValueOf(const Settings& settings, std::size_t topic, std::size_t sequence) {
  const bool is_small = settings.shape == Shape::kSmall;
  std::string value = absl::StrCat(topic, " ", sequence, " ");
  value.resize((value.size() + 7) / 8 * 8, ' ');
  std::size_t bytes = 60;
  if (sequence % 3 == 2) bytes = 15'000;
  if (!is_small && sequence % 12 == 5) bytes = std::size_t{1} << 20;
  const HostilePool& pool = is_small ? SmallHostilePool() : LargeHostilePool();
  return value.append(pool.Payload(bytes - value.size(), sequence));
}

// The work of the process. What throws is an allocation that failed, a callback, or a handler.
class Work {
 public:
  Work(std::string directory, const Settings& settings, Shared& shared)
      : directory_(std::move(directory)), settings_(settings), shared_(shared) {}

  // Before anything fails.
  void Fill() {
    if (!settings_.is_nearly_full) return;
    const auto broker = Broker::Open(directory_);
    if (!broker.ok() || !(*broker)->CreateTopic(kTopics[0], TopicOf(0)).ok()) return;
    const auto topic = (*broker)->OpenTopic(kTopics[0]);
    const std::string value(std::size_t{1} << 20, 'f');
    for (std::size_t bytes = 0; topic.ok() && bytes < kNearlyFull; bytes += value.size()) {
      topic->partition(0).Append({.value = value}).status().IgnoreError();
    }
  }

  void DoEverything() {
    for (int attempt = 0; attempt < 2 && broker_ == nullptr; ++attempt) {
      Try([&] { Open(); });
    }
    if (broker_ == nullptr) return;
    for (std::size_t which = 0; which < kTopics.size(); ++which) {
      Try([&] { broker_->CreateTopic(kTopics[which], TopicOf(which)).IgnoreError(); });
    }
    for (int i = 0; i < 10; ++i) {
      for (std::size_t which = 0; which < kTopics.size(); ++which) {
        Try([&] { Append(which, i % 4 == 3 ? 2 : 1); });
        Try([&] { Claim(which); });
      }
    }
    for (const auto linger : {std::chrono::microseconds(0), std::chrono::microseconds(50)}) {
      for (std::size_t which = 0; which < kTopics.size(); ++which) {
        Try([&] { SendAsync(which, linger); });
      }
    }
    Try([&] { Transact(); });
    Try([&] { Consume(); });
    Try([&] { Handle(); });
  }

  // With nothing that fails any more: every partition goes on and shows what it takes.
  void GoOn() {
    if (broker_ == nullptr) return;
    for (std::size_t which = 0; which < kTopics.size(); ++which) {
      const auto topic = broker_->OpenTopic(kTopics[which]);
      if (!topic.ok()) continue;
      const std::size_t sequence = shared_.attempted[which]++;
      const std::string value = ValueOf(settings_, which, sequence);
      const auto offset = topic->partition(0).Append({.value = value});
      const auto end = topic->partition(0).end_offset();
      if (offset.ok()) shared_.acknowledged[which][sequence] = true;
      if (!offset.ok() || !end.ok() || *end != *offset + 1) {
        shared_.stuck = static_cast<int>(which) + 1;
      }
    }
  }
  void Close() {
    Try([&] {
      if (broker_ != nullptr) broker_->Close().IgnoreError();
    });
  }

 private:
  // Calls it as a program would that catches exceptions.
  template <typename Call>
  void Try(Call call) {
    try {
      call();
    } catch (const std::bad_alloc&) {
      ++shared_.thrown;
    }
  }

  TopicOptions TopicOf(std::size_t which) const {
    TopicOptions options;
    if (settings_.shape == Shape::kSmall) {
      options.segment_bytes = 64 << 10;
      options.max_record_bytes = 16 << 10;
    }
    if (which == 1) {
      options.durability = Durability::kDisk;
      options.compression = Compression::kZstd;
    }
    return options;
  }

  void Open() {
    BrokerOptions options;
    // With threads the Nth allocation may be another one each time.
    if (settings_.shape == Shape::kSmall) options.background = Background::kCaller;
    auto opened = Broker::Open(directory_, options);
    if (opened.ok()) broker_ = *std::move(opened);
  }

  void Append(std::size_t which, std::size_t records) {
    const auto topic = broker_->OpenTopic(kTopics[which]);
    if (!topic.ok()) return;
    const std::size_t first = shared_.attempted[which].fetch_add(records);
    std::vector<std::string> values;
    std::vector<Record> batch(records);
    for (std::size_t i = 0; i < records; ++i)
      values.push_back(ValueOf(settings_, which, first + i));
    for (std::size_t i = 0; i < records; ++i) batch[i].value = values[i];
    Partition& partition = topic->partition(0);
    const auto offset = records == 1 ? partition.Append(batch[0]) : partition.AppendBatch(batch);
    if (!offset.ok()) return;
    for (std::size_t i = 0; i < records; ++i) shared_.acknowledged[which][first + i] = true;
  }

  // The value is made between a claim and its commit, and an exception there gives the claim up.
  void Claim(std::size_t which) {
    const auto topic = broker_->OpenTopic(kTopics[which]);
    if (!topic.ok()) return;
    const std::size_t sequence = shared_.attempted[which]++;
    ClaimOptions options;
    options.value_bytes = ValueOf(settings_, which, sequence).size();
    auto claim = topic->partition(0).Claim(options);
    if (!claim.ok()) return;
    const std::string value = ValueOf(settings_, which, sequence);
    if (sequence % 4 == 3) throw std::bad_alloc();
    std::copy(value.begin(), value.end(), reinterpret_cast<char*>(claim->value().data()));
    std::move(*claim).Commit();
    if (which == 0) shared_.acknowledged[which][sequence] = true;
  }

  void SendAsync(std::size_t which, std::chrono::microseconds linger) {
    const auto topic = broker_->OpenTopic(kTopics[which]);
    if (!topic.ok()) return;
    Producer producer(*broker_, {.linger = linger});
    for (int i = 0; i < 6; ++i) {
      const std::size_t sequence = shared_.attempted[which]++;
      const std::string value = ValueOf(settings_, which, sequence);
      const auto told = [this, which, sequence](const absl::Status& status, const Receipt&) {
        if (status.ok()) shared_.acknowledged[which][sequence] = true;
        if (sequence % 4 != 1) return;
        ++shared_.thrown_by_callbacks;
        throw std::runtime_error("a callback that throws");
      };
      Record record;
      record.value = value;
      record.partition = 0;
      Try([&] { producer.SendAsync(*topic, record, told).status().IgnoreError(); });
    }
    producer.Flush().IgnoreError();
  }

  void Transact() {
    const auto topic = broker_->OpenTopic(kTopics[0]);
    if (!topic.ok()) return;
    auto transaction = Transaction::Begin(*broker_);
    if (!transaction.ok()) return;
    const std::size_t first = shared_.attempted[0].fetch_add(2);
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string value = ValueOf(settings_, 0, first + i);
      Record record;
      record.value = value;
      record.partition = 0;
      if (!transaction->Send(*topic, record).ok()) return;
    }
    if (!transaction->Commit().ok()) return;
    for (std::size_t i = 0; i < 2; ++i) shared_.acknowledged[0][first + i] = true;
  }

  void Consume() {
    ConsumerGroup group(*broker_, "group");
    const auto consumer = group.Join({kTopics[0]});
    if (!consumer.ok()) return;
    (*consumer)->Poll({}).status().IgnoreError();
    (*consumer)->Commit().IgnoreError();
  }

  // With handlers that throw, and dead letters.
  void Handle() {
    const auto topic = broker_->OpenTopic(kTopics[0]);
    if (!topic.ok()) return;
    const auto end = topic->partition(0).end_offset();
    if (!end.ok() || *end < Offset(24)) return;  // it would wait for more
    ConsumerGroup group(*broker_, "handlers");
    std::stop_source stop;
    daybook::RunOptions options;
    options.stop = stop.get_token();
    options.retries.max_attempts = 1;
    options.dead_letter_topic = "dead";
    std::atomic<std::size_t> handled{0};
    group
        .Run({kTopics[0]}, options,
             [&](const RecordView& record) -> absl::Status {
               if (++handled == 8) stop.request_stop();
               if (record.offset.value() % 3 == 0)
                 throw std::runtime_error("a handler that throws");
               return absl::OkStatus();
             })
        .IgnoreError();
  }

  const std::string directory_;
  const Settings settings_;
  Shared& shared_;
  std::unique_ptr<Broker> broker_;
};

}  // namespace daybook::torture::allocation_work

#endif  // DAYBOOK_TORTURE_DISK_ALLOCATION_WORK_H_
