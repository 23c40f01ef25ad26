#ifndef DAYBOOK_SEGMENT_PREPARED_FILE_H_
#define DAYBOOK_SEGMENT_PREPARED_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/system/file_system.h"
#include "segment/segment_steps.h"

namespace daybook::inline v1 {

// What is taken ahead of need is at most one part in so many of the free space. So as many
// partitions can grow at the same moment, and none of them fails: an allocation that fails takes
// all that is free before it gives it back, and to all others the disk is full meanwhile.
inline constexpr std::uint64_t kShareAhead = 8;

// The name of the file that PrepareFile makes.
inline constexpr std::string_view kPreparedFile = "next.tmp";

// A file that waits to become a segment.
struct PreparedFile {
  std::unique_ptr<File> file;
  std::unique_ptr<MappedFile> map;
  std::uint64_t file_bytes = 0;  // it has blocks so far
  std::uint64_t paged_in = 0;    // and pages in memory
  std::string name = {};         // that it has so far
};

// What a new file is made with.
struct NewFile {
  std::string name;
  std::uint64_t bytes = 0;     // it gets blocks
  std::uint64_t capacity = 0;  // it is mapped
  // The file may take one part in so many of the free space; 0: that is not looked at.
  std::uint64_t share = 0;
  bool page_in = false;
  bool maps = false;  // these pages, too
  SegmentSteps steps = {};
};

// Makes the file, with real blocks, and maps it. On an error nothing is left. ResourceExhausted:
// the disk is full, or would be too nearly.
absl::StatusOr<PreparedFile> MakeFile(Directory& directory, const NewFile& wanted);

// What the file of a later segment is made with.
struct PrepareOptions {
  std::uint64_t bytes = 0;  // it gets blocks
  std::uint64_t capacity = 0;
  bool page_in = false;
  bool maps = false;  // these pages, too
  // Made as a reserve: it may take all of the free space, and not only a small part of it.
  bool is_reserve = false;
  SegmentSteps steps = {};
};

// Makes the file of a later segment, under a name of its own, with blocks for its first `bytes`.
// One for each directory; Segment::Create takes it over, and RemovePreparedFile removes what is
// left. ResourceExhausted: there is too little space for what is made ahead of need.
absl::StatusOr<PreparedFile> PrepareFile(Directory& directory, const PrepareOptions& options);
void RemovePreparedFile(Directory& directory);

// How much of the free space may be taken by that share.
std::uint64_t MayTake(File& file, std::uint64_t share);
// Brings the next pages from `*paged_in` on into memory, at most up to `end`; false when that
// cannot be done.
bool PageInStep(File& file, std::uint64_t size, std::uint64_t end, std::uint64_t* paged_in);
// Maps pages that are in memory, to be written; nothing is appended there meanwhile. Where a reader
// comes first, who waits for what is appended next, it maps a page to be read, and the append has
// to wait for a second fault.
void MapPages(MappedFile& map, std::uint64_t begin, std::uint64_t end);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_PREPARED_FILE_H_
