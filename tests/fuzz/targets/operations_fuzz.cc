#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/consumer_group.h"
#include "fuzz/directory_image.h"
#include "fuzz/faulty_disk.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/observe.h"
#include "fuzz/operations_model.h"
#include "support/segment_bytes.h"

// Sequences of operations against a model: each byte is one, the next ones say how. Power cuts, and
// errors, come at any operation of the disk, in recovery too; a seed says which writes were done.

namespace daybook::fuzz {
namespace {

using State = PartitionModel::State;

constexpr std::size_t kMaxSteps = 120;
constexpr std::string_view kGroup = "group";
// One partition each: never synced by itself, synced by every append, compressed.
const std::vector<std::string>& Topics() {
  static const std::vector<std::string> topics = {"process", "disk", "zstd"};
  return topics;
}

class Run {
 public:
  explicit Run(Input input) : choices_(input) {}

  void All() {
    Open();
    for (const std::string& topic : Topics()) {
      TopicOptions options{.segment_bytes = 64 << 10, .max_record_bytes = 16 << 10};
      if (topic == "disk") options.durability = Durability::kDisk;
      if (topic == "zstd") options.compression = Compression::kZstd;
      options.dictionary_bytes = 256;
      ExpectOk(broker_->CreateTopic(topic, options), "a topic");
    }
    disk_.Arm();
    for (std::size_t step = 0; step < kMaxSteps && !choices_.empty(); ++step) Step();
    claims_.clear();
    Replace(disk_->Kill(), Fate::kKill);
    Close();
    const auto first = CheckAll(*disk_, Fate::kNothing);
    Expect(ValuesOf(CheckAll(*disk_, Fate::kNothing)) == ValuesOf(first),
           "opening again changes it");
  }

 private:
  using Models = std::vector<PartitionModel>;

  // What an operation may answer beside OK.
  bool MayFail() const { return disk_.has_failed() || disk_.is_full(); }
  void Check(const absl::Status& status, std::string_view what) const {
    if (status.ok()) return;
    Expect(MayFail() || AnyDamage(), absl::StrCat(std::string(what), ": ", status.ToString()));
    ExpectTyped(status);
  }
  bool AnyDamage() const {
    return is_store_damaged_ || std::any_of(models_.begin(), models_.end(),
                                            [](const auto& model) { return model.is_damaged; });
  }

  // --- The disk: cuts and errors at any of its operations ---------------------------------------

  // The power goes now, and perhaps again while the first cut is being recovered from.
  void CheckCut() {
    std::unique_ptr<SimulatedFileSystem> again;
    const std::unique_ptr<SimulatedFileSystem> left = disk_.Cut(&again);
    const Models first = CheckAll(*left, Fate::kPowerCut);
    left->SetHook(nullptr);
    Expect(ValuesOf(CheckAll(*left, Fate::kPowerCut)) == ValuesOf(first),
           "opening again changes it");
    if (again != nullptr) CheckAll(*again, Fate::kPowerCut);
  }

  // Opens `disk` and compares all with the models; what is there.
  Models CheckAll(SimulatedFileSystem& disk, Fate fate) const {
    Models found = models_;
    const auto broker = OpenBroker(disk, BrokerAccess::kReadWrite);
    Check(broker.status(), "open");
    if (broker.ok()) CheckBroker(**broker, fate, &found);
    return found;
  }
  void CheckBroker(Broker& broker, Fate fate, Models* found) const {
    for (std::size_t i = 0; i < Topics().size(); ++i) {
      const auto topic = broker.OpenTopic(Topics()[i]);
      ExpectOk(topic.status(), "a topic that was made");
      CheckPartition(topic->partition(0), models_[i], fate, &(*found)[i]);
    }
    if (!AnyDamage()) CheckGroup(broker, kGroup, Topics(), models_, fate);
  }

  void Open() {
    for (int attempt = 0; attempt < 2 && broker_ == nullptr; ++attempt) {  // one error is enough
      auto broker = OpenBroker(*disk_, BrokerAccess::kReadWrite);
      Check(broker.status(), "open");
      if (broker.ok()) broker_ = *std::move(broker);
    }
  }
  void Close() {
    claims_.clear();
    broker_.reset();
  }
  // The broker is gone, what is left is on `disk`.
  void Replace(std::unique_ptr<SimulatedFileSystem> disk, Fate fate) {
    disk_.Disarm();
    Close();
    disk_.Replace(std::move(disk));
    Open();
    if (broker_ == nullptr) return;
    Models found = models_;
    CheckBroker(*broker_, fate, &found);
    for (std::size_t i = 0; i < models_.size(); ++i) models_[i].GoOnWith(found[i], fate);
    disk_.Arm();
  }

  // --- The operations ---------------------------------------------------------------------------

  PartitionModel& model() { return models_[which_]; }
  Partition& partition() { return topic_->partition(0); }

  void Step() {
    const std::uint64_t operation = choices_.Pick(22);
    const std::size_t which = choices_.Pick(Topics().size());
    if (broker_ == nullptr) return;
    Use(which);
    switch (operation) {
      case 0:
      case 1:
        return Append(choices_.Byte());
      case 2:
        return Append(choices_.Pick(15'000));
      case 3:
        return AppendBatch(1 + choices_.Pick(6), choices_.Byte());
      case 4:
        return Claim(choices_.Pick(3000));
      case 5:
        return Settle(choices_.Flip());
      case 6:  // a roll
        for (int i = 0; i < 5; ++i) Append(14'000);
        return;
      case 7:
        return Sync();
      case 8:
        return Read(choices_.Number(2), choices_.Flip());
      case 9:
        return UseGroup(choices_.Pick(4));
      case 10:
        return Check(broker_->RunBackgroundWork(), "background work");
      case 11:
        return Replace(disk_->Kill(), Fate::kKill);
      case 12:
        return Replace(disk_->CutPower(choices_.Number(4)), Fate::kPowerCut);
      case 13:
        return Corrupt();
      case 14:
      case 15:
        return ArmCut();
      case 16:
        return ArmFailure();
      case 17:
        return disk_.SetFull(!disk_.is_full());
      case 18:
        Close();
        return Replace(disk_->Kill(), Fate::kNothing);
      case 19:
        return KillAmidClaims();
      case 20:
        return CloseAmidClaims();
      default:
        return CheckEnds();
    }
  }

  void ArmCut() {
    const std::size_t in = 1 + choices_.Byte() % 32;
    disk_.CutIn(in, choices_.Byte() % 32);
    disk_.UseSeed(choices_.Number(4));
  }
  void ArmFailure() {
    const std::size_t in = 1 + choices_.Byte() % 32;
    disk_.FailIn(in, choices_.Flip());
  }

  std::string NextValue(std::size_t size) {
    ++values_;
    std::string value = MakeValue(absl::StrCat(Topics()[which_], " ", values_, " "), size, values_);
    model().attempted.insert(value);
    return value;
  }

  // After an append of the last entries, from `first` on. After an error an offset is not known.
  void Appended(std::size_t first, const absl::StatusOr<Offset>& offset) {
    auto& entries = model().entries;
    if (offset.ok()) {
      const auto index = static_cast<std::size_t>(offset->value());
      const bool may_differ =
          disk_.has_failed() || model().is_damaged || model().AllUnknown(index, first);
      Expect(index == first || may_differ,
             absl::StrCat("the offset is ", index, " and not ", first));
      model().Acknowledge(first, index);
      if (which_ == 1) model().durable = entries.size();
      return;
    }
    Check(offset.status(), "append");
    const auto end = partition().end_offset();
    if (end.ok()) entries.resize(std::min<std::size_t>(entries.size(), UpperEnd(*end)));
    for (std::size_t i = first; i < entries.size(); ++i) entries[i].state = State::kUnknown;
  }
  // One past the last offset that may be in use when `end` is the end: behind an open claim it
  // does not show.
  std::size_t UpperEnd(Offset end) {
    return which_ == 0 && !claims_.empty() ? model().entries.size()
                                           : static_cast<std::size_t>(end.value());
  }

  void Append(std::size_t size) {
    const std::size_t first = model().entries.size();
    const std::string value = NextValue(size);
    model().entries.push_back({State::kAttempted, value});
    Appended(first, partition().Append(RecordOf(value)));
  }

  void AppendBatch(std::size_t count, std::size_t size) {
    const std::size_t first = model().entries.size();
    std::deque<std::string> values;
    std::vector<Record> records;
    for (std::size_t i = 0; i < count; ++i) {
      records.push_back(RecordOf(values.emplace_back(NextValue(size))));
      model().entries.push_back({State::kAttempted, values.back()});
    }
    Appended(first, partition().AppendBatch(records));
  }

  // Only where nobody waits for it.
  void Claim(std::size_t size, std::size_t most = 3) {
    if (which_ != 0 || claims_.size() >= most) return;
    const std::size_t first = model().entries.size();
    const std::string value = NextValue(size);
    model().entries.push_back({State::kAttempted, value});
    ClaimOptions options;
    options.value_bytes = value.size();
    auto claim = partition().Claim(options);
    Appended(first, claim.ok() ? absl::StatusOr<Offset>(claim->offset())
                               : absl::StatusOr<Offset>(claim.status()));
    if (!claim.ok()) return;
    model().entries.back().state = State::kAttempted;
    std::copy(value.begin(), value.end(), reinterpret_cast<char*>(claim->value().data()));
    claims_.push_back(*std::move(claim));
  }
  void Use(std::size_t which) {
    which_ = which;
    auto topic = broker_->OpenTopic(Topics()[which_]);
    ExpectOk(topic.status(), "a topic that was made");
    topic_ = *std::move(topic);
  }
  // The process is killed while claims are open, one of them the first of its segment, and the
  // power goes right after the next append that is acknowledged.
  void KillAmidClaims() {
    Use(0);
    for (int i = 0; i < 5; ++i) {
      Claim(14'000, 8);
      Append(choices_.Byte());
    }
    Replace(disk_->Kill(), Fate::kKill);
    if (broker_ == nullptr) return;
    Use(0);
    Append(choices_.Byte());
    Sync();
    disk_.UseSeed(choices_.Number(4));
    CheckCut();
  }
  // Another process wants the directory at once, and gets it when the claims are settled.
  void CloseAmidClaims() {
    Use(0);
    for (std::size_t claims = 1 + choices_.Pick(3); claims != 0; --claims) {
      Claim(choices_.Pick(15'000), 8);
    }
    const bool is_open = !claims_.empty();
    Access::Core(*broker_).UseSettleTimeout(std::chrono::milliseconds(0));
    const absl::Status closed = broker_->Close();
    Expect(!is_open || absl::IsDeadlineExceeded(closed) || MayFail(), "closed over an open claim");
    if (is_open) Expect(!OpenBroker(*disk_, BrokerAccess::kReadWrite).ok(), "two writers");
    while (!claims_.empty()) Settle(choices_.Flip());
    Check(broker_->Close(), "close again");
    broker_.reset();
    Check(OpenBroker(*disk_, BrokerAccess::kReadWrite).status(), "open after a close");
    Replace(disk_->Kill(), Fate::kNothing);
  }

  void Settle(bool is_committed) {
    if (claims_.empty()) return;
    RecordClaim claim = std::move(claims_.front());
    claims_.pop_front();
    auto& entry = models_[0].entries[static_cast<std::size_t>(claim.offset().value())];
    entry.state = is_committed ? State::kAcknowledged : State::kAbandoned;
    if (is_committed) std::move(claim).Commit();
  }

  void Sync() {
    const auto end = partition().end_offset();
    Check(end.status(), "the end");
    if (!end.ok()) return;
    const absl::Status status = partition().WaitDurable(*end);
    Check(status, "sync");
    if (!status.ok() || model().has_lost_pages) return;
    model().durable = std::max(model().durable, static_cast<std::size_t>(end->value()));
  }

  void Read(std::uint64_t place, bool is_backwards) {
    const auto end = partition().end_offset();
    Check(end.status(), "the end");
    if (!end.ok()) return;
    const Offset from(static_cast<std::int64_t>(place) % (end->value() + 1));
    if (MayFail()) return ExpectTyped(partition().Read(from).status());
    is_backwards ? CheckReadBackwards(partition(), model(), from)
                 : CheckRead(partition(), model(), from);
  }

  void UseGroup(std::uint64_t polls) {
    ConsumerGroup group(*broker_, kGroup);
    const auto consumer = group.Join(Topics());
    Check(consumer.status(), "join");
    if (!consumer.ok()) return;
    for (std::uint64_t i = 0; i <= polls; ++i) Check((*consumer)->Poll({}).status(), "poll");
    std::vector<std::int64_t> positions;
    for (std::size_t i = 0; i < models_.size(); ++i) {
      const auto position = (*consumer)->Position({Topics()[i], 0});
      Check(position.status(), "position");
      positions.push_back(position.ok() ? position->value() : 0);
      models_[i].highest_commit = std::max(models_[i].highest_commit, positions[i]);
    }
    const absl::Status status = (*consumer)->Commit();
    Check(status, "commit");
    if (!status.ok()) return;
    for (std::size_t i = 0; i < models_.size(); ++i) models_[i].committed = positions[i];
  }

  // While it is closed: what a process has verified it need not verify again.
  void Corrupt() {
    Close();
    const std::vector<std::string> files = disk_->Files();
    const std::string& path = files[choices_.Pick(files.size())];
    const std::uint64_t position = choices_.Number(3) % (128 << 10);
    const auto mask = static_cast<std::byte>(1U << choices_.Pick(8));
    if (disk_->Corrupt(path, position, mask).ok()) {
      is_store_damaged_ = true;
      for (std::size_t i = 0; i < models_.size(); ++i) {
        if (path.find(absl::StrCat("/", Topics()[i])) != path.npos) models_[i].is_damaged = true;
      }
    }
    Replace(disk_->Kill(), Fate::kNothing);
  }

  void CheckEnds() {
    const auto end = partition().end_offset();
    const auto durable = partition().durable_offset();
    Check(end.status(), "the end");
    Check(durable.status(), "the durable end");
    if (!end.ok() || !durable.ok()) return;
    Expect(*durable <= *end, "more is durable than is committed");
    if (MayFail() || model().is_damaged) return;
    std::size_t visible = model().entries.size();
    if (which_ == 0 && !claims_.empty()) {
      visible = std::min(visible, static_cast<std::size_t>(claims_.front().offset().value()));
    }
    Expect(static_cast<std::size_t>(end->value()) == visible, "the end is elsewhere");
  }

  Choices choices_;
  FaultyDisk disk_{[this] { CheckCut(); },
                   [this] {  // the page cache of any file may have been meant
                     for (PartitionModel& model : models_) model.has_lost_pages = true;
                   }};
  std::unique_ptr<Broker> broker_;
  std::optional<Topic> topic_;
  std::deque<RecordClaim> claims_;  // open, of the first topic
  Models models_ = Models(Topics().size());
  std::size_t which_ = 0;
  std::size_t values_ = 0;
  bool is_store_damaged_ = false;
};

}  // namespace

void FuzzOperations(Input input) { Run(input).All(); }

}  // namespace daybook::fuzz
