#ifndef DAYBOOK_LOG_LOG_CONTEXT_H_
#define DAYBOOK_LOG_LOG_CONTEXT_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/process_guard.h"
#include "daybook/format/frame.h"
#include "daybook/offset.h"
#include "daybook/storage.h"
#include "daybook/system/clock.h"
#include "daybook/system/file_system.h"
#include "log/read/transaction_table.h"
#include "log/store/directory_follower.h"
#include "segment/segment.h"

// What a PartitionLog is given: what it shares with the others of its broker, and its settings.

namespace daybook::inline v1 {

class OpenBatch;
class PartitionLog;

// How many descriptors and maps the partitions of a broker have, and should have. Each partition in
// use has one map, for what is appended; so has every segment that a reader or a batch is in. What
// others there are only spares work, and is bounded however many partitions there are. Thread-safe.
struct OpenLimits {
  std::int64_t files = 256;        // partitions that keep descriptors, at most two each
  std::int64_t idle_maps = 256;    // of one partition's sealed segments ...
  std::int64_t scarce_maps = 4;    // ... and while all partitions have more than
  std::int64_t many_maps = 8'192;  // this. Linux allows 65,530 maps in a process
  std::atomic<std::int64_t> files_held{0};
  std::atomic<std::int64_t> maps_held{0};
};

// What a partition asks of the threads in the background. Each may be empty: nobody does it.
struct BackgroundCalls {
  // Told, once until the next SyncDirty, that a partition has something to sync that was promised
  // at kInterval. Throws nothing, and neither do the next three: appends are in the middle of a
  // claim.
  std::function<void(PartitionLog&)> on_dirty;
  // Asked, once until the next WorkAhead, for somebody to call that.
  std::function<void(PartitionLog&)> request_work_ahead;
  // Told that a partition has begun a segment.
  std::function<void(PartitionLog&)> on_segment;
  // Told that an append found no room on the disk.
  std::function<void()> on_disk_full;
  // Called by WorkAhead between choosing what to work on and doing it, with no lock that an append
  // takes: tests let others go on there.
  std::function<void(PartitionLog&)> before_work;
};

// What all partitions of a broker share.
struct LogContext {
  Directory* root = nullptr;  // the data directory
  std::shared_ptr<OpenLimits> limits;
  Clock* clock = nullptr;
  BootId boot{};
  bool is_read_only = false;
  ProcessGuard process = {};
  std::function<std::uint64_t()> new_segment_id;  // random
  BackgroundCalls background = {};
  // What all of this is part of: topics take a share in it, so that it is there as long as their
  // handles are. Empty: it outlives them anyway.
  std::weak_ptr<void> owner = {};
  // Called, with no lock held, by an append that waits for readers, now and then: makes those go
  // that are lost. Empty: nobody can be.
  std::function<void()> drop_lost_readers;
  // In what steps files grow and are worked on ahead.
  SegmentSteps steps = {};
  // Of a directory that is open for writing: shows which partitions are. Null: nobody is shown.
  FileLock* lock = nullptr;
  // Of a directory that is open for reading only: tells what another process changes. Null: all is
  // looked for each time.
  DirectoryFollower* follower = nullptr;
  // Says which transactional batches count. Null: all of them, for tools that show what is there.
  const TransactionTable* transactions = nullptr;
};

// How much a log in memory holds.
struct MemorySettings {
  std::size_t segments = 0;  // each of LogSettings::segment_bytes
  WhenFull when_full = WhenFull::kDropOldest;
  std::chrono::nanoseconds max_block{0};  // at kBlock
};

// The settings of one partition's log; those of its topic.
struct LogSettings {
  Durability durability = Durability::kProcess;
  std::chrono::nanoseconds flush_interval{0};  // at kInterval
  std::uint64_t segment_bytes = 0;
  std::uint64_t max_record_bytes = 0;
  // Of the frame around such a record.
  std::uint32_t max_frame_bytes() const {
    return static_cast<std::uint32_t>(max_record_bytes + frame::kMaxAroundRecord);
  }
  bool is_internal = false;  // handles of users read it alone
  TimestampType timestamp_type = TimestampType::kCreateTime;
  std::optional<MemorySettings> memory = std::nullopt;  // absent: in files
  // Each segment begins with blocks for so many bytes, and the file of the next one is made ahead
  // with as many: when the disk is full, appends go on in that, and what DropBefore gives back is
  // enough for another. Where there are not so many, appends do without. At most segment_bytes.
  std::uint64_t reserve_bytes = 0;  // 0: there is none
  // With what DropBefore makes do: the file system needs some of what was given back for itself.
  std::uint64_t least_reserve_bytes() const { return reserve_bytes / 3 * 2; }
};

// Counts what recovery did, and readers with batches, over all partitions of a broker. Thread-safe.
struct RecoveryCounters {
  std::atomic<std::int64_t> partitions_opened{0};
  std::atomic<std::int64_t> bytes_scanned{0};
  std::atomic<std::int64_t> claims_padded{0};
  std::atomic<std::int64_t> torn_tail_bytes{0};
  std::atomic<std::int64_t> batches_unpacked{0};
  std::atomic<std::int64_t> entries_passed{0};  // on the way to where a part of a batch begins
};

// Where a reader stands. Cheap to copy; one thread at a time.
struct Cursor {
  Offset offset;                     // the next one to read
  std::shared_ptr<Segment> segment;  // empty until the first read
  std::uint64_t position = 0;
  std::shared_ptr<const OpenBatch> batch = nullptr;  // the one there, when it is read in parts
  // Of a follower: what had changed when it last looked for what is behind it; 0: it has not.
  std::uint64_t seen_changes = 0;
  // Of a follower: where nothing is marked, and it was looked for what is behind; 0: nowhere.
  std::uint64_t looked_behind = 0;
};

// Where the records of a transaction are. Others may have appended between its frames.
struct PreparedRecords {
  Offset first;       // of its first record
  Offset last_frame;  // of the first record of its last frame
  Offset end;         // one past its last record
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_LOG_CONTEXT_H_
