#ifndef DAYBOOK_DURABILITY_H_
#define DAYBOOK_DURABILITY_H_

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

}  // namespace daybook::inline v1

#endif  // DAYBOOK_DURABILITY_H_
