#ifndef DAYBOOK_LOG_CHECK_INDEX_TRUTH_H_
#define DAYBOOK_LOG_CHECK_INDEX_TRUTH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "daybook/format/frame.h"
#include "segment/index/offset_index.h"
#include "segment/index/time_index.h"

namespace daybook::inline v1 {

// What the index file of a segment may say: where offsets and times are by its frames, each of
// which is shown to it once and in order. One thread at a time.
class IndexTruth {
 public:
  explicit IndexTruth(std::uint64_t capacity) : capacity_(capacity), offsets_(capacity) {}

  // A valid frame that stands at `position`.
  void Note(std::uint64_t position, const std::byte* frame, const frame::FrameHeader& header);

  // What is wrong with what stands in the file; empty: nothing is.
  std::string FaultOf(std::string_view index, std::uint64_t segment_id) const;

 private:
  const std::uint64_t capacity_;
  OffsetIndex offsets_;
  TimeIndex times_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_CHECK_INDEX_TRUTH_H_
