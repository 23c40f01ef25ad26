#ifndef DAYBOOK_LOG_STORE_LOG_FOLLOWER_H_
#define DAYBOOK_LOG_STORE_LOG_FOLLOWER_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "daybook/system/file_system.h"
#include "log/store/directory_follower.h"

namespace daybook::inline v1 {

// What a log that is open for reading only knows of the process that writes it. Thread-safe, but
// for Watch.
class LogFollower {
 public:
  // `directory`: null where nobody tells what has changed, and all is looked for each time; also of
  // a log that is open for writing, for which nothing of this is asked. `part`: the log's number
  // for FileLock::ShowInUse; two of them seldom share one.
  LogFollower(DirectoryFollower* directory, std::uint64_t part)
      : directory_(directory), part_(part) {}

  // When the log last listed its directory; under its lock.
  std::uint64_t listed_changes = 0;

  std::uint64_t part() const { return part_; }
  bool is_told() const { return directory_ != nullptr && directory_->Tells(watched_now_.load()); }

  // Notices changes, and topics that came and went. With no lock held.
  void Look() {
    if (directory_ != nullptr) directory_->Look();
  }
  // The log's directory is there. One caller at a time, and before it is listed.
  void Watch(Directory& directory) {
    if (directory_ == nullptr || watched_ != nullptr) return;
    watched_ = directory_->Watch(directory);
    watched_now_.store(watched_.get());
  }
  // Never 0; the same as before if all files are as they were. To be asked for before they are
  // looked at.
  std::uint64_t changes() {
    if (directory_ == nullptr) return untold_.fetch_add(1) + 1;
    return directory_->changes(watched_now_.load()) + 1;
  }
  // Whoever has written what was read before the call has done all that it ever will.
  bool WriterIsGone() const { return directory_ != nullptr && directory_->WriterIsGone(part_); }

 private:
  DirectoryFollower* const directory_;
  const std::uint64_t part_;
  std::shared_ptr<const DirectoryFollower::Watched> watched_;
  std::atomic<const DirectoryFollower::Watched*> watched_now_{nullptr};
  std::atomic<std::uint64_t> untold_{0};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_LOG_FOLLOWER_H_
