#include "broker/broker_core.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random_id.h"

namespace daybook::inline v1 {
namespace {

absl::Status CheckOptions(const BrokerOptions& options) {
  const auto no_such = [](std::string_view option, int number, std::string_view values) {
    return absl::InvalidArgumentError(absl::StrCat("BrokerOptions::", std::string(option),
                                                   " has the number ", number, "; there are ",
                                                   std::string(values)));
  };
  if (options.access != BrokerAccess::kReadWrite && options.access != BrokerAccess::kReadOnly) {
    return no_such("access", static_cast<int>(options.access), "kReadWrite and kReadOnly");
  }
  if (options.background != Background::kThread && options.background != Background::kCaller) {
    return no_such("background", static_cast<int>(options.background), "kThread and kCaller");
  }
  return absl::OkStatus();
}

// What is not given is the system's.
BrokerOptions WithSystems(BrokerOptions options) {
  if (options.file_system == nullptr) options.file_system = &FileSystem::Posix();
  if (options.clock == nullptr) options.clock = &Clock::System();
  if (options.threads == nullptr) options.threads = &ThreadFactory::System();
  return options;
}

}  // namespace

absl::StatusOr<std::shared_ptr<BrokerCore>> BrokerCore::Open(std::string_view directory,
                                                             const BrokerOptions& given) {
  const BrokerOptions options = WithSystems(given);
  if (auto status = CheckOptions(options); !status.ok()) return status;
  const bool is_read_only = options.access == BrokerAccess::kReadOnly;
  auto data = OpenDataDirectory(*options.file_system, directory, is_read_only);
  if (!data.ok()) return data.status();
  std::shared_ptr<BrokerCore> core(
      new BrokerCore(std::string(directory), *std::move(data), options));
  core->context_.owner = core;
  absl::Status status = core->catalog_.Load();
  // Here, since nothing that is done later could say that there are no more threads.
  if (status.ok() && !is_read_only) status = core->background_.Start(core->threads_);
  if (status.ok() && !is_read_only) status = core->ahead_worker_.Start(core->threads_);
  // Nobody may read what a transaction wrote before it is known how that ended.
  if (status.ok()) status = core->offsets_.Load();
  if (!status.ok() && !(is_read_only && core->catalog_.Check().ok())) {
    core->Close().IgnoreError();
    return status;
  }
  return core;
}

BrokerCore::BrokerCore(std::string path, DataDirectory data, const BrokerOptions& options)
    : root_(std::move(data.root)),
      threads_(*options.threads),
      background_(options.background),
      ahead_worker_(options.background),
      follower_(options.access == BrokerAccess::kReadOnly
                    ? std::make_unique<DirectoryFollower>(*options.file_system, *root_, kLockFile)
                    : nullptr),
      context_{.root = root_.get(),
               .limits = std::make_shared<OpenLimits>(),
               .clock = options.clock,
               .boot = options.file_system->BootId(),
               .is_read_only = options.access == BrokerAccess::kReadOnly,
               .new_segment_id = RandomId,
               .background = {
                   .on_dirty = [this](PartitionLog& log) { background_.SyncLater(log); },
                   .request_work_ahead = [this](PartitionLog& log) { ahead_worker_.Request(log); },
                   .before_work = nullptr},
               .drop_lost_readers =
                   [this] {
                     if (listener_ != nullptr) listener_->DropLostReaders();
                   },
               .lock = data.lock.get(),
               .follower = follower_.get(),
               .transactions = &decisions_},
      catalog_(context_, counters_),
      offsets_(context_, catalog_, decisions_, background_),
      lease_(std::move(path), std::move(data.lock)) {
  if (is_read_only()) {
    decisions_.Follow({.refresh = [this] { return offsets_.Load().ok(); },
                       .is_gone = [this] { return follower_->WriterIsGone(); }});
    follower_->SetOnTopics([this] { catalog_.Recheck(); });
  }
}

BrokerCore::~BrokerCore() { Close().IgnoreError(); }

absl::Status BrokerCore::CheckWritable(std::string_view consequence) const {
  if (!is_read_only()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(directory(), " is open read-only", std::string(consequence)));
}

RecoveryReport BrokerCore::recovery_report() const {
  return {.partitions_opened = counters_.partitions_opened.load(std::memory_order_relaxed),
          .bytes_scanned = counters_.bytes_scanned.load(std::memory_order_relaxed),
          .claims_padded = counters_.claims_padded.load(std::memory_order_relaxed),
          .torn_tail_bytes = counters_.torn_tail_bytes.load(std::memory_order_relaxed),
          .foreign_records = offsets_.foreign_records()};
}

}  // namespace daybook::inline v1
