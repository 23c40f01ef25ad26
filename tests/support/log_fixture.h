#ifndef DAYBOOK_SUPPORT_LOG_FIXTURE_H_
#define DAYBOOK_SUPPORT_LOG_FIXTURE_H_

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"
#include "log/partition_log.h"
#include "support/deadline.h"
#include "support/segment_bytes.h"

namespace daybook {

// Transactions are undecided until a test decides them.
class FakeTransactions : public TransactionTable {
 public:
  Decision Of(std::uint64_t id) const override {
    const auto found = decisions_.find(id);
    return found == decisions_.end() ? Decision::kUndecided : found->second;
  }
  void Commit(std::uint64_t id) { decisions_[id] = Decision::kCommitted; }
  void Abort(std::uint64_t id) { decisions_[id] = Decision::kAborted; }

 private:
  std::map<std::uint64_t, Decision> decisions_;
};

// One partition on a simulated disk, in words: Write, Read, Kill, CutPower, Reopen.
class LogFixture {
 public:
  static constexpr std::uint64_t kSegmentBytes = 64 << 10;

  explicit LogFixture(Durability durability = Durability::kProcess,
                      std::uint64_t segment_bytes = kSegmentBytes,
                      TopicCompressor::Settings compression = {},
                      std::optional<MemorySettings> memory = std::nullopt)
      : durability_(durability),
        segment_bytes_(segment_bytes),
        compression_(compression),
        memory_(memory),
        disk_(std::make_unique<SimulatedFileSystem>()) {
    Open();
  }

  // --- What is done ---------------------------------------------------------------------------

  Offset Write(std::string_view value) { return Write(RecordOf(value)); }
  Offset Write(const Record& record) {
    const auto offset = log_->Append(record, std::nullopt);
    INFO(offset.status());
    REQUIRE(offset.ok());
    return *offset;
  }
  // Values "0", "1", ... as long as `bytes`.
  void WriteMany(int count, std::size_t bytes = 100) {
    for (int i = 0; i < count; ++i) {
      std::string value = std::to_string(i);
      value.resize(std::max(bytes, value.size()), '.');
      Write(value);
    }
  }
  void Sync() {
    const auto end = log_->end_offset();
    REQUIRE(end.ok());
    REQUIRE(log_->WaitDurable(*end, Soon()).ok());
  }
  void CloseCleanly() {
    log_->Delete(absl::FailedPreconditionError("closed"));
    Open();
  }
  // The process is killed and the directory opened by another one.
  void Kill() { GoOnWith(disk_->Kill()); }
  void CutPower(std::uint64_t seed) { GoOnWith(disk_->CutPower(seed)); }
  // The topic's setting is another one from now on.
  void SetTimestampType(TimestampType type) {
    timestamp_type_ = type;
    CloseCleanly();
  }
  // The directory is opened as it is on that disk.
  void GoOnWith(std::unique_ptr<SimulatedFileSystem> disk) {
    dead_.push_back({std::move(disk_), std::move(root_), std::move(context_), std::move(counters_),
                     std::move(log_)});
    disk_ = std::move(disk);
    Open();
  }
  // Another process opens the directory for reading.
  std::shared_ptr<PartitionLog> Follow() {
    follower_context_ = *context_;
    follower_context_.is_read_only = true;
    return MakeLog(follower_context_);
  }
  void Corrupt(const std::string& file, std::uint64_t position, unsigned mask = 1) {
    REQUIRE(disk_->Corrupt("/data/orders-0/" + file, position, static_cast<std::byte>(mask)).ok());
  }

  // --- What is seen ---------------------------------------------------------------------------

  // All values from `from` on; damage is passed over and stands as "<damage>".
  std::vector<std::string> Values(Offset from = Offset(0)) {
    std::vector<std::string> values;
    Cursor cursor{.offset = from, .segment = nullptr, .position = 0};
    for (;;) {
      const auto batch = log_->Read(cursor, ReadOptions{});
      if (absl::IsDataLoss(batch.status())) {
        values.push_back("<damage>");
        const auto next = log_->NextReadable(cursor.offset);
        REQUIRE(next.ok());
        if (*next == cursor.offset) return values;
        cursor = Cursor{.offset = *next, .segment = nullptr, .position = 0};
        continue;
      }
      INFO(batch.status());
      REQUIRE(batch.ok());
      if (batch->empty()) return values;
      for (const RecordView& record : *batch) values.emplace_back(record.value);
    }
  }
  Offset end() {
    const auto end = log_->end_offset();
    INFO(end.status());
    REQUIRE(end.ok());
    return *end;
  }
  Offset durable() {
    const auto durable = log_->durable_offset();
    REQUIRE(durable.ok());
    return *durable;
  }
  // Names of the segment files.
  std::vector<std::string> Segments() const {
    std::vector<std::string> names;
    for (const std::string& path : disk_->Files()) {
      const std::string name = path.substr(path.rfind('/') + 1);
      if (ParseSegmentFileName(name)) names.push_back(name);
    }
    return names;
  }
  bool HasFile(const std::string& name) const {
    const std::vector<std::string> files = disk_->Files();
    return std::find(files.begin(), files.end(), "/data/orders-0/" + name) != files.end();
  }
  // How often somebody was asked to work ahead.
  int work_requests() const { return work_requests_; }
  const RecoveryCounters& recovery() const { return *counters_; }
  PartitionLog& log() { return *log_; }
  FakeTransactions& transactions() { return transactions_; }
  LogContext& context() { return *context_; }
  SimulatedFileSystem& disk() { return *disk_; }
  ManualClock& clock() { return clock_; }
  OpenLimits& limits() { return *limits_; }
  Directory& root() { return *root_; }

 private:
  // What the dead process had, claims among it, stays until the end of the test.
  struct Dead {
    std::unique_ptr<SimulatedFileSystem> disk;
    std::unique_ptr<Directory> root;
    std::unique_ptr<LogContext> context;
    std::unique_ptr<RecoveryCounters> counters;
    std::shared_ptr<PartitionLog> log;
  };

  void Open() {
    log_.reset();
    auto root = disk_->OpenDirectory("/data", DirectoryMode::kCreateIfMissing);
    REQUIRE(root.ok());
    root_ = *std::move(root);
    context_ = std::make_unique<LogContext>();
    context_->root = root_.get();
    context_->clock = &clock_;
    context_->limits = limits_;
    context_->boot = disk_->BootId();
    context_->new_segment_id = [this] { return ++last_id_ * 0x9e3779b97f4a7c15; };
    context_->background.request_work_ahead = [this](PartitionLog&) { ++work_requests_; };
    context_->transactions = &transactions_;
    counters_ = std::make_unique<RecoveryCounters>();
    log_ = MakeLog(*context_);
  }
  std::shared_ptr<PartitionLog> MakeLog(const LogContext& context) {
    return std::make_shared<PartitionLog>(
        context, PartitionName("orders", 0),
        LogSettings{.durability = durability_,
                    .flush_interval = std::chrono::milliseconds(100),
                    .segment_bytes = segment_bytes_,
                    .max_record_bytes = segment_bytes_ / 4,
                    .timestamp_type = timestamp_type_,
                    .memory = memory_},
        *counters_, std::make_shared<TopicCompressor>(*root_, "orders", compression_));
  }

  const Durability durability_;
  const std::uint64_t segment_bytes_;
  const TopicCompressor::Settings compression_;
  const std::optional<MemorySettings> memory_;
  TimestampType timestamp_type_ = TimestampType::kCreateTime;
  ManualClock clock_;
  const std::shared_ptr<OpenLimits> limits_ = std::make_shared<OpenLimits>();
  FakeTransactions transactions_;
  std::uint64_t last_id_ = 0;
  int work_requests_ = 0;
  std::vector<Dead> dead_;
  std::unique_ptr<SimulatedFileSystem> disk_;
  std::unique_ptr<Directory> root_;
  std::unique_ptr<LogContext> context_;
  LogContext follower_context_;
  std::unique_ptr<RecoveryCounters> counters_;
  std::shared_ptr<PartitionLog> log_;
};

// A claim that holds `value` and is not committed.
inline RecordClaim OpenClaim(LogFixture& log, std::string_view value) {
  ClaimOptions options;
  options.value_bytes = value.size();
  auto claim = log.log().Claim(options);
  INFO(claim.status());
  REQUIRE(claim.ok());
  std::memcpy(claim->value().data(), value.data(), value.size());
  return *std::move(claim);
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_LOG_FIXTURE_H_
