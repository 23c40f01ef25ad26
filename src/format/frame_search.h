#ifndef DAYBOOK_FORMAT_FRAME_SEARCH_H_
#define DAYBOOK_FORMAT_FRAME_SEARCH_H_

#include <cstdint>
#include <limits>
#include <optional>

#include "format/frame_codec.h"

// Finding the way past what is not a frame. A payload can look like anything, so nothing is
// believed without its checksum; but hashing whatever looks like the head of a frame is quadratic
// in the worst case. What is most likely a frame is hashed first, then, and there is a bound on how
// much is hashed. "The bound was reached" is an answer of its own: nobody may take it for "nothing
// follows".

namespace daybook::inline v1::frame {

// Where to begin.
struct ScanFrom {
  std::uint64_t position = kSegmentHeaderBytes;
  std::uint32_t delta = 0;  // no frame there has a lower one
};

struct FoundFrame {
  std::uint64_t position = 0;
  FrameHeader header{};
};

// The next whole frame; or none, or it is not known.
class SearchResult {
 public:
  static SearchResult Nothing() { return SearchResult(); }
  static SearchResult Unknown() {
    SearchResult result;
    result.is_unknown_ = true;
    return result;
  }
  SearchResult() = default;
  SearchResult(const FoundFrame& frame) : frame_(frame) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return frame_.has_value(); }
  const FoundFrame& operator*() const { return *frame_; }
  const FoundFrame* operator->() const { return &*frame_; }
  // The search ended by its bound: there may be frames.
  bool is_unknown() const { return is_unknown_; }

  // Of a frame that was found: what lies before it is open claims and nothing else.
  bool is_behind_open_claims = false;
  // ... the search for others before it ended by its bound.
  bool may_have_passed_some = false;

 private:
  std::optional<FoundFrame> frame_;
  bool is_unknown_ = false;
};

struct SearchOptions {
  // How many bytes may be hashed, in all calls, for each byte of the segment.
  std::uint64_t hashed_per_byte = 64;
  // Whether claim marks say all (see FollowClaims): zeros behind the last one are the end then.
  bool trusts_marks = false;
  // No frame reaches beyond this offset, less the base offset.
  std::uint32_t end_delta = std::numeric_limits<std::uint32_t>::max();
};

// For repairs, which may take their time: 64 MiB take a minute at the most.
inline constexpr std::uint64_t kHashedPerByteOfRepair = 4096;

// Searches in one segment. Looks at each byte a few times at the most.
class FrameSearch {
 public:
  explicit FrameSearch(const SegmentBytes& segment, const SearchOptions& options = {});

  // The first whole frame at or after `from.position` (a multiple of 8) with an offset that is not
  // below `from.delta`.
  SearchResult FindFrom(ScanFrom from);
  // The same behind a place where there should be a frame and is none. `known_position`: where one
  // begins that is further on, if that is known; it need not be true.
  SearchResult FindNextFrame(ScanFrom damage, std::optional<std::uint64_t> known_position = {});

  std::uint64_t hashed_bytes() const { return hashed_; }

 private:
  enum class Likelihood { kSucceeded, kAny };

  std::uint32_t WordAt(std::uint64_t position) const {
    return AcquireLengthWord(segment_.bytes.data() + position);
  }
  bool HasHead(std::uint64_t position) const {
    return position + kFrameHeaderBytes <= segment_.bytes.size();
  }
  // What costs little: whether a head could stand there, of a frame within the bounds.
  bool IsPlausible(std::uint64_t position, std::uint32_t length_word, FrameHeader* header) const;
  // Whether what stands behind such a frame is the head of the next one, or a marked claim.
  bool IsSucceeded(std::uint64_t position, const FrameHeader& header) const;
  // Nothing when that would be more than may be hashed.
  std::optional<bool> IsWhole(std::uint64_t position, const FrameHeader& header);
  std::optional<FoundFrame> WholeAt(std::uint64_t position, std::uint32_t least_delta);

  // The frame that a damaged one leads to: by its length, or that with one bit flipped back.
  std::optional<FoundFrame> FollowDamaged(ScanFrom damage, bool* is_certain);
  // The first whole frame in [from.position, end), before `next` if there is one.
  SearchResult Search(ScanFrom from, const std::optional<FoundFrame>& next);
  SearchResult Pass(ScanFrom from, const std::optional<FoundFrame>& next, Likelihood likelihood);

  const SegmentBytes segment_;
  const SearchOptions options_;
  std::uint64_t may_hash_;
  std::uint64_t hashed_ = 0;
  std::optional<FoundFrame> ahead_;  // found by an earlier call, behind what it returned
};

// One search alone.
SearchResult FindFrame(const SegmentBytes& segment, ScanFrom from,
                       const SearchOptions& options = {});

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_FRAME_SEARCH_H_
