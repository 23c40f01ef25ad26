#ifndef DAYBOOK_SUPPORT_FORGED_LOG_H_
#define DAYBOOK_SUPPORT_FORGED_LOG_H_

#include <vector>

#include "catch.h"
#include "format/frame_codec.h"
#include "format/scan.h"
#include "format/segment_header.h"
#include "support/log_fixture.h"

namespace daybook {

// Writes a record of the value "c" right behind the last one of a closed log's first segment, by
// hand and with the offset that is asked for: no crash leaves such a frame. Returns its position.
inline std::uint64_t AppendForged(LogFixture& log, std::uint32_t delta) {
  const auto file = (*log.root().OpenDirectory("orders-0"))
                        ->OpenFile("00000000000000000000.log", FileMode::kReadWrite);
  REQUIRE(file.ok());
  std::vector<std::byte> bytes((*file)->Size().value());
  REQUIRE((*file)->ReadAt(0, bytes).ok());
  const frame::SegmentHeader header = frame::DecodeSegmentHeader(bytes).value();
  const frame::ScanResult scan = frame::Scan(
      {.bytes = bytes, .segment_id = header.segment_id, .max_frame_bytes = header.max_frame_bytes},
      {});
  std::byte* const at = &bytes[scan.end_position];
  const frame::RecordLayout layout = frame::LayoutOf(
      {.key = {}, .headers = {}, .event_time = {}, .value_bytes = 1, .tombstone = false});
  *frame::FillRecord(at, layout, {}, Timestamp(), delta) = std::byte{'c'};
  frame::FinishFrame(at, frame::LengthWord(frame::Kind::kRecord, layout.length), scan.end_position,
                     header.segment_id);
  REQUIRE((*file)->WriteAt(0, bytes).ok());
  REQUIRE((*file)->Sync().ok());
  return scan.end_position;
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_FORGED_LOG_H_
