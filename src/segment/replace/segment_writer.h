#ifndef DAYBOOK_SEGMENT_REPLACE_SEGMENT_WRITER_H_
#define DAYBOOK_SEGMENT_REPLACE_SEGMENT_WRITER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/format/frame.h"
#include "daybook/system/file_system.h"
#include "segment/segment_settings.h"

namespace daybook::inline v1 {

struct SegmentWriterSettings {
  std::string file;  // its name in the directory
  Offset base_offset;
  std::uint64_t segment_id = 0;  // random
  std::uint32_t leader_epoch = 0;
  std::uint32_t max_frame_bytes = 0;
  Timestamp created;
  BootId boot{};
};

// Writes a whole segment from frames that there are, in the order of their offsets, to a file that
// no log looks at: what is to take the place of other segments. Offsets that are left out become
// padding, so that they are missed by nobody. One thread. A file that was not finished is removed.
class SegmentWriter {
 public:
  // AlreadyExists: there is a file of that name.
  static absl::StatusOr<std::unique_ptr<SegmentWriter>> Create(
      Directory& directory, const SegmentWriterSettings& settings);
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  // Adds a copy of a frame that holds records, which begin at `offset`.
  //   InvalidArgument  it begins before the end of the one before, or is longer than frames may be
  //   OutOfRange       the segment cannot hold that offset, or so many bytes
  absl::Status Add(std::span<const std::byte> frame, Offset offset);
  // Seals it with `end` one past its last offset, and makes the file durable, but not its name.
  // Nothing can be added then.
  absl::Status Finish(Offset end, Timestamp sealed);

  // Of the whole file, so far.
  std::uint64_t bytes() const { return position_; }

 private:
  SegmentWriter(Directory& directory, const SegmentWriterSettings& settings,
                std::unique_ptr<File> file)
      : directory_(directory), settings_(settings), file_(std::move(file)) {}

  // Room for a frame of that many bytes, at the end.
  absl::StatusOr<std::byte*> Take(std::uint32_t length);
  absl::Status PadTo(Offset offset);
  absl::Status Flush();
  absl::Status WriteHeaderPage(Offset end);

  Directory& directory_;
  const SegmentWriterSettings settings_;
  const std::unique_ptr<File> file_;
  std::vector<std::byte> buffer_;  // of frames that are not in the file yet
  std::uint64_t position_ = frame::kSegmentHeaderBytes;
  std::uint64_t next_delta_ = 0;
  bool is_finished_ = false;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_REPLACE_SEGMENT_WRITER_H_
