#ifndef DAYBOOK_REPAIR_H_
#define DAYBOOK_REPAIR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/export.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"

namespace daybook::inline v1 {

class FileSystem;

enum class RepairMode {
  kDryRun,   // says what it would do; changes nothing, and needs no right to
  kExecute,  // does it
};

struct RepairOptions {
  RepairMode mode = RepairMode::kDryRun;
  std::vector<std::string> topics = {};  // empty: all, internal ones too
  // Both must outlive the call. Null: the system's.
  FileSystem* file_system = nullptr;
  Clock* clock = nullptr;
};

// Something that was, or would be, done to one file.
struct RepairAction {
  std::string partition;  // its directory, "orders-0"; empty for a file of the data directory
  std::string file;
  std::string what;  // is done
  std::string why;
};

// Records that cannot be had back.
struct LostRecords {
  std::string topic;
  int partition = 0;
  Offset begin_offset;
  // Absent where it is not known how many there were: later records take these offsets.
  std::optional<Offset> end_offset;
  std::string file;         // that held them
  std::uint64_t bytes = 0;  // of it
  std::string cause;
};

struct RepairReport {
  std::vector<RepairAction> actions;
  std::vector<LostRecords> lost;
  // Damage that is left as it is, and why.
  std::vector<std::string> not_repaired;
  // Where the originals are of all that was changed, below the data directory; empty if nothing
  // was.
  std::string quarantine;
};

// Makes the files of a data directory whole again that are damaged, so that it can be opened, read
// and appended to. Every record that can be read stays, at its offset. The offsets of those that
// cannot be read hold nothing any more: readers pass over them without an error, since somebody has
// now been told. What a kill or a power cut leaves is not damage; the next open puts it right.
//
// The originals of all files that change are kept in quarantine/<number> below the data directory,
// with the report; no later call looks at them, and they are yours to remove. A crash or a power
// cut in the middle leaves each file as it was or as it is to be, and another call goes on from
// there. A call after one that was done changes nothing.
//
//   FailedPrecondition  a process has the directory open for writing (the message names it); or it
//                       is no data directory; or a version with another format wrote it
//   NotFound            there is no such directory, or no such topic
//   InvalidArgument     `options.mode` has no value of its type
//   ResourceExhausted   there is no room for the copies; nothing was changed
DAYBOOK_EXPORT absl::StatusOr<RepairReport> Repair(std::string_view directory,
                                                   RepairOptions options = {});

}  // namespace daybook::inline v1

#endif  // DAYBOOK_REPAIR_H_
