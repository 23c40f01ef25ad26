#ifndef DAYBOOK_LOG_APPEND_READ_MARK_H_
#define DAYBOOK_LOG_APPEND_READ_MARK_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "daybook/offset.h"

namespace daybook::inline v1 {

class MemoryRing;
class SegmentList;

// Keeps what is at or after an offset from being dropped where memory is short. Any thread.
class ReadMark {
 public:
  // `log`: what `ring` and `segments` are parts of.
  ReadMark(std::shared_ptr<const void> log, MemoryRing& ring, SegmentList& segments, Offset offset);
  ~ReadMark();
  ReadMark(const ReadMark&) = delete;
  ReadMark& operator=(const ReadMark&) = delete;

  void Move(Offset offset);
  Offset offset() const { return Offset(offset_.load()); }

 private:
  const std::shared_ptr<const void> log_;
  MemoryRing& ring_;
  SegmentList& segments_;
  std::atomic<std::int64_t> offset_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_READ_MARK_H_
