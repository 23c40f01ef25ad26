#ifndef DAYBOOK_SEGMENT_SEGMENT_SETTINGS_H_
#define DAYBOOK_SEGMENT_SEGMENT_SETTINGS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "segment/segment_steps.h"

namespace daybook::inline v1 {

using BootId = std::array<std::byte, 16>;

// What a new segment is made with.
struct SegmentSettings {
  Offset base_offset;
  std::uint64_t segment_id = 0;  // random
  std::uint32_t leader_epoch = 0;
  std::uint64_t capacity = 0;  // bytes, the header included
  std::uint32_t max_frame_bytes = 0;
  Timestamp created;
  BootId boot{};
  // All segments below it are sealed, have no open claims, and checkpoints that say so.
  Offset settled_before{};
  // Bytes of frames that it has room for from the beginning, and at least a page of them.
  std::uint64_t first_bytes = 0;
  // Bring pages into memory ahead of the appends. That makes them in large pieces, which a sync
  // then writes as a whole: not for a segment that is synced all the time.
  bool page_in = true;
  SegmentSteps steps = {};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_SEGMENT_SETTINGS_H_
