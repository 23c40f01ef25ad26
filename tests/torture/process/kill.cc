#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/admin.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "torture/family.h"
#include "torture/model.h"
#include "torture/process/kill_load.h"
#include "torture/process/victim.h"
#include "torture/scratch.h"

// A real process under load is killed, again and again, on a real file system: threads that append
// to partitions at kProcess and at kDisk, some of them batches, some by claims, some transactions
// over two partitions, and one that reads and commits for a group. Now and then one leaves a claim
// or a transaction open for good. Readers that never write come first: one that was there before
// and one that comes late see all that was acknowledged, before anybody has recovered it. A case is
// one directory and a number of kills.

namespace daybook::torture {
namespace kill_load {
namespace {

constexpr int kKillsOfCase = 20;
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
    const auto places = Admin(broker).DescribeGroup(kGroup);
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
}  // namespace kill_load

Family KillFamily() {
  return {.name = "kill",
          .about = "a real process under load is killed with SIGKILL, on a real file system",
          .figure = "kills",
          .asked = {{Shape::kSmall, {.quick = 20, .ci = 2'000, .soak = 50'000}},
                    {Shape::kDefault, {.quick = 10, .ci = 500, .soak = 20'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              const std::int64_t kills =
                  options.amount == 0
                      ? kill_load::kKillsOfCase
                      : std::min<std::int64_t>(options.amount, kill_load::kKillsOfCase);
              return kill_load::KillCase(options.directory, options.shape, SeedOf(options, number),
                                         tally)
                  .Run(kills);
            });
          }};
}

}  // namespace daybook::torture
