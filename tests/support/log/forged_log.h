#ifndef DAYBOOK_SUPPORT_LOG_FORGED_LOG_H_
#define DAYBOOK_SUPPORT_LOG_FORGED_LOG_H_

#include <initializer_list>
#include <optional>
#include <vector>

#include "catch.h"
#include "format/frame_codec.h"
#include "format/scan.h"
#include "format/segment_header.h"
#include "support/log_fixture.h"

namespace daybook {

// Writes records of the values "c", "d" and so on into a closed log's first segment, at position
// `at` or right behind the last one, by hand and with the offsets that are asked for: no crash
// leaves such frames. Returns the position of the first one.
inline std::uint64_t Forge(LogFixture& log, std::optional<std::uint64_t> at,
                           std::initializer_list<std::uint32_t> deltas) {
  const auto file = (*log.root().OpenDirectory("orders-0"))
                        ->OpenFile("00000000000000000000.log", FileMode::kReadWrite);
  REQUIRE(file.ok());
  std::vector<std::byte> bytes((*file)->Size().value());
  REQUIRE((*file)->ReadAt(0, bytes).ok());
  const frame::SegmentHeader header = frame::DecodeSegmentHeader(bytes).value();
  const frame::ScanResult scan = frame::Scan(
      {.bytes = bytes, .segment_id = header.segment_id, .max_frame_bytes = header.max_frame_bytes},
      {});
  const frame::RecordLayout layout = frame::LayoutOf(
      {.key = {}, .headers = {}, .event_time = {}, .value_bytes = 1, .tombstone = false});
  const std::uint64_t first = at.value_or(scan.end_position);
  std::uint64_t position = first;
  char value = 'c';
  for (const std::uint32_t delta : deltas) {
    *frame::FillRecord(&bytes[position], layout, {}, Timestamp(), delta) =
        static_cast<std::byte>(value++);
    frame::FinishFrame(&bytes[position], frame::LengthWord(frame::Kind::kRecord, layout.length),
                       position, header.segment_id);
    position += frame::AlignedLength(layout.length);
  }
  REQUIRE((*file)->WriteAt(0, bytes).ok());
  REQUIRE((*file)->Sync().ok());
  return first;
}
inline std::uint64_t AppendForged(LogFixture& log, std::initializer_list<std::uint32_t> deltas) {
  return Forge(log, std::nullopt, deltas);
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_LOG_FORGED_LOG_H_
