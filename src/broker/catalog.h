#ifndef DAYBOOK_BROKER_CATALOG_H_
#define DAYBOOK_BROKER_CATALOG_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "broker/topic_state.h"
#include "daybook/topic.h"

namespace daybook::inline v1 {

// The topics of a data directory. Each has a file <topic>.topic with its settings, and is there if
// and only if that file is: it is written whole and renamed into place. A deletion begins with
// renaming it to <topic>.gone, and what a crash leaves of it is finished at the next open. The
// partitions' directories, <topic>-<partition>, are made when they are first appended to.
// Thread-safe.
class Catalog {
 public:
  // `context` and `counters` must outlive the catalog.
  Catalog(const LogContext& context, RecoveryCounters& counters);

  // For writing: reads all topics, and finishes deletions. For reading only: nothing, since
  // another process may add topics at any time, so each is looked up when it is asked for.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<Topic> Create(std::string_view name, const TopicOptions& options)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Topic> Find(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Delete(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  // The topic has `total` partitions from now on; its logs are shared with the handles of before.
  absl::Status CreatePartitions(std::string_view name, int total) ABSL_LOCKS_EXCLUDED(mutex_);

  // Changes with the topics and their partitions, when that is done. For a directory that is open
  // for writing.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // How many partitions each topic has that is open; internal ones included.
  std::map<std::string, int> PartitionCounts() ABSL_LOCKS_EXCLUDED(mutex_);
  // Internal ones included.
  absl::StatusOr<std::vector<std::string>> Names() ABSL_LOCKS_EXCLUDED(mutex_);
  // Those that are open.
  std::vector<std::shared_ptr<TopicState>> Open() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<std::shared_ptr<TopicState>> Read(const std::string& name);
  absl::Status Write(std::string_view name, const TopicOptions& options)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<std::string>> ListFiles(std::string_view suffix);
  // Removes the partitions' directories of a topic that is gone, and then its <topic>.gone.
  absl::Status FinishDelete(const std::string& name);
  absl::Status NoSuchTopic(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<std::string>> NamesLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LogContext& context_;
  RecoveryCounters& counters_;
  std::atomic<std::uint64_t> version_{1};
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<TopicState>, std::less<>> topics_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_CATALOG_H_
