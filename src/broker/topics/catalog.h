#ifndef DAYBOOK_BROKER_TOPICS_CATALOG_H_
#define DAYBOOK_BROKER_TOPICS_CATALOG_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_count.h"
#include "base/mutex.h"
#include "broker/topics/topic_cache.h"
#include "broker/topics/topic_state.h"
#include "daybook/topic.h"

namespace daybook::inline v1 {

// The topics of a data directory. Each has a file <topic>.topic with its settings, and is there if
// and only if that file is: it is written whole and renamed into place. A deletion begins with
// renaming it to <topic>.gone, and what a crash leaves of it is finished at the next open. The
// partitions' directories, <topic>-<partition>, are made when they are first appended to.
//
// Thread-safe. One topic is made, changed or deleted at a time; meanwhile the others are found, as
// no lock that a look-up needs is held over the disk's work.
class Catalog {
 public:
  // `context` and `counters` must outlive the catalog.
  Catalog(const LogContext& context, RecoveryCounters& counters);

  // For writing: reads all topics, and finishes deletions. For reading only: nothing, since
  // another process may add topics at any time, so each is looked up when it is asked for.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mutex_);

  // FailedPrecondition, from then on, of all that follows. Waits for the change that is under way.
  // Gives up the topics, and answers them.
  std::vector<std::shared_ptr<TopicState>> Close(const absl::Status& reason)
      ABSL_LOCKS_EXCLUDED(change_mutex_, mutex_);
  bool is_closed() const { return is_closed_.load(std::memory_order_acquire); }
  // OK while it is open.
  absl::Status Check() ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<Topic> Create(std::string_view name, const TopicOptions& options)
      ABSL_LOCKS_EXCLUDED(change_mutex_, mutex_);
  absl::StatusOr<Topic> Find(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_) {
    if (auto known = FindKnown(name)) return Topic(std::move(known));
    return FindAnew(name);
  }
  // For writing: what this thread has found before, if it is still so; or null.
  std::shared_ptr<TopicState> FindKnown(std::string_view name) {
    if (context_.is_read_only || is_closed()) return nullptr;
    const TopicCache* const cache = TopicCache::OfThread();
    return cache == nullptr ? nullptr : cache->Find(version(), name);
  }
  // `was_removed` is set when the topic is gone, also if what it leaves could not be removed.
  absl::Status Delete(std::string_view name, bool* was_removed)
      ABSL_LOCKS_EXCLUDED(change_mutex_, mutex_);
  // The topic has `total` partitions from now on; its logs are shared with the handles of before.
  absl::Status CreatePartitions(std::string_view name, int total)
      ABSL_LOCKS_EXCLUDED(change_mutex_, mutex_);

  // The topic has these settings from now on; see Admin::AlterTopic.
  absl::Status Alter(std::string_view name, const TopicOptions& options)
      ABSL_LOCKS_EXCLUDED(change_mutex_, mutex_);

  // For reading only, to be called after topics may have changed: those of which there is a handle
  // are as their files say now. Readers of one that was deleted are told so from now on, also if it
  // was made again: whoever asks for it by its name then gets the new one.
  void Recheck() ABSL_LOCKS_EXCLUDED(mutex_);

  // For reading only: from now on a topic that is not known yet, but for internal ones, is not
  // found until somebody has published it.
  void HoldBackNew() { holds_back_new_.store(true, std::memory_order_relaxed); }
  // What is known, or would be known when it is published.
  absl::StatusOr<std::shared_ptr<TopicState>> Peek(const std::string& name)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Publish(std::shared_ptr<TopicState> topic) ABSL_LOCKS_EXCLUDED(mutex_);

  // Changes with the topics and their partitions, when that is done; of a directory that another
  // process writes, when Recheck has noticed.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // Notified when it has.
  WaitList& changed() { return changed_; }
  // Those of another process are there for that one alone.
  bool has_memory_topics() const { return !context_.is_read_only; }
  // Those that are known.
  std::vector<std::shared_ptr<TopicState>> All() ABSL_LOCKS_EXCLUDED(mutex_);
  // How many partitions each topic has that is open and can be read; internal ones included.
  std::map<std::string, int> PartitionCounts() ABSL_LOCKS_EXCLUDED(mutex_);
  // Internal ones included.
  absl::StatusOr<std::vector<std::string>> Names() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Settings {
    TopicOptions options;
    TopicOrigin origin;
  };
  absl::StatusOr<Settings> ReadSettings(const std::string& name);
  absl::StatusOr<std::shared_ptr<TopicState>> Read(const std::string& name);
  // Gives a topic the options that `edit` makes of those that it has, if that is OK.
  template <typename Edit>
  absl::Status Change(std::string_view name, Edit edit) ABSL_LOCKS_EXCLUDED(change_mutex_, mutex_);
  absl::Status Write(std::string_view name, const TopicOptions& options, const TopicOrigin& origin)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // Null when there is none; an error when it is closed.
  absl::StatusOr<std::shared_ptr<TopicState>> Get(std::string_view name)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Put(const std::string& name, std::shared_ptr<TopicState> state) ABSL_LOCKS_EXCLUDED(mutex_);
  // What no catalog of the process has been yet: what was looked up in one is unknown in others.
  static std::uint64_t NewVersion() {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  void NoteChange() {
    version_.store(NewVersion(), std::memory_order_release);
    changed_.NotifyIfAny();
  }
  absl::StatusOr<Topic> FindAnew(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<std::string>> ListFiles(std::string_view suffix);
  // Removes the partitions' directories of a topic that is gone, and then its <topic>.gone.
  absl::Status FinishDelete(const std::string& name);
  absl::Status NoSuchTopic(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);

  const LogContext& context_;
  RecoveryCounters& counters_;
  std::atomic<std::uint64_t> version_{NewVersion()};
  std::atomic<bool> is_closed_{false};
  std::atomic<bool> holds_back_new_{false};
  // Held while a topic is made, changed or deleted.
  Mutex change_mutex_ ABSL_ACQUIRED_BEFORE(mutex_){LockOrder::kCatalogChange};
  WaitList changed_;
  Mutex mutex_{LockOrder::kCatalog};
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<TopicState>, std::less<>> topics_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TOPICS_CATALOG_H_
