#ifndef DAYBOOK_STORAGE_H_
#define DAYBOOK_STORAGE_H_

namespace daybook::inline v1 {

// What an acknowledged record survives.
enum class Durability {
  // kill -9 of the process at any instruction: the record is in the page cache when the append
  // returns. A power cut or a kernel crash may take what the kernel had not yet written.
  kProcess,
  // That, and a power cut except for the last TopicOptions::flush_interval.
  kInterval,
  // A power cut: the acknowledgement waits for a sync of the disk, shared by all who wait.
  kDisk,
};

// Where a topic's records are.
enum class Storage {
  kFile,    // in segment files
  kMemory,  // in memory of the process, a bounded ring: gone when the broker is closed
};

// What happens when a partition of a memory topic is full. Unread is what an open Reader, or a
// group with members, still has to read or to commit; with neither, everything is.
enum class WhenFull {
  kDropOldest,  // the oldest records go; a reader that is too slow misses them, and is told
  kBlock,       // appends wait until the oldest records are read, and fail after a time
  kFail,        // appends fail while the oldest records are unread
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_STORAGE_H_
