#ifndef DAYBOOK_SEGMENT_INDEX_TIME_INDEX_H_
#define DAYBOOK_SEGMENT_INDEX_TIME_INDEX_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "daybook/format/frame.h"
#include "segment/claim_word.h"

namespace daybook::inline v1 {

// What is known of the timestamps of a whole segment.
struct TimeSummary {
  bool has_own = false;  // some records have a time that is not the one of their append
  // None is later, in nanoseconds.
  std::int64_t latest = std::numeric_limits<std::int64_t>::min();
};

// The largest timestamp of each 16 KiB of a segment, of the frames that begin there: times may come
// in any order, and what is not searched is what has none that is late enough. Not thread-safe.
//
// It is a hint in one direction alone: a time that is too late costs a look at frames, but one that
// is too early hides records. So it is built by walking over all frames, and its file says for
// which segment it is whole.
//
// File (behind the slots in an index file): for each part that has frames, 8 the place of its first
// frame as a claim word, 8 its largest timestamp; then magic "DAYBOOKT", 8 segment_id, 8 a time
// that none is later than, 8 number of parts (0: no record has a time of its own), 8 hash of the
// parts, 8 hash of the 40 bytes before it; all little-endian.
class TimeIndex {
 public:
  static constexpr std::uint64_t kInterval = std::uint64_t{16} << 10;
  static constexpr std::uint64_t kFooterBytes = 48;

  // Takes in the well-formed frame at `at`, which stands at `place`. In order.
  void Note(ClaimWord place, const std::byte* at, const frame::FrameHeader& header);
  // None is later than that: of a segment where no record has a time of its own, and none is noted.
  void NoteBound(std::int64_t nanos) { summary_.latest = std::max(summary_.latest, nanos); }
  void Clear();

  const TimeSummary& summary() const { return summary_; }

  // Where to begin to look for a record of that time or later, at or after `from`: the first frame
  // of a part that has one, or `from` if it lies within such a part.
  std::optional<ClaimWord> FirstPlace(std::int64_t nanos, ClaimWord from) const;

  std::string Encode(std::uint64_t segment_id) const;
  // DataLoss when the bytes are not the index of this segment; nothing is changed then.
  absl::Status Load(std::uint64_t segment_id, std::string_view encoded);
  // The summary, from the last bytes of a file; nothing if they are not of this segment.
  static std::optional<TimeSummary> ReadSummary(std::uint64_t segment_id, std::string_view footer);

  // Whether it hides nothing that is in `truth`.
  bool Covers(const TimeIndex& truth) const;

 private:
  struct Part {
    ClaimWord first;
    std::int64_t latest;
  };

  std::vector<Part> parts_;
  TimeSummary summary_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_INDEX_TIME_INDEX_H_
