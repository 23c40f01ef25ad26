#ifndef DAYBOOK_FUZZ_SEGMENT_INPUT_H_
#define DAYBOOK_FUZZ_SEGMENT_INPUT_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "daybook/format/frame.h"
#include "daybook/record_batch.h"
#include "format/compression.h"
#include "fuzz/fuzz_target.h"

namespace daybook::fuzz {

// The input of the target `segment` is what stands behind the header page.
inline constexpr std::uint64_t kSegmentId = 0x1122'3344'5566'7788;
inline constexpr Offset kBase{1000};
using frame::kSegmentHeaderBytes;

// The dictionary of the target `batch`.
const Dictionary& KnownDictionary();

inline std::vector<std::byte> SegmentOf(Input input) {
  std::vector<std::byte> bytes(kSegmentHeaderBytes + input.size());
  if (!input.empty()) {
    std::memcpy(bytes.data() + kSegmentHeaderBytes, input.data(), input.size());
  }
  return bytes;
}

// Looks at every byte of every record, and expects that there are `count`, one for each offset.
inline void ReadAll(const RecordBatch& batch, std::uint64_t count) {
  std::uint64_t seen = 0;
  std::uint64_t sum = 0;  // so that the bytes are really read
  Offset next = batch.begin_offset();
  const auto add = [&sum](std::string_view text) {
    for (const char c : text) sum += static_cast<unsigned char>(c);
  };
  for (const RecordView& record : batch) {
    Expect(record.offset == next, "a batch leaves out an offset");
    next = record.offset + 1;
    add(record.value);
    add(record.key.value_or(""));
    for (const Header& header : record.headers) {
      add(header.name);
      add(header.value.value_or(""));
    }
    Expect(!record.is_tombstone() || record.value.empty(), "a tombstone has a value");
    ++seen;
  }
  Expect(seen == count && next == batch.next_offset(), "a batch ends before its end");
  Expect(batch.Backwards().size() == count && sum != ~std::uint64_t{0}, "backwards it has others");
}

}  // namespace daybook::fuzz

#endif  // DAYBOOK_FUZZ_SEGMENT_INPUT_H_
