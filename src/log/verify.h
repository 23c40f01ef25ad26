#ifndef DAYBOOK_LOG_VERIFY_H_
#define DAYBOOK_LOG_VERIFY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/file_system.h"
#include "daybook/frame.h"
#include "daybook/offset.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// Reading a partition's files as they are, without opening it: for `verify` and `dump`. Nothing is
// changed, no lock is taken, and another process may be writing.

struct VerifyIssue {
  std::string file;  // name, without directories
  std::uint64_t begin_position = 0;
  std::uint64_t end_position = 0;
  // The offsets that cannot be read; absent when none are known to be missing.
  std::optional<Offset> begin_offset;
  std::optional<Offset> end_offset;
  std::string cause;
  // False for what a kill or a power cut leaves, and the next open for writing puts right.
  bool is_damage = true;
};

struct SegmentSummary {
  std::string file;
  frame::SegmentHeader header{};
  Offset end_offset;
  std::int64_t records = 0;
  std::uint64_t frame_bytes = 0;
  std::uint64_t padding_bytes = 0;
  bool is_sealed = false;
};

struct PartitionVerification {
  std::string directory;
  std::vector<SegmentSummary> segments;
  std::vector<VerifyIssue> issues;

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

// Checks every byte of every segment of `directory`, a partition's. Damage is an issue, not an
// error; errors are those of the file system.
absl::StatusOr<PartitionVerification> VerifyPartition(Directory& directory, const BootId& boot,
                                                      const DumpVisitor& visitor = nullptr);

// The partitions' directories below a data directory, internal topics included, by name.
absl::StatusOr<std::vector<std::string>> ListPartitionDirectories(Directory& root);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_VERIFY_H_
