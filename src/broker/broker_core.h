#ifndef DAYBOOK_BROKER_BROKER_CORE_H_
#define DAYBOOK_BROKER_BROKER_CORE_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "broker/background/background_work.h"
#include "broker/broker_listener.h"
#include "broker/data_directory.h"
#include "broker/directory_lease.h"
#include "broker/offsets/offset_store.h"
#include "broker/own_offsets.h"
#include "broker/topics/catalog.h"
#include "broker/transactions/decision_table.h"
#include "broker/transactions/transaction_names.h"
#include "daybook/broker.h"
#include "daybook/system/file_system.h"
#include "daybook/system/thread_factory.h"
#include "log/store/directory_follower.h"

namespace daybook::inline v1 {

// What a Broker consists of, but for its groups: those are its listener. The contract is that of
// daybook/broker.h.
//
// Every handle that came from a broker has a share in it, and every topic, so that it is there as
// long as they are. Close breaks that circle.
class BrokerCore : public std::enable_shared_from_this<BrokerCore> {
 public:
  static absl::StatusOr<std::shared_ptr<BrokerCore>> Open(std::string_view directory,
                                                          const BrokerOptions& given);
  // The same, for writing, of offsets_directory, whose groups read the topics of another broker.
  // FailedPrecondition, too: it has topics of its own.
  static absl::StatusOr<std::shared_ptr<BrokerCore>> OpenForOffsets(BrokerOptions options,
                                                                    Catalog& of_groups);
  ~BrokerCore();

  absl::Status Close();
  // FailedPrecondition: it is closed, or this is a child of its process.
  absl::Status Check() {
    if (auto status = process().Check(); !status.ok()) return status;
    return catalog_.Check();
  }
  bool is_open() const { return !process().is_forked() && !catalog_.is_closed(); }
  bool is_read_only() const { return context_.is_read_only; }
  // FailedPrecondition if it is read-only; `consequence` follows "is open read-only".
  absl::Status CheckWritable(std::string_view consequence) const;
  // The same of what its groups commit.
  absl::Status CheckKeepsOffsets(std::string_view consequence) const;
  const std::string& directory() const { return lease_.path(); }
  // Null when the directory is open for writing.
  DirectoryFollower* follower() { return follower_.get(); }

  Catalog& catalog() { return catalog_; }
  OffsetStore& offsets() { return offsets_; }
  // Where its groups commit: those, or its own if it follows another process.
  OffsetStore& group_offsets() { return own_offsets_ ? own_offsets_->store() : offsets_; }
  DecisionTable& decisions() { return decisions_; }
  TransactionNames& transaction_names() { return transaction_names_; }
  SyncScheduler& syncs() { return background_.syncs(); }
  ThreadFactory& threads() { return threads_; }
  RecoveryReport recovery_report() const;

  Clock& clock() { return *context_.clock; }

  // For tests, before anything is appended: the steps of files that are made or opened from now on,
  // and BackgroundCalls::before_work.
  void UseSteps(const SegmentSteps& steps,
                std::function<void(PartitionLog&)> before_work = nullptr) {
    context_.steps = steps;
    context_.background.before_work = std::move(before_work);
  }

  // For tests: how long Close waits for claims that are open.
  void UseSettleTimeout(std::chrono::milliseconds timeout) { lease_.UseSettleTimeout(timeout); }

  const ProcessGuard& process() const { return context_.process; }

  // Once, before the broker is used.
  void SetListener(std::unique_ptr<BrokerListener> listener) { listener_ = std::move(listener); }

  // Of a directory that another process writes: notices what it has done. With no lock held.
  void Follow();
  // The same of topics, as far as groups here have to know of them.
  absl::Status FollowTopics() {
    return own_offsets_ ? own_offsets_->FollowTopics(listener_.get()) : absl::OkStatus();
  }
  // The topic, as it is now. NotFound: there is none.
  absl::StatusOr<Topic> OpenTopic(std::string_view name);
  absl::Status RunBackgroundWork();

  // These tell the listener. InvalidArgument: it is an internal topic.
  absl::Status CreateTopic(std::string_view name, const TopicOptions& options)
      ABSL_LOCKS_EXCLUDED(create_mutex_);
  absl::Status CreatePartitions(std::string_view topic, int total);
  absl::Status AlterTopic(std::string_view topic, const TopicOptions& options);
  absl::Status DeleteTopic(std::string_view name) ABSL_LOCKS_EXCLUDED(create_mutex_);

 private:
  // `of_groups`: null when the groups read topics of this broker.
  BrokerCore(std::string path, DataDirectory data, const BrokerOptions& options,
             Catalog* of_groups);
  static absl::StatusOr<std::shared_ptr<BrokerCore>> Open(std::string_view directory,
                                                          const BrokerOptions& options,
                                                          Catalog* of_groups);
  absl::Status Load(const BrokerOptions& options, bool is_for_offsets);
  absl::Status CheckHasNoTopics();

  // All that could begin something new, and what is under way.
  DirectoryLease::Ended End();

  const std::unique_ptr<Directory> root_;
  RecoveryCounters counters_;
  ThreadFactory& threads_;
  BackgroundWork background_;
  DecisionTable decisions_;
  const std::unique_ptr<DirectoryFollower> follower_;  // when open for reading only
  LogContext context_;
  Catalog catalog_;
  OffsetStore offsets_;
  TransactionNames transaction_names_;

  // One topic is made or deleted at a time.
  Mutex create_mutex_{LockOrder::kBrokerCreate};
  DirectoryLease lease_;
  std::unique_ptr<OwnOffsets> own_offsets_;  // when open for reading only, with offsets_directory
  // Last, so that it goes first: it refers to all of these.
  std::unique_ptr<BrokerListener> listener_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BROKER_CORE_H_
