#ifndef DAYBOOK_BROKER_DIRECTORY_LEASE_H_
#define DAYBOOK_BROKER_DIRECTORY_LEASE_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "daybook/system/file_system.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// A data directory that a broker has, and how it is given up. Its lock, where it is open for
// writing, is held as long as one of the broker's logs may still write to a file: another process
// writes there from then on. Thread-safe.
class DirectoryLease {
 public:
  // `lock`: null when it is open for reading only.
  DirectoryLease(std::string path, std::unique_ptr<FileLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  const std::string& path() const { return path_; }

  // What a broker that has ended leaves behind.
  struct Ended {
    absl::Status synced;  // what could not be
    std::vector<std::shared_ptr<PartitionLog>> logs;
  };
  // The first call ends the broker. Each one then waits for the logs that are not settled yet,
  // syncs what they were promised, and releases the lock when all are; a thread that calls it while
  // another one does waits for that. What could not be synced is the answer of all calls.
  // DeadlineExceeded: the lock is still held.
  absl::Status Close(const std::function<Ended()>& end) ABSL_LOCKS_EXCLUDED(mutex_);

  // For tests: how long Close waits for claims that are open.
  void UseSettleTimeout(std::chrono::milliseconds timeout) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    settle_timeout_ = timeout;
  }

 private:
  absl::Status Settle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  Mutex mutex_{LockOrder::kBrokerClose};
  std::unique_ptr<FileLock> lock_ ABSL_GUARDED_BY(mutex_);
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status synced_ ABSL_GUARDED_BY(mutex_);
  // Those with claims that are still open.
  std::vector<std::shared_ptr<PartitionLog>> unsettled_ ABSL_GUARDED_BY(mutex_);
  // A claim is filled within microseconds, if not by a thread that is held up.
  std::chrono::milliseconds settle_timeout_ ABSL_GUARDED_BY(mutex_){1000};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_DIRECTORY_LEASE_H_
