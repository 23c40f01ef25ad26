#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "daybook/transaction.h"
#include "segment/segment_steps.h"
#include "torture/family.h"
#include "torture/hostile.h"
#include "torture/model.h"
#include "torture/process/victim.h"
#include "torture/scratch.h"

// A real process under load is killed, again and again, on a real file system: threads that append
// to partitions at kProcess and at kDisk, some of them batches, some by claims, some transactions
// over two partitions, and one that reads and commits for a group. Now and then one leaves a claim
// or a transaction open for good. Readers that never write come first: one that was there before
// and one that comes late see all that was acknowledged, before anybody has recovered it. A case is
// one directory and a number of kills.

namespace daybook::torture {
namespace {

constexpr int kKillsOfCase = 20;
constexpr std::int64_t kBatchRecords = 7;
constexpr char kGroup[] = "group";

enum class Way {
  kAppend,
  kClaim,
  kTransaction,
  kOfTransaction,  // what the transactions of the one before it send elsewhere
};

// What a thread of the victim does.
struct Appender {
  const char* topic;
  int partition;
  std::int64_t records;  // in one append
  Way way = Way::kAppend;
};
constexpr std::array<Appender, 9> kAppenders = {{{"process", 0, 1},
                                                 {"process", 0, 1},
                                                 {"process", 1, kBatchRecords},
                                                 {"disk", 0, 1},
                                                 {"disk", 0, 1},
                                                 {"disk", 0, kBatchRecords},
                                                 {"process", 0, 1, Way::kClaim},
                                                 {"process", 1, 1, Way::kTransaction},
                                                 {"disk", 1, 1, Way::kOfTransaction}}};
constexpr int kPartitions = 2;
constexpr std::array<const char*, 2> kTopics = {"process", "disk"};
// Of a transaction that nobody commits.
constexpr char kNever[] = "never";

// What the victims have got acknowledged, in memory that outlives them.
struct Acknowledged {
  std::array<std::atomic<std::int64_t>, kAppenders.size()> next;
  std::atomic<std::int64_t> operations;
  std::array<std::atomic<std::int64_t>, kPartitions> attempted_commit;
  std::array<std::atomic<std::int64_t>, kPartitions> kept_commit;
};

Record RecordOf(std::string_view value) {
  Record record;
  record.value = value;
  return record;
}

// What the threads append, by their numbers and those of their records.
class Values {
 public:
  Values(Shape shape, std::uint64_t seed) : values_(shape), seed_(seed) {}

  std::string ValueOf(std::size_t thread, std::int64_t sequence) const {
    const std::uint64_t seed = seed_ ^ (thread << 56) ^ static_cast<std::uint64_t>(sequence);
    // All that is in one append may have as many bytes as one record.
    const auto records = static_cast<std::size_t>(kAppenders[thread].records);
    return values_.ValueOf(absl::StrCat(thread, " ", sequence, " "),
                           values_.BytesOf(seed) / records, seed);
  }

 private:
  const HostileValues values_;
  const std::uint64_t seed_;
};

// One process: what it is given, and what it tells.
struct Victim {
  const std::string& directory;
  const Shape shape;
  const Values& values;
  // After so many claims and transactions one is left open; negative: none.
  const std::int64_t leaves_open;
  Acknowledged& acknowledged;
};

void AppendForEver(const Topic& topic, std::size_t which, const Victim& victim) {
  const Appender& appender = kAppenders[which];
  Partition& partition = topic.partition(appender.partition);
  std::vector<std::string> values(static_cast<std::size_t>(appender.records));
  std::vector<Record> records(values.size());
  for (std::int64_t next = victim.acknowledged.next[which];; next += appender.records) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = victim.values.ValueOf(which, next + static_cast<std::int64_t>(i));
      records[i] = RecordOf(values[i]);
    }
    const auto offset =
        records.size() == 1 ? partition.Append(records[0]) : partition.AppendBatch(records);
    if (!offset.ok()) _exit(5);
    victim.acknowledged.next[which].store(next + appender.records);
    victim.acknowledged.operations.fetch_add(1);
  }
}

RecordClaim ClaimOf(Partition& partition, std::size_t bytes) {
  auto claim = partition.Claim({.value_bytes = bytes});
  if (!claim.ok()) _exit(11);
  return *std::move(claim);
}

void ClaimForEver(const Topic& topic, std::size_t which, const Victim& victim) {
  Partition& partition = topic.partition(kAppenders[which].partition);
  std::vector<RecordClaim> left;
  for (std::int64_t next = victim.acknowledged.next[which], done = 0;; ++next, ++done) {
    const std::string value = victim.values.ValueOf(which, next);
    if (done == victim.leaves_open) left.push_back(ClaimOf(partition, value.size()));
    RecordClaim claim = ClaimOf(partition, value.size());
    std::memcpy(claim.value().data(), value.data(), value.size());
    std::move(claim).Commit();
    victim.acknowledged.next[which].store(next + 1);
    victim.acknowledged.operations.fetch_add(1);
  }
}

// Begun and prepared, and no more.
void LeaveTransaction(Broker& broker, const Topic& topic, int partition) {
  const auto id = Access::Core(broker).offsets().BeginTransaction();
  if (!id.ok()) _exit(12);
  const Record record = RecordOf(kNever);
  if (!Access::Log(topic.partition(partition)).AppendTransactional({&record, 1}, *id).ok())
    _exit(13);
}

void TransactForEver(Broker& broker, const Topic& topic, std::size_t which, const Victim& victim) {
  const auto send = [&](Transaction& transaction, std::size_t thread, std::string_view value) {
    Record record = RecordOf(value);
    record.partition = kAppenders[thread].partition;
    if (!transaction.Send(kAppenders[thread].topic, record).ok()) _exit(14);
  };
  for (std::int64_t next = victim.acknowledged.next[which], done = 0;; ++next, ++done) {
    if (done == victim.leaves_open) LeaveTransaction(broker, topic, kAppenders[which].partition);
    auto transaction = Transaction::Begin(broker);
    if (!transaction.ok()) _exit(15);
    if (next % 8 == 3) {
      send(*transaction, which, kNever);
      transaction->Abort();
      transaction = Transaction::Begin(broker);
      if (!transaction.ok()) _exit(15);
    }
    for (const std::size_t thread : {which, which + 1}) {
      send(*transaction, thread, victim.values.ValueOf(thread, next));
    }
    if (!transaction->Commit().ok()) _exit(16);
    for (const std::size_t thread : {which, which + 1}) {
      victim.acknowledged.next[thread].store(next + 1);
    }
    victim.acknowledged.operations.fetch_add(1);
  }
}

void CommitForEver(Broker& broker, Acknowledged& acknowledged) {
  ConsumerGroup group(broker, kGroup);
  const auto consumer = group.Join({"process"});
  if (!consumer.ok()) _exit(6);
  for (;;) {
    if (!(*consumer)->Poll(std::chrono::milliseconds(1)).ok()) _exit(7);
    std::array<std::int64_t, kPartitions> positions{};
    for (int i = 0; i < kPartitions; ++i) {
      const auto position = (*consumer)->Position({"process", i});
      if (!position.ok()) _exit(8);
      positions[static_cast<std::size_t>(i)] = position->value();
      auto& attempted = acknowledged.attempted_commit[static_cast<std::size_t>(i)];
      attempted.store(std::max(attempted.load(), position->value()));
    }
    if (!(*consumer)->Commit().ok()) _exit(9);
    for (std::size_t i = 0; i < kPartitions; ++i) acknowledged.kept_commit[i].store(positions[i]);
    acknowledged.operations.fetch_add(1);
  }
}

// Appends until it is killed. Each thread goes on where the log says it was.
[[noreturn]] void RunVictim(const Victim& victim) {
  auto broker = Broker::Open(victim.directory);
  if (!broker.ok()) _exit(3);
  // So that its thread has something to do ahead of the appends all the time.
  if (victim.shape == Shape::kSmall) Access::Core(*(*broker)).UseSteps(kSmallSteps);
  std::vector<std::thread> threads;
  std::vector<Topic> topics;
  for (const Appender& appender : kAppenders) {
    auto topic = (*broker)->OpenTopic(appender.topic);
    if (!topic.ok()) _exit(4);
    topics.push_back(*std::move(topic));
  }
  for (std::size_t i = 0; i < kAppenders.size(); ++i) {
    switch (kAppenders[i].way) {
      case Way::kAppend:
        threads.emplace_back([&, i] { AppendForEver(topics[i], i, victim); });
        break;
      case Way::kClaim:
        threads.emplace_back([&, i] { ClaimForEver(topics[i], i, victim); });
        break;
      case Way::kTransaction:
        threads.emplace_back([&, i] { TransactForEver(**broker, topics[i], i, victim); });
        break;
      case Way::kOfTransaction:
        break;
    }
  }
  CommitForEver(**broker, victim.acknowledged);
  _exit(10);
}

// How many records of each thread there are, and up to where the partitions were looked at.
struct Found {
  std::array<std::int64_t, kAppenders.size()> records{};
  std::map<std::pair<std::string, int>, Offset> checked;
};

class KillCase {
 public:
  KillCase(const std::string& below, Shape shape, std::uint64_t seed, Tally& tally)
      : directory_(below), shape_(shape), random_(seed), values_(shape, random_()), tally_(tally) {}

  std::int64_t Run(std::int64_t kills) {
    if (!Prepare()) return 0;
    follower_ = Follow();
    std::int64_t done = 0;
    while (done < kills && tally_.violations().empty()) {
      KillOne();
      ++done;
      if (tally_.violations().empty()) CheckReaders();
      if (tally_.violations().empty()) CheckAll();
    }
    tally_.Count("kills", done);
    std::int64_t records = 0;
    for (const auto& next : acknowledged_->next) records += next;
    tally_.Count("acknowledged records", records);
    return done;
  }

 private:
  bool Prepare() {
    auto broker = Broker::Open(directory_.path());
    absl::Status status = broker.status();
    TopicOptions options;
    options.partitions = kPartitions;
    if (shape_ == Shape::kSmall) {  // so that kills hit rolls, too
      options.segment_bytes = 256 << 10;
      options.max_record_bytes = 8192;
    }
    if (status.ok()) status = (*broker)->CreateTopic("process", options);
    options.durability = Durability::kDisk;
    if (status.ok()) status = (*broker)->CreateTopic("disk", options);
    if (!status.ok()) tally_.Violate(absl::StrCat("preparing: ", status.ToString()));
    return status.ok();
  }

  void KillOne() {
    // Killed at a random moment of its work, however fast it is; now and then as it opens.
    const std::int64_t enough =
        acknowledged_->operations +
        static_cast<std::int64_t>(random_() % (shape_ == Shape::kSmall ? 2'000 : 600));
    const Victim of_victim{.directory = directory_.path(),
                           .shape = shape_,
                           .values = values_,
                           .leaves_open = static_cast<std::int64_t>(random_() % 40) - 20,
                           .acknowledged = *acknowledged_};
    const std::uint64_t spins = random_() % 8 == 0 ? random_() % 300 : 2'000'000;
    KillAmid(
        tally_, [&] { RunVictim(of_victim); },
        [&, asked = std::uint64_t{0}]() mutable {
          return asked++ >= spins || acknowledged_->operations >= enough;
        });
  }

  std::unique_ptr<Broker> Follow() {
    auto broker = Broker::Open(directory_.path(), {.access = BrokerAccess::kReadOnly});
    if (broker.ok()) return *std::move(broker);
    tally_.Violate("cannot be opened read-only: " + broker.status().ToString());
    return nullptr;
  }

  // Nobody has the directory open now, and nobody has recovered it.
  void CheckReaders() {
    if (random_() % 4 == 0) return;
    const std::unique_ptr<Broker> late = Follow();
    if (late == nullptr || follower_ == nullptr) return;
    // One reads on where it was, the other one where the last recovery had come to.
    CheckBroker(*follower_, "a follower: ", &followed_);
    Found found = found_;
    if (tally_.violations().empty()) CheckBroker(*late, "a late reader: ", &found);
    if (tally_.violations().empty() && found.records != followed_.records) {
      tally_.Violate("a follower and a late reader have not read the same");
    }
    read_before_ = found.records;
  }

  void CheckAll() {
    auto broker = Broker::Open(directory_.path());
    if (!broker.ok()) return tally_.Violate("cannot be opened: " + broker.status().ToString());
    CheckBroker(**broker, "", &found_);
    for (std::size_t i = 0; i < kAppenders.size(); ++i) {
      if (found_.records[i] < read_before_[i]) {
        tally_.Violate(absl::StrCat("thread ", i, ": readers had ", read_before_[i],
                                    ", and after recovery there are ", found_.records[i]));
      }
      acknowledged_->next[i] = found_.records[i];
    }
    if (tally_.violations().empty()) CheckGroup(**broker);
  }

  void CheckBroker(Broker& broker, const char* whose, Found* found) {
    for (const char* name : kTopics) {
      const auto topic = broker.OpenTopic(name);
      if (!topic.ok()) return tally_.Violate(whose + ("lost: " + topic.status().ToString()));
      for (int i = 0; i < kPartitions; ++i) CheckPartition(topic->partition(i), whose, found);
    }
    if (!tally_.violations().empty()) return;
    for (std::size_t i = 0; i < kAppenders.size(); ++i) {
      const std::int64_t least = acknowledged_->next[i];
      // At most the one that was under way, which the next victim goes on after; whole or absent.
      if (found->records[i] != least && found->records[i] != least + kAppenders[i].records) {
        tally_.Violate(absl::StrCat(whose, found->records[i] < least ? "lost: " : "", "thread ", i,
                                    " had ", least, " acknowledged, and there are ",
                                    found->records[i]));
      }
      if (kAppenders[i].way == Way::kOfTransaction && found->records[i] != found->records[i - 1]) {
        tally_.Violate(absl::StrCat(whose, "a part of a transaction: ", found->records[i - 1],
                                    " and ", found->records[i]));
      }
    }
  }

  void CheckPartition(Partition& partition, const char* whose, Found* found) {
    Offset& at = found->checked[{std::string(partition.topic()), partition.id()}];
    for (;;) {
      const auto batch = partition.Read(at);
      if (!batch.ok()) return tally_.Violate(whose + ("damage: " + batch.status().ToString()));
      if (batch->empty()) return;
      for (const RecordView& record : *batch) {
        const auto thread = static_cast<std::size_t>(record.value[0] - '0');
        if (thread >= kAppenders.size() ||
            record.value != values_.ValueOf(thread, found->records[thread])) {
          return tally_.Violate(absl::StrCat(
              whose, "wrong: ", std::string(record.value.substr(0, 20)), " at offset ",
              record.offset.value(), " of ", std::string(partition.topic()), "-", partition.id()));
        }
        ++found->records[thread];
      }
      at = batch->next_offset();
    }
  }

  void CheckGroup(Broker& broker) {
    ConsumerGroup group(broker, kGroup);
    const auto consumer = group.Join({"process"});
    if (!consumer.ok()) return tally_.Violate("join: " + consumer.status().ToString());
    const auto polled = (*consumer)->Poll({});
    if (!polled.ok()) return tally_.Violate("poll: " + polled.status().ToString());
    const auto places = broker.DescribeGroup(kGroup);
    if (!places.ok()) return tally_.Violate("the group: " + places.status().ToString());
    for (const GroupOffset& place : places->offsets) {
      const auto which = static_cast<std::size_t>(place.partition);
      const std::int64_t committed = std::max<std::int64_t>(0, PlaceOf(place.committed));
      if (committed < acknowledged_->kept_commit[which] ||
          committed > acknowledged_->attempted_commit[which] || committed > place.end.value()) {
        tally_.Violate(absl::StrCat("the group's place in partition ", place.partition, " is ",
                                    committed, ": not between ",
                                    acknowledged_->kept_commit[which].load(), " and ",
                                    acknowledged_->attempted_commit[which].load()));
      }
    }
  }

  const ScratchDirectory directory_;
  const Shape shape_;
  std::mt19937_64 random_;
  const Values values_;
  Tally& tally_;
  InSharedMemory<Acknowledged> acknowledged_;
  Found found_;                       // by who recovers
  std::unique_ptr<Broker> follower_;  // read-only, all the time
  Found followed_;
  std::array<std::int64_t, kAppenders.size()> read_before_{};  // by readers that never write
};

}  // namespace

Family KillFamily() {
  return {.name = "kill",
          .about = "a real process under load is killed with SIGKILL, on a real file system",
          .figure = "kills",
          .asked = {{Shape::kSmall, {.quick = 20, .ci = 2'000, .soak = 50'000}},
                    {Shape::kDefault, {.quick = 10, .ci = 500, .soak = 20'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              const std::int64_t kills = options.amount == 0
                                             ? kKillsOfCase
                                             : std::min<std::int64_t>(options.amount, kKillsOfCase);
              return KillCase(options.directory, options.shape, SeedOf(options, number), tally)
                  .Run(kills);
            });
          }};
}

}  // namespace daybook::torture
