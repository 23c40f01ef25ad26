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
  if (!options.offsets_directory.empty() && options.access != BrokerAccess::kReadOnly) {
    return absl::InvalidArgumentError(
        "BrokerOptions::offsets_directory is for BrokerAccess::kReadOnly; a broker that writes "
        "keeps the offsets of its groups in its own directory, so leave it empty");
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
  return Open(directory, options, nullptr);
}

absl::StatusOr<std::shared_ptr<BrokerCore>> BrokerCore::OpenForOffsets(BrokerOptions options,
                                                                       Catalog& of_groups) {
  const std::string directory = std::exchange(options.offsets_directory, {});
  options.access = BrokerAccess::kReadWrite;
  return Open(directory, options, &of_groups);
}

absl::StatusOr<std::shared_ptr<BrokerCore>> BrokerCore::Open(std::string_view directory,
                                                             const BrokerOptions& options,
                                                             Catalog* of_groups) {
  auto data =
      OpenDataDirectory(*options.file_system, directory, options.access == BrokerAccess::kReadOnly);
  if (!data.ok()) return data.status();
  std::shared_ptr<BrokerCore> core(
      new BrokerCore(std::string(directory), *std::move(data), options, of_groups));
  core->context_.owner = core;
  if (const auto status = core->Load(options, of_groups != nullptr); !status.ok()) {
    core->Close().IgnoreError();
    return status;
  }
  return core;
}

absl::Status BrokerCore::Load(const BrokerOptions& options, bool is_for_offsets) {
  absl::Status status = catalog_.Load();
  if (status.ok() && is_for_offsets) status = CheckHasNoTopics();
  // Here, since nothing that is done later could say that there are no more threads.
  if (status.ok() && !is_read_only()) status = background_.Start(threads_);
  // Nobody may read what a transaction wrote before it is known how that ended.
  if (status.ok()) status = offsets_.Load();
  if (status.ok() && !is_read_only()) status = background_.StartRetention(threads_);
  if (!is_read_only()) return status;
  // What cannot be read of another process is looked for again.
  if (status = catalog_.Check(); !status.ok() || options.offsets_directory.empty()) return status;
  auto own =
      OwnOffsets::Open(options, {.root = *root_, .catalog = catalog_, .follower = *follower_});
  if (!own.ok()) return own.status();
  own_offsets_ = *std::move(own);
  Follow();
  return absl::OkStatus();
}

absl::Status BrokerCore::CheckHasNoTopics() {
  const auto names = catalog_.Names();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (IsInternalName(name)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(directory(), " has a topic ", name,
                     ", and BrokerOptions::offsets_directory "
                     "is for offsets alone; name one that is empty or does not exist yet"));
  }
  return absl::OkStatus();
}

BrokerCore::BrokerCore(std::string path, DataDirectory data, const BrokerOptions& options,
                       Catalog* of_groups)
    : root_(std::move(data.root)),
      threads_(*options.threads),
      background_(options.background, catalog_, offsets_, *options.clock),
      follower_(options.access == BrokerAccess::kReadOnly
                    ? std::make_unique<DirectoryFollower>(*options.file_system, *root_, kLockFile)
                    : nullptr),
      context_{
          .root = root_.get(),
          .limits = std::make_shared<OpenLimits>(),
          .clock = options.clock,
          .boot = options.file_system->BootId(),
          .is_read_only = options.access == BrokerAccess::kReadOnly,
          .new_segment_id = RandomId,
          .background = {
              .on_dirty = [this](PartitionLog& log) { background_.syncs().SyncLater(log); },
              .request_work_ahead = [this](PartitionLog& log) { background_.ahead().Request(log); },
              .on_segment =
                  [this](PartitionLog& log) { background_.retention().SegmentBegun(log); },
              .on_disk_full = [this] { background_.retention().DiskIsFull(); },
              .before_work = nullptr},
          .drop_lost_readers =
              [this] {
                if (listener_ != nullptr) listener_->DropLostReaders();
              },
          .lock = data.lock.get(),
          .follower = follower_.get(),
          .transactions = &decisions_},
      catalog_(context_, counters_),
      offsets_(context_, catalog_, of_groups == nullptr ? catalog_ : *of_groups, decisions_,
               background_.syncs()),
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

absl::Status BrokerCore::CheckKeepsOffsets(std::string_view consequence) const {
  if (own_offsets_ != nullptr) return absl::OkStatus();
  return CheckWritable(absl::StrCat(std::string(consequence),
                                    "; name BrokerOptions::offsets_directory for groups of this "
                                    "process, open it with BrokerAccess::kReadWrite, or use a "
                                    "Reader"));
}

void BrokerCore::Follow() {
  if (own_offsets_ != nullptr) {
    // It is tried again. Meanwhile all goes on but what is new, so that on a full disk places can
    // be forgotten; OpenTopic and Join say why something is not there.
    FollowTopics().IgnoreError();
  } else if (follower_ != nullptr) {
    follower_->Look();
  }
}

absl::Status BrokerCore::RunBackgroundWork() {
  absl::Status status = is_read_only() ? absl::OkStatus() : background_.RunNow();
  if (own_offsets_ != nullptr) status.Update(own_offsets_->RunBackgroundWork());
  return status;
}

RecoveryReport BrokerCore::recovery_report() const {
  return {.partitions_opened = counters_.partitions_opened.load(std::memory_order_relaxed),
          .bytes_scanned = counters_.bytes_scanned.load(std::memory_order_relaxed),
          .claims_padded = counters_.claims_padded.load(std::memory_order_relaxed),
          .torn_tail_bytes = counters_.torn_tail_bytes.load(std::memory_order_relaxed),
          .foreign_records = offsets_.foreign_records()};
}

}  // namespace daybook::inline v1
