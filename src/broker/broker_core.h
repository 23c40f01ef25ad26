#ifndef DAYBOOK_BROKER_BROKER_CORE_H_
#define DAYBOOK_BROKER_BROKER_CORE_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "broker/ahead_worker.h"
#include "broker/background.h"
#include "broker/catalog.h"
#include "broker/decision_table.h"
#include "broker/group_coordinator.h"
#include "broker/offset_store.h"
#include "broker/transaction_names.h"
#include "daybook/broker.h"

namespace daybook::inline v1 {

// InvalidArgument, saying `what` it is, unless it has 1 to 249 bytes and no control characters.
absl::Status CheckGroupName(std::string_view name, std::string_view what);

// What a Broker consists of. The contract is that of daybook/broker.h.
class BrokerCore {
 public:
  static absl::StatusOr<std::unique_ptr<BrokerCore>> Open(std::string_view directory,
                                                          const BrokerOptions& options);
  ~BrokerCore();

  absl::Status Close();
  bool is_read_only() const { return context_.is_read_only; }
  const std::string& directory() const { return path_; }

  Catalog& catalog() { return catalog_; }
  OffsetStore& offsets() { return offsets_; }
  DecisionTable& decisions() { return decisions_; }
  TransactionNames& transaction_names() { return transaction_names_; }
  BackgroundWork& background() { return background_; }
  AheadWorker& ahead_worker() { return ahead_worker_; }
  RecoveryReport recovery_report() const;

  Clock& clock() { return *context_.clock; }

  const ProcessGuard& process() const { return context_.process; }

  // These tell the groups.
  absl::Status CreateTopic(std::string_view name, const TopicOptions& options)
      ABSL_LOCKS_EXCLUDED(create_mutex_, mutex_);
  absl::Status CreatePartitions(std::string_view topic, int total) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status DeleteTopic(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);

  // The coordinator of that group; made when first asked for. FailedPrecondition: read-only.
  absl::StatusOr<std::shared_ptr<GroupCoordinator>> Group(std::string_view name)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<std::string>> ListGroups() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<GroupDescription> DescribeGroup(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status AlterGroupOffsets(std::string_view name,
                                 const std::map<TopicPartition, Offset>& offsets)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status DeleteGroup(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::int64_t> ExpireGroupOffsets(std::chrono::nanoseconds unused_for)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  BrokerCore(std::string path, std::unique_ptr<Directory> root, std::unique_ptr<FileLock> lock,
             const BrokerOptions& options);

  // Those that somebody asked for.
  std::vector<std::shared_ptr<GroupCoordinator>> OpenGroups() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status CheckRange(const TopicPartition& partition, Offset offset);

  const std::string path_;
  const std::unique_ptr<Directory> root_;
  RecoveryCounters counters_;
  BackgroundWork background_;
  AheadWorker ahead_worker_;
  DecisionTable decisions_;
  LogContext context_;
  Catalog catalog_;
  OffsetStore offsets_;
  TransactionNames transaction_names_;

  Mutex create_mutex_;  // one topic is made at a time
  Mutex mutex_;
  std::unique_ptr<FileLock> lock_ ABSL_GUARDED_BY(mutex_);  // of the directory, for writing
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::shared_ptr<GroupCoordinator>, std::less<>> groups_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BROKER_CORE_H_
