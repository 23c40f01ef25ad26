#ifndef DAYBOOK_LOG_STORE_DIRECTORY_FOLLOWER_H_
#define DAYBOOK_LOG_STORE_DIRECTORY_FOLLOWER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

// Of the files that say which topics are there, and which are going.
inline constexpr std::string_view kTopicFileSuffix = ".topic";
inline constexpr std::string_view kGoneFileSuffix = ".gone";

// Keeps watch on a data directory that another process writes, for all who read it here.
//
// Records need no watching: they are in memory that both processes map. What has to be looked for
// is what names say: new segments, dropped and replaced ones, topics that come, go and grow; and
// whether the process that writes is still the same. Two system calls tell that nothing of it has
// changed, whatever the number of partitions; only where something has are files looked at.
//
//   follower.Look();
//   const auto changes = follower.changes(watched);   // before the files are looked at
//   if (changes == seen) return;                      // they are as they were
//   ... look at the files ...
//   seen = changes;
//
// Some file systems tell nothing (network file systems, overlays): there every Look counts as a
// change. Thread-safe.
class DirectoryFollower {
 public:
  // One directory below the data directory.
  class Watched {
   private:
    friend class DirectoryFollower;
    std::atomic<std::uint64_t> changes{0};
    std::atomic<bool> is_told{false};
  };

  // `root` must outlive it. `lock` is the name under which a process that writes locks `root`.
  DirectoryFollower(FileSystem& file_system, Directory& root, std::string_view lock);

  // Called, by whoever looks, after a topic was made, changed or deleted: with no lock held.
  void SetOnTopics(std::function<void()> on_topics) { on_topics_ = std::move(on_topics); }

  // What happened before the call is counted after it. Answers the topic_changes() that were then,
  // all of which the callback was told.
  std::uint64_t Look() ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on its changes are counted.
  std::shared_ptr<Watched> Watch(Directory& directory) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same as before if nothing has changed anywhere.
  std::uint64_t all_changes() const { return all_changes_.load(std::memory_order_relaxed); }
  // Never the same again once something has changed. Null: of a directory that is not there yet.
  std::uint64_t changes(const Watched* watched) const;
  // Whether they are told: if not, every Look counts as one, and whoever waits looks now and then.
  bool Tells(const Watched* watched) const {
    return watched == nullptr ? is_root_told_ : watched->is_told.load(std::memory_order_relaxed);
  }
  // Of names of topics.
  std::uint64_t topic_changes() const;

  // Whether all of them are told.
  bool is_told() const { return is_told_.load(std::memory_order_relaxed); }

  // No process has the directory open for writing now. Whoever wrote what was read before the call
  // has done all that it ever will.
  bool WriterIsGone();
  // The same of a part of the directory that whoever writes shows to be in use before it writes
  // there (FileLock::ShowInUse): it may have died, and another one not come to this part yet.
  bool WriterIsGone(std::uint64_t part);

 private:
  static constexpr std::uint64_t kRoot = 0;
  static constexpr int kIdShift = 40;

  void Drain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsLocked();

  Directory& root_;
  const std::string lock_;
  std::function<void()> on_topics_;
  bool is_root_told_ = true;  // does not change any more
  std::atomic<bool> is_told_{true};
  std::atomic<std::uint64_t> root_changes_{0};
  std::atomic<std::uint64_t> topic_changes_{0};
  std::atomic<std::uint64_t> writer_changes_{0};
  std::atomic<std::uint64_t> looks_{0};
  std::atomic<std::uint64_t> all_changes_{0};

  Mutex mutex_;
  std::unique_ptr<DirectoryWatch> watch_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Watched>> watched_ ABSL_GUARDED_BY(mutex_);  // by id, from 1 on
  bool is_locked_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t told_topics_ ABSL_GUARDED_BY(mutex_) = 0;  // of topic_changes_
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_DIRECTORY_FOLLOWER_H_
