#ifndef DAYBOOK_COORDINATION_CURSOR_SET_H_
#define DAYBOOK_COORDINATION_CURSOR_SET_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/deadline.h"
#include "base/event_count.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/topic.h"
#include "io/posix_file.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

struct GroupPartition;

// Cursors on several partitions that are read in turn, and the wait for the next record of any of
// them. What Reader and Consumer share. One thread at a time, but for Wakeup.
class CursorSet {
 public:
  struct Entry {
    Topic topic;
    int partition = 0;
    Cursor cursor;
    std::unique_ptr<ReadMark> mark = nullptr;  // moves with the cursor, if there is one
    PartitionLog::OpenBatchPtr behind = {};    // that it is in, when it is read backwards
    bool is_held = false;                      // not read now
    // What a group's member keeps of it.
    bool is_paused = false;
    bool has_place = true;   // if not, nobody knows where to begin
    bool was_moved = false;  // by a seek, perhaps to behind the end
    Offset stored{-1};       // the place that the group has, as far as we know
    // From then on it is committed again, also if it is the same.
    std::chrono::steady_clock::time_point stale_at = {};
    GroupPartition* of_group = nullptr;
    // Where the member began, or was reset to: without a place of the group, it begins here again.
    std::optional<Offset> began = {};

    void MoveTo(Offset offset);
    PartitionLog& log() const { return Access::Log(topic.partition(partition)); }
  };

  // `broker`: of the partitions. If another process writes these, nobody wakes us. Null: this one
  // does.
  explicit CursorSet(BrokerCore* broker = nullptr)
      : broker_(broker), follower_(broker == nullptr ? nullptr : broker->follower()) {}
  ~CursorSet() { Disarm(); }
  CursorSet(const CursorSet&) = delete;
  CursorSet& operator=(const CursorSet&) = delete;

  void Add(const Topic& topic, int partition, Offset offset);
  // How many were removed.
  template <typename Predicate>
  std::size_t RemoveIf(Predicate predicate) {
    Moved();
    return std::erase_if(entries_, predicate);
  }
  Entry* Find(std::string_view topic, int partition);
  std::vector<Entry>& entries() { return entries_; }

  // The next records of the next partition that has some; empty when there are none now.
  absl::StatusOr<RecordBatch> ReadNext(const ReadOptions& options);

  // The same of the records before the cursors.
  absl::StatusOr<RecordBatch> ReadPrevious(const ReadOptions& options);

  // Waits until some partition has more, `is_interrupted` holds, or the deadline. `other`, if
  // given, wakes it as well: the predicate may depend on what it announces.
  void Wait(std::chrono::steady_clock::time_point deadline, WaitList* other,
            const std::function<bool()>& is_interrupted);

  // A descriptor of eventfd(2) that becomes readable, once it is armed, when a Wait would end.
  absl::StatusOr<int> EventFd();
  // If there is one: arms it, as the last thing before there is nothing to do; `other` and
  // `is_interrupted` as for Wait.
  void Arm(WaitList* other, const std::function<bool()>& is_interrupted);
  // As the first thing afterwards: it is not readable then.
  void Disarm() {
    if (event_fd_.is_open()) [[unlikely]]
      DisarmDescriptor();
  }

  // To be called when a position moves, or partitions come or go: whoever relies on being told
  // looks again.
  void Moved();

  // Ends the Wait under way, or the next one. From any thread.
  void Wakeup();
  // Cancelled, once after each Wakeup.
  absl::Status TakeWakeup() {
    return is_woken_.load(std::memory_order_relaxed) ? TakeWakeupSlowly() : absl::OkStatus();
  }

 private:
  void DisarmDescriptor();
  absl::Status TakeWakeupSlowly();
  bool HasMore();
  // After HasMore was false: it still would be, as far as that can be told cheaply. `changes`: all
  // that the directory had seen by then.
  bool StaysQuiet(std::uint64_t changes);
  void WaitForOthers(std::chrono::steady_clock::time_point deadline,
                     const std::function<bool()>& is_interrupted);

  BrokerCore* const broker_;
  DirectoryFollower* const follower_;             // of that, if another process writes
  std::chrono::microseconds follow_interval_{0};  // longer while nothing comes
  std::vector<const std::byte*> quiet_words_;     // of all entries, while nothing comes
  std::vector<Entry> entries_;
  std::size_t next_ = 0;          // whose turn it is
  std::size_t last_records_ = 0;  // of the last read
  EventCount event_;
  Descriptor event_fd_;
  bool is_armed_ = false;
  WaitList* armed_other_ = nullptr;
  std::atomic<bool> is_woken_{false};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_CURSOR_SET_H_
