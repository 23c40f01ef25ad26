#include "torture/process/follower_writer.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/admin.h"
#include "daybook/broker.h"
#include "daybook/transaction.h"
#include "segment/segment_steps.h"

namespace daybook::torture {
namespace {

[[noreturn]] void Fail(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "the writer: %s: %s\n", what, status.ToString().c_str());
  _exit(3);
}

class Writer {
 public:
  Writer(const std::string& directory, FileSystem& file_system, Shape shape, std::uint64_t seed,
         Shared& shared)
      : directory_(directory),
        file_system_(file_system),
        shape_(shape),
        values_(shape),
        random_(seed),
        reader_looks_away_(ReaderLooksAway(seed)),
        shared_(shared) {
    OpenBroker();
  }

  [[noreturn]] void RunForEver() {
    if (shared_.is_changing) MakeAgain();
    for (;;) {
      Step();
      const std::int64_t done = ++shared_.operations;
      if (done < shared_.pause_at) continue;
      // The last thing before it is looked at, and perhaps killed.
      if (random_() % 2 == 0) LeaveTransaction();
      if (random_() % 2 == 0) LeaveClaim();
      shared_.is_paused = true;
      while (!shared_.is_asked_to_close) usleep(200);
      claims_.clear();  // abandons them
      Close();
      _exit(0);
    }
  }

 private:
  void OpenBroker() {
    auto broker = Broker::Open(directory_, {.file_system = &file_system_});
    if (!broker.ok()) Fail("open", broker.status());
    broker_ = *std::move(broker);
    if (shape_ == Shape::kSmall) Access::Core(*broker_).UseSteps(kSmallSteps);
  }
  void Close() {
    if (const auto status = broker_->Close(); !status.ok()) Fail("close", status);
    broker_.reset();
  }

  Shared::Log& LogOf(std::size_t topic, int partition) {
    return shared_.logs[topic][static_cast<std::size_t>(partition)];
  }
  Topic Open(std::size_t topic) {
    auto opened = broker_->OpenTopic(kNames[topic]);
    if (!opened.ok()) Fail("topic", opened.status());
    return *std::move(opened);
  }
  std::uint32_t LifeOf(std::size_t topic) { return topic == kAgain ? shared_.life.load() : 0; }
  std::size_t Bytes() { return values_.BytesOf(random_()); }
  std::string NeverOf(std::size_t topic, std::size_t bytes) {
    return ValueOf(values_, LifeOf(topic), 0, true, bytes);
  }

  // Values of new numbers.
  std::vector<std::string> Values(std::size_t topic, int partition, std::uint32_t count,
                                  std::size_t bytes) {
    Shared::Log& log = LogOf(topic, partition);
    std::vector<std::string> values;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (log.next + 1 >= kMostRecords) _exit(0);
      values.push_back(ValueOf(values_, LifeOf(topic), log.next++, false, bytes));
    }
    return values;
  }
  void Acknowledge(std::size_t topic, int partition, std::uint32_t count) {
    Shared::Log& log = LogOf(topic, partition);
    for (std::uint32_t i = 1; i <= count; ++i) log.is_acknowledged[log.next - i] = true;
  }

  void Step() {
    const std::size_t topic = random_() % kTopics;
    switch (random_() % 64) {
      case 0:
        if (topic == kAgain) MakeAgain();
        return;
      case 1:
        return AddPartition(topic);
      case 2:
      case 3:
      case 4:
        return CommitTransaction(topic);
      case 5:
        return AbortTransaction(topic);
      case 6:
        if (random_() % 8 == 0) {
          Close();
          OpenBroker();
        }
        return;
      default:
        return Append(topic);
    }
  }

  void Append(std::size_t which) {
    const Topic topic = Open(which);
    const int partition = static_cast<int>(random_() % topic.partitions());
    const std::uint32_t count = random_() % 8 == 0 ? 7 : 1;
    const auto values = Values(which, partition, count, Bytes() / count);
    std::vector<Record> records(count);
    for (std::size_t i = 0; i < count; ++i) records[i].value = values[i];
    const auto offset = count == 1 ? topic.partition(partition).Append(records[0])
                                   : topic.partition(partition).AppendBatch(records);
    if (!offset.ok()) Fail("append", offset.status());
    Acknowledge(which, partition, count);
  }

  void CommitTransaction(std::size_t first) {
    auto transaction = Transaction::Begin(*broker_);
    if (!transaction.ok()) Fail("begin", transaction.status());
    const std::uint32_t count = 1 + static_cast<std::uint32_t>(random_() % 20);
    const std::size_t bytes = Bytes() / count;
    for (const std::size_t which : {first, (first + 1) % kTopics}) {
      for (const std::string& value : Values(which, 0, count, bytes)) {
        Record record;
        record.value = value;
        record.partition = 0;
        const auto status = transaction->Send(kNames[which], record);
        if (!status.ok()) Fail("send", status);
      }
    }
    if (const auto status = transaction->Commit(); !status.ok()) Fail("commit", status);
    Acknowledge(first, 0, count);
    Acknowledge((first + 1) % kTopics, 0, count);
  }

  void AbortTransaction(std::size_t which) {
    auto transaction = Transaction::Begin(*broker_);
    if (!transaction.ok()) Fail("begin", transaction.status());
    const std::string value = NeverOf(which, 10);
    Record record;
    record.value = value;
    const auto status = transaction->Send(kNames[which], record);
    if (!status.ok()) Fail("send", status);
    transaction->Abort();
  }

  void AddPartition(std::size_t which) {
    const int partitions = Open(which).partitions();
    if (partitions == static_cast<int>(kPartitions)) return;
    const auto status = Admin(*broker_).CreatePartitions(kNames[which], partitions + 1);
    if (!status.ok()) Fail("add", status);
  }

  void MakeAgain() {
    shared_.is_changing = true;
    for (int i = 0; reader_looks_away_ && !shared_.is_reader_away && i < 250; ++i) usleep(200);
    const auto status = broker_->DeleteTopic(kNames[kAgain]);
    if (!status.ok() && !absl::IsNotFound(status)) Fail("delete", status);
    ++shared_.life;
    for (Shared::Log& log : shared_.logs[kAgain]) {
      log.next = 0;
      log.is_blocked = false;
      for (auto& one : log.is_acknowledged) {
        if (one.load(std::memory_order_relaxed)) one = false;
      }
    }
    const auto made = broker_->CreateTopic(kNames[kAgain], OptionsOf(shape_, kAgain));
    if (!made.ok()) Fail("create", made);
    shared_.is_changing = false;
  }

  // As if it were killed before the decision.
  void LeaveTransaction() {
    const std::size_t which = random_() % kTopics;
    const auto id = Access::Core(*broker_).offsets().BeginTransaction();
    if (!id.ok()) Fail("begin", id.status());
    const std::string value = NeverOf(which, Bytes());
    Record record;
    record.value = value;
    LogOf(which, 0).is_blocked = true;
    const auto prepared =
        Access::Log(Open(which).partition(0)).AppendTransactional({&record, 1}, *id);
    if (!prepared.ok()) Fail("prepare", prepared.status());
    for (int i = 0; i < 3; ++i) Append(which);
  }

  void LeaveClaim() {
    const std::size_t which = random_() % kTopics;
    ClaimOptions options;
    options.value_bytes = Bytes();
    LogOf(which, 0).is_blocked = true;
    shared_.has_left_claims = true;
    auto claim = Open(which).partition(0).Claim(options);
    if (!claim.ok()) Fail("claim", claim.status());
    claims_.push_back(*std::move(claim));
    for (int i = 0; i < 5; ++i) Append(which);
  }

  const std::string directory_;
  FileSystem& file_system_;
  const Shape shape_;
  const HostileValues values_;
  std::mt19937_64 random_;
  const bool reader_looks_away_;
  Shared& shared_;
  std::unique_ptr<Broker> broker_;
  std::vector<RecordClaim> claims_;
};

}  // namespace

TopicOptions OptionsOf(Shape shape, std::size_t topic) {
  TopicOptions options;
  options.partitions = 2;
  if (shape == Shape::kSmall) {
    options.segment_bytes = 64 << 10;
    options.max_record_bytes = 8 << 10;
  } else if (topic == 0) {
    options.segment_bytes = 4 << 20;  // so that they roll, with the largest records there are
  }
  return options;
}

std::string ValueOf(const HostileValues& values, std::uint32_t life, std::uint32_t number,
                    bool is_never, std::size_t bytes) {
  const std::uint64_t seed = std::uint64_t{life} << 32 | number;
  return values.ValueOf(absl::StrCat(life, " ", number, " ", is_never ? 1 : 0, " "), bytes, seed);
}

void WriteForEver(const std::string& directory, FileSystem& file_system, Shape shape,
                  std::uint64_t seed, Shared& shared) {
  Writer(directory, file_system, shape, seed, shared).RunForEver();
}

}  // namespace daybook::torture
