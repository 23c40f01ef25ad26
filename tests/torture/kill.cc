#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/broker_core.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "segment/segment_steps.h"
#include "torture/family.h"
#include "torture/model.h"
#include "torture/scratch.h"
#include "torture/victim.h"

// A real process under load is killed, again and again, on a real file system: threads that append
// to partitions at kProcess and at kDisk, some of them batches, and one that reads and commits for
// a group. A case is one directory and a number of kills.

namespace daybook::torture {
namespace {

constexpr int kKillsOfCase = 40;
constexpr std::int64_t kBatchRecords = 7;
constexpr char kGroup[] = "group";

// What a thread of the victim does.
struct Appender {
  const char* topic;
  int partition;
  std::int64_t records;  // in one append
};
constexpr std::array<Appender, 6> kAppenders = {{{"process", 0, 1},
                                                 {"process", 0, 1},
                                                 {"process", 1, kBatchRecords},
                                                 {"disk", 0, 1},
                                                 {"disk", 0, 1},
                                                 {"disk", 0, kBatchRecords}}};
constexpr int kPartitions = 2;

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

std::string ValueOf(std::size_t thread, std::int64_t sequence) {
  std::string value = absl::StrCat(thread, " ", sequence);
  value.resize(40 + static_cast<std::size_t>(sequence % 200), '.');
  return value;
}

void AppendForEver(const Topic& topic, std::size_t which, Acknowledged& acknowledged) {
  const Appender& appender = kAppenders[which];
  Partition& partition = topic.partition(appender.partition);
  std::vector<std::string> values(static_cast<std::size_t>(appender.records));
  std::vector<Record> records(values.size());
  for (std::int64_t next = acknowledged.next[which];; next += appender.records) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = ValueOf(which, next + static_cast<std::int64_t>(i));
      records[i] = RecordOf(values[i]);
    }
    const auto offset =
        records.size() == 1 ? partition.Append(records[0]) : partition.AppendBatch(records);
    if (!offset.ok()) _exit(5);
    acknowledged.next[which].store(next + appender.records);
    acknowledged.operations.fetch_add(1);
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
[[noreturn]] void RunVictim(const std::string& directory, Acknowledged& acknowledged) {
  auto broker = Broker::Open(directory);
  if (!broker.ok()) _exit(3);
  // So that its thread has something to do ahead of the appends all the time.
  (*broker)->core().UseSteps(kSmallSteps);
  std::vector<std::thread> threads;
  std::vector<Topic> topics;
  for (const Appender& appender : kAppenders) {
    auto topic = (*broker)->OpenTopic(appender.topic);
    if (!topic.ok()) _exit(4);
    topics.push_back(*std::move(topic));
  }
  for (std::size_t i = 0; i < kAppenders.size(); ++i) {
    threads.emplace_back([&, i] { AppendForEver(topics[i], i, acknowledged); });
  }
  CommitForEver(**broker, acknowledged);
  _exit(10);
}

class KillCase {
 public:
  KillCase(const std::string& below, std::uint64_t seed, Tally& tally)
      : directory_(below), random_(seed), tally_(tally) {}

  std::int64_t Run(std::int64_t kills) {
    if (!Prepare()) return 0;
    std::int64_t done = 0;
    while (done < kills && tally_.violations().empty()) {
      KillOne();
      ++done;
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
    // Small segments, so that kills hit rolls, too.
    TopicOptions options;
    options.partitions = kPartitions;
    options.segment_bytes = 256 << 10;
    options.max_record_bytes = 8192;
    if (status.ok()) status = (*broker)->CreateTopic("process", options);
    options.durability = Durability::kDisk;
    if (status.ok()) status = (*broker)->CreateTopic("disk", options);
    if (!status.ok()) tally_.Violate(absl::StrCat("preparing: ", status.ToString()));
    return status.ok();
  }

  void KillOne() {
    // Killed at a random moment of its work, however fast it is; now and then as it opens.
    const std::int64_t enough =
        acknowledged_->operations + static_cast<std::int64_t>(random_() % 2000);
    const std::uint64_t spins = random_() % 8 == 0 ? random_() % 300 : 2'000'000;
    KillAmid(
        tally_, [&] { RunVictim(directory_.path(), *acknowledged_); },
        [&, asked = std::uint64_t{0}]() mutable {
          return asked++ >= spins || acknowledged_->operations >= enough;
        });
  }

  void CheckAll() {
    auto broker = Broker::Open(directory_.path());
    if (!broker.ok()) return tally_.Violate("cannot be opened: " + broker.status().ToString());
    for (const char* name : {"process", "disk"}) {
      const auto topic = (*broker)->OpenTopic(name);
      if (!topic.ok()) return tally_.Violate("lost: " + topic.status().ToString());
      for (int i = 0; i < kPartitions; ++i) CheckPartition(topic->partition(i));
    }
    for (std::size_t i = 0; i < kAppenders.size(); ++i) {
      const std::int64_t least = acknowledged_->next[i];
      // At most the one that was under way, which the next victim goes on after; whole or absent.
      if (found_[i] != least && found_[i] != least + kAppenders[i].records) {
        tally_.Violate(absl::StrCat(found_[i] < least ? "lost: " : "", "thread ", i, " had ", least,
                                    " acknowledged, and there are ", found_[i]));
      }
      acknowledged_->next[i] = found_[i];
    }
    if (tally_.violations().empty()) CheckGroup(**broker);
  }

  void CheckPartition(Partition& partition) {
    Offset& at = checked_[{std::string(partition.topic()), partition.id()}];
    for (;;) {
      const auto batch = partition.Read(at);
      if (!batch.ok()) return tally_.Violate("damage: " + batch.status().ToString());
      if (batch->empty()) return;
      for (const RecordView& record : *batch) {
        const auto thread = static_cast<std::size_t>(record.value[0] - '0');
        if (thread >= found_.size() || record.value != ValueOf(thread, found_[thread])) {
          return tally_.Violate(absl::StrCat("wrong: ", std::string(record.value.substr(0, 20)),
                                             " at offset ", record.offset.value(), " of ",
                                             std::string(partition.topic()), "-", partition.id()));
        }
        ++found_[thread];
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
  std::mt19937_64 random_;
  Tally& tally_;
  InSharedMemory<Acknowledged> acknowledged_;
  std::array<std::int64_t, kAppenders.size()> found_{};
  std::map<std::pair<std::string, int>, Offset> checked_;
};

}  // namespace

Family KillFamily() {
  return {.name = "kill",
          .about = "a real process under load is killed with SIGKILL, on a real file system",
          .figure = "kills",
          .asked = {{Shape::kSmall, {.quick = 60, .ci = 2'000, .soak = 50'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              const std::int64_t kills = options.amount == 0
                                             ? kKillsOfCase
                                             : std::min<std::int64_t>(options.amount, kKillsOfCase);
              return KillCase(options.directory, SeedOf(options, number), tally).Run(kills);
            });
          }};
}

}  // namespace daybook::torture
