#ifndef DAYBOOK_LOG_CHECK_VERIFY_H_
#define DAYBOOK_LOG_CHECK_VERIFY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/format/frame.h"
#include "daybook/offset.h"
#include "daybook/system/file_system.h"
#include "format/scan.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// Reading a partition's files as they are, without opening it: for `verify`, `dump` and repairs.
// Nothing is changed, no lock is taken, and another process may be writing.

struct VerifyIssue {
  std::string file;  // name, without directories
  std::uint64_t begin_position = 0;
  std::uint64_t end_position = 0;
  // The offsets that cannot be read; absent when none are known to be missing.
  std::optional<Offset> begin_offset;
  std::optional<Offset> end_offset;
  std::string cause;
  // False for what a kill or a power cut leaves, and the next open for writing puts right; and for
  // what costs nothing: files that are not ours, an index that is made anew.
  bool is_damage = true;
};

// What its header page says of a segment.
enum class HeaderState {
  kWhole,
  kRestored,      // it is damaged, and `header` is what can be had back of it
  kUnreadable,    // it is damaged, and the frames cannot be told from other bytes without it
  kUnwritten,     // all zero, or too short for one: the file never reached the disk
  kOtherVersion,  // whole, and of a format version that this library does not read
  kNoFile,        // a link, a FIFO or the like stands in its place
};

// A place at which a segment can be cut: between two frames.
struct FramePlace {
  std::uint64_t position = 0;
  Offset offset;
};

struct SegmentSummary {
  std::string file;
  Offset name_base;  // the base offset that the name says
  std::uint64_t file_bytes = 0;
  HeaderState header_state = HeaderState::kWhole;
  frame::SegmentHeader header{};
  frame::CheckpointSlot checkpoint{};
  frame::ScanResult scan;
  Offset end_offset;
  std::int64_t records = 0;
  std::uint64_t frame_bytes = 0;
  std::uint64_t padding_bytes = 0;
  bool is_sealed = false;
  std::int64_t damages = 0;           // places in the file
  bool has_bad_index = false;         // damaged, or it says something else than the frames
  std::optional<FramePlace> overlap;  // from there on the next segment holds the same offsets

  bool is_damaged() const { return damages != 0; }
  bool is_readable() const {
    return header_state == HeaderState::kWhole || header_state == HeaderState::kRestored;
  }
  // Where it belongs, whatever its name says.
  Offset base() const { return is_readable() ? Offset(header.base_offset) : name_base; }
};

struct PartitionVerification {
  std::string directory;
  std::vector<SegmentSummary> segments;    // by the offset in their names
  std::vector<SegmentSummary> unfinished;  // copies that a repair has made and not put in place
  std::vector<VerifyIssue> issues;
  // The first offset of those that need it, of each of the topic's dictionaries.
  std::map<std::uint32_t, Offset> dictionaries;

  bool has_damage() const {
    for (const VerifyIssue& issue : issues) {
      if (issue.is_damage) return true;
    }
    return false;
  }
};

// One valid frame, for a dump. `frame` is readable as long as the call lasts.
struct DumpedFrame {
  const SegmentSummary* segment = nullptr;  // counts what came before this frame
  std::uint64_t position = 0;
  frame::FrameHeader header{};
  const std::byte* frame = nullptr;
};
using DumpVisitor = std::function<void(const DumpedFrame&)>;

// The copy of a segment that a repair makes is named so until it is whole and durable.
inline constexpr std::string_view kRepairSuffix = ".log.repair";

// Checks every byte of every segment of `directory`, a partition's, and that they follow upon one
// another. Damage is an issue, not an error; errors are those of the file system.
absl::StatusOr<PartitionVerification> VerifyPartition(Directory& directory, const BootId& boot,
                                                      const DumpVisitor& visitor = nullptr);

// The partitions' directories below a data directory, internal topics included, by name.
absl::StatusOr<std::vector<std::string>> ListPartitionDirectories(Directory& root);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_CHECK_VERIFY_H_
