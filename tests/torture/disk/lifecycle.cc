#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/admin.h"
#include "daybook/consumer_group.h"
#include "daybook/system/simulated_file_system.h"
#include "daybook/transaction.h"
#include "torture/disk/power_cut.h"
#include "torture/family.h"

// The life of one partition under retention: random appends, transactions, commits of a group,
// deletions up to an offset, changes of the settings and of the time, kills and power cuts; and the
// power is cut, and the process killed, on copies, before operations that change the disk. Nothing
// goes that may not, nothing comes back, and what is left is what was appended.

namespace daybook::torture {
namespace {

using std::chrono::hours;
using DiskOperation = SimulatedFileSystem::Operation;

constexpr char kDirectory[] = "/data";
constexpr char kTopic[] = "t";
constexpr char kGroup[] = "g";
constexpr std::int64_t kSegmentBytes = 64 << 10;
constexpr int kSteps = 40;

// A record that was appended; what was aborted has no value.
struct Appended {
  std::optional<std::string> value;
  Timestamp time;
  bool is_transactional = false;
};

// What has been promised of the partition so far.
struct Promised {
  std::vector<Appended> records;  // by offset
  std::size_t in_process = 0;     // so many survive a kill
  std::size_t on_disk = 0;        // and so many a power cut
  Offset begin;                   // it is no lower
  bool may_pass_group = false;    // somebody deleted up to an offset, or a bound has won
};

class Lifecycle {
 public:
  Lifecycle(std::uint64_t seed, Tally& tally)
      : random_(seed), tally_(tally), disk_(std::make_unique<SimulatedFileSystem>()) {
    Open();
    options_.segment_bytes = kSegmentBytes;
    options_.durability =
        std::array{Durability::kProcess, Durability::kInterval, Durability::kDisk}[Pick(3)];
    options_.retention.unread = Pick(2) == 0 ? RetentionUnread::kKeep : RetentionUnread::kDelete;
    deletes_ = Pick(3) == 0;
    Expect(broker_->CreateTopic(kTopic, options_), "create");
    Alter();
  }

  std::int64_t Run() {
    for (int step = 0; step < kSteps && tally_.violations().empty(); ++step) Step();
    disk_->SetHook(nullptr);
    return 1;
  }

 private:
  std::size_t Pick(std::size_t below) { return random_() % below; }
  void Expect(const absl::Status& status, std::string_view what) {
    if (!status.ok()) tally_.Violate(absl::StrCat(std::string(what), ": ", status.ToString()));
  }
  Partition& partition() { return broker_->OpenTopic(kTopic)->partition(0); }

  BrokerOptions Options(SimulatedFileSystem& disk) {
    return {.background = Background::kCaller, .file_system = &disk, .clock = &clock_};
  }
  void Open() {
    auto broker = Broker::Open(kDirectory, Options(*disk_));
    Expect(broker.status(), "open");
    if (broker.ok()) broker_ = *std::move(broker);
  }

  void Step() {
    disk_->SetHook([this](DiskOperation operation, const std::string&) {
      if (Changes(operation) && Pick(24) == 0) Cut();
      return absl::OkStatus();
    });
    switch (Pick(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Append();
      case 4:
        return Transact();
      case 5:
        return Commit();
      case 6:
        return clock_.Advance(hours(Pick(40)));
      case 7:
        return deletes_ ? Delete() : Append();
      case 8:
        return Pick(3) == 0 ? Alter() : Retain();
      case 9:
        return Pick(2) == 0 ? Restart() : Retain();
      default:
        return Retain();
    }
  }

  void Append() {
    const std::size_t count = 1 + Pick(60);
    for (std::size_t i = 0; i < count; ++i) {
      std::string value = absl::StrCat(promised_.records.size(), ".");
      value.resize(value.size() + Pick(3'000), 'v');
      promised_.records.push_back({value, clock_.Now()});
      const auto offset = partition().Append({.value = std::string_view(value)});
      if (!offset.ok()) return Expect(offset.status(), "append");
      if (offset->value() + 1 != static_cast<std::int64_t>(promised_.records.size())) {
        return tally_.Violate(absl::StrCat("an append got offset ", offset->value()));
      }
      promised_.in_process = promised_.records.size();
      if (options_.durability == Durability::kDisk) promised_.on_disk = promised_.in_process;
    }
    NoteDurable();
  }

  void Transact() {
    auto transaction = Transaction::Begin(*broker_);
    if (!transaction.ok()) return Expect(transaction.status(), "begin");
    const bool aborts = Pick(3) == 0;
    std::vector<Appended> records;
    for (std::size_t i = 0; i <= Pick(5); ++i) {
      const std::string value = absl::StrCat(promised_.records.size() + i, ".t");
      records.push_back({value, clock_.Now(), true});
      Expect(transaction->Send(kTopic, {.value = std::string_view(value)}), "send");
    }
    if (aborts) return transaction->Abort();  // nothing was appended yet
    promised_.records.insert(promised_.records.end(), records.begin(), records.end());
    Expect(transaction->Commit(), "commit a transaction");
    promised_.in_process = promised_.records.size();
    NoteDurable();
  }

  void Commit() {
    const auto end = static_cast<std::int64_t>(promised_.in_process);
    const std::int64_t low = std::max(promised_.begin.value(), committed_);
    if (low > end) return;
    committed_ = low + static_cast<std::int64_t>(Pick(static_cast<std::size_t>(end - low) + 1));
    Expect(Admin(*broker_).AlterGroupOffsets(kGroup, {{{kTopic, 0}, Offset(committed_)}}),
           "commit");
    has_group_ = true;
  }

  void Delete() {
    const Offset before(static_cast<std::int64_t>(Pick(promised_.in_process + 1)));
    promised_.may_pass_group = true;
    const auto begin = Admin(*broker_).DeleteRecords({kTopic, 0}, before);
    if (!begin.ok()) return Expect(begin.status(), "delete records");
    if (*begin != std::max(before, promised_.begin)) {
      tally_.Violate(absl::StrCat("deleted before ", before.value(), ": it begins at ",
                                  begin->value(), " and began at ", promised_.begin.value()));
    }
    promised_.begin = *begin;
    NoteDurable();
  }

  void Alter() {
    options_.retention.time = std::chrono::milliseconds(-1);
    options_.retention.bytes = -1;
    options_.retention.max_bytes = -1;
    if (Pick(3) != 0) options_.retention.time = hours(1 + Pick(50));
    if (Pick(3) != 0) {
      options_.retention.bytes = kSegmentBytes * static_cast<std::int64_t>(1 + Pick(4));
    }
    if (options_.retention.unread == RetentionUnread::kKeep && Pick(3) == 0) {
      options_.retention.max_bytes = kSegmentBytes * static_cast<std::int64_t>(4 + Pick(4));
    }
    TopicOptions options = broker_->OpenTopic(kTopic)->options();
    options.retention = options_.retention;
    Expect(Admin(*broker_).AlterTopic(kTopic, options), "alter");
  }

  bool keeps_unread() const { return options_.retention.unread == RetentionUnread::kKeep; }

  void Retain() {
    const Offset before = promised_.begin;
    // Meanwhile a cut may find what is only allowed by now.
    const bool had_passed = promised_.may_pass_group;
    if (!keeps_unread() || options_.retention.max_bytes >= 0) promised_.may_pass_group = true;
    Expect(broker_->RunBackgroundWork(), "retention");
    const auto begin = partition().begin_offset();
    if (!begin.ok()) return Expect(begin.status(), "begin");
    promised_.begin = std::max(before, *begin);
    if (*begin == before) promised_.may_pass_group = had_passed;
    NoteDurable();
    if (*begin < before) return tally_.Violate("retention has put the beginning back");
    if (*begin > before) {
      tally_.Count("retentions");
      CheckAllowed(*begin);
    }
    CheckBound();
  }

  // Whether the record before `begin` may have gone.
  void CheckAllowed(Offset begin) {
    const auto described = Admin(*broker_).DescribeTopic(kTopic);
    if (!described.ok()) return Expect(described.status(), "describe");
    const auto bytes = static_cast<std::int64_t>(described->partitions[0].bytes);
    const Appended& last = promised_.records[static_cast<std::size_t>(begin.value() - 1)];
    const bool by_time =
        options_.retention.time.count() >= 0 && clock_.Now() - last.time > options_.retention.time;
    const bool by_bytes = options_.retention.bytes >= 0 && bytes >= options_.retention.bytes;
    const bool by_bound = options_.retention.max_bytes >= 0 && keeps_unread();
    if (!by_time && !by_bytes && !by_bound) {
      tally_.Violate(absl::StrCat("retention took offset ", begin.value() - 1, ", which is ",
                                  (clock_.Now() - last.time) / hours(1), " hours old, and left ",
                                  bytes, " bytes"));
    }
    if (keeps_unread() && has_group_ && !by_bound && begin.value() > committed_) {
      tally_.Violate(absl::StrCat("retention took what is unread: it begins at ", begin.value(),
                                  ", and the group is at ", committed_));
    }
  }

  void CheckBound() {
    std::int64_t bound = -1;
    if (keeps_unread() && has_group_) {
      bound = options_.retention.max_bytes;
    } else if (options_.retention.bytes >= 0) {
      bound = options_.retention.bytes + kSegmentBytes;
    }
    if (bound < 0) return;
    const auto described = Admin(*broker_).DescribeTopic(kTopic);
    if (!described.ok()) return Expect(described.status(), "describe");
    const PartitionDescription& partition = described->partitions[0];
    if (static_cast<std::int64_t>(partition.bytes) >
        std::max(bound, kSegmentBytes) + kSegmentBytes) {
      tally_.Violate(absl::StrCat("with a bound of ", bound, " there are ", partition.bytes,
                                  " bytes in ", partition.segments, " segments"));
    }
  }

  void NoteDurable() {
    const auto durable = partition().durable_offset();
    if (!durable.ok()) return Expect(durable.status(), "durable");
    promised_.on_disk = std::max(promised_.on_disk, static_cast<std::size_t>(durable->value()));
  }

  void Restart() {
    disk_->SetHook(nullptr);
    const bool cuts = Pick(2) == 0;
    auto left = cuts ? disk_->CutPower(random_()) : disk_->Kill();
    broker_.reset();  // of the dead, on its own disk
    disk_ = std::move(left);
    Open();
    if (broker_ == nullptr) return;
    CheckBroker(*broker_, cuts);
    const auto end = partition().end_offset();
    if (!end.ok()) return Expect(end.status(), "end");
    // Goes on with what there is.
    promised_.records.resize(static_cast<std::size_t>(end->value()));
    promised_.in_process = promised_.records.size();
    promised_.on_disk = std::min(promised_.on_disk, promised_.in_process);
    const auto begin = partition().begin_offset();
    if (begin.ok()) promised_.begin = *begin;
    if (cuts) NoteAborted();
    committed_ = Committed(*broker_).value_or(0);
    has_group_ = Committed(*broker_).has_value();
    NoteDurable();
    options_.retention = broker_->OpenTopic(kTopic)->options().retention;
  }

  const Appended& Expected(Offset offset) const {
    return promised_.records[static_cast<std::size_t>(offset.value())];
  }
  // A power cut may take the decision of a transaction, and leave what is behind it.
  bool MayBeAborted(Offset offset, bool was_cut) const {
    const Appended& record = Expected(offset);
    return !record.value || (was_cut && record.is_transactional);
  }
  // What such a cut has aborted stays so.
  void NoteAborted() {
    std::vector<bool> is_there(promised_.records.size());
    for (Offset at = promised_.begin; at.value() < std::ssize(is_there);) {
      const auto batch = partition().Read(at);
      if (!batch.ok()) return Expect(batch.status(), "read");
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        is_there[static_cast<std::size_t>(record.offset.value())] = true;
        at = record.offset + 1;
      }
    }
    for (std::size_t i = 0; i != is_there.size(); ++i) {
      if (promised_.records[i].is_transactional && !is_there[i]) promised_.records[i].value.reset();
    }
  }
  std::optional<std::int64_t> Committed(Broker& broker) {
    const auto group = Admin(broker).DescribeGroup(kGroup);
    if (!group.ok() || group->offsets.empty() || !group->offsets[0].committed) return std::nullopt;
    return group->offsets[0].committed->value();
  }

  // On a copy, in the middle of a step.
  void Cut() {
    const bool cuts = Pick(3) != 0;
    tally_.Count(cuts ? "power cuts" : "kills");
    const auto left = cuts ? disk_->CutPower(random_()) : disk_->Kill();
    const auto broker = Broker::Open(kDirectory, Options(*left));
    if (!broker.ok()) return Expect(broker.status(), "open after a cut");
    CheckBroker(**broker, cuts);
  }

  void CheckBroker(Broker& broker, bool was_cut) {
    const auto topic = broker.OpenTopic(kTopic);
    if (!topic.ok()) {
      if (promised_.records.empty()) return;  // it was just being made
      return Expect(topic.status(), "open the topic after a cut");
    }
    Partition& partition = topic->partition(0);
    const auto begin = partition.begin_offset();
    const auto end = partition.end_offset();
    if (!begin.ok()) return Expect(begin.status(), "begin after a cut");
    if (!end.ok()) return Expect(end.status(), "end after a cut");
    const std::size_t promised = was_cut ? promised_.on_disk : promised_.in_process;
    const std::string where =
        absl::StrCat(was_cut ? "after a power cut: " : "after a kill: ", "[", begin->value(), ", ",
                     end->value(), ") of ", promised_.records.size(), ", promised ", promised,
                     " from ", promised_.begin.value(), ": ");
    if (*begin < promised_.begin) return tally_.Violate(absl::StrCat(where, "it begins earlier"));
    if (end->value() < static_cast<std::int64_t>(promised)) {
      return tally_.Violate(absl::StrCat(where, "lost"));
    }
    if (end->value() > static_cast<std::int64_t>(promised_.records.size())) {
      return tally_.Violate(absl::StrCat(where, "more than there was"));
    }
    Offset at = *begin;
    while (at < *end) {
      const auto batch = partition.Read(at);
      if (!batch.ok()) return Expect(batch.status(), absl::StrCat(where, "read ", at.value()));
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        const Appended& expected =
            promised_.records[static_cast<std::size_t>(record.offset.value())];
        while (at < record.offset && MayBeAborted(at, was_cut)) at = at + 1;
        if (record.offset != at || !expected.value || record.value != *expected.value) {
          return tally_.Violate(absl::StrCat(where, "offset ", record.offset.value(),
                                             " in place of ", at.value(), " holds something else"));
        }
        at = record.offset + 1;
      }
    }
    while (at < *end && MayBeAborted(at, was_cut)) at = at + 1;
    // The frames of a transaction that was not decided yet are passed.
    if (at != *end && at.value() < static_cast<std::int64_t>(promised)) {
      return tally_.Violate(absl::StrCat(where, "nothing from ", at.value(), " on"));
    }
    const auto committed = Committed(broker);
    if (committed && !promised_.may_pass_group && *committed < begin->value()) {
      tally_.Violate(absl::StrCat(where, "the group is at ", *committed));
    }
  }

  std::mt19937_64 random_;
  Tally& tally_;
  ManualClock clock_;
  std::unique_ptr<SimulatedFileSystem> disk_;
  std::unique_ptr<Broker> broker_;
  TopicOptions options_;
  Promised promised_;
  std::int64_t committed_ = 0;
  bool has_group_ = false;
  bool deletes_ = false;  // up to an offset, now and then
};

}  // namespace

Family LifecycleFamily() {
  return {.name = "lifecycle",
          .about = "retention, deletions and settings amid appends, kills and power cuts",
          .figure = "histories",
          .asked = {{Shape::kSmall, {.quick = 60, .ci = 20'000, .soak = 500'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              const std::int64_t units = Lifecycle(SeedOf(options, number), tally).Run();
              tally.Count("histories", units);
              return units;
            });
          }};
}

}  // namespace daybook::torture
