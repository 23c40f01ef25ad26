#include "format/open_claims.h"

#include <algorithm>
#include <span>

#include "base/is_zero.h"

namespace daybook::inline v1::frame {
namespace {

// The first multiple of 8 from `position` on at which 8 bytes stand that are not all zero.
std::uint64_t PassZeros(std::span<const std::byte> bytes, std::uint64_t position) {
  constexpr std::uint64_t kBlock = 256;
  while (position + kBlock <= bytes.size() && IsZero(bytes.subspan(position, kBlock))) {
    position += kBlock;
  }
  while (position < bytes.size() &&
         IsZero(bytes.subspan(position, std::min(kFrameAlignment, bytes.size() - position)))) {
    position += kFrameAlignment;
  }
  return std::min<std::uint64_t>(position, bytes.size());
}

}  // namespace

OpenClaims FollowClaims(const SegmentBytes& segment, std::uint64_t position) {
  using Next = OpenClaims::Next;
  OpenClaims result{.position = position};
  const auto finish = [&result](Next next, std::uint64_t at) {
    result.next = next;
    result.position = at;
    return result;
  };
  const std::uint64_t size = segment.bytes.size();
  for (;;) {
    const std::uint64_t begin = position;
    position = PassZeros(segment.bytes, begin);
    if (position == size) return finish(Next::kNothing, std::min(begin, size));
    if (size - position < kFrameHeaderBytes) return finish(Next::kBroken, position);
    const std::uint64_t word = AcquireFrameWord(segment.bytes.data() + position);
    if (static_cast<std::uint32_t>(word) != 0) return finish(Next::kFrame, position);
    const std::uint64_t claimed = MarkedBytes(word, position, segment.segment_id);
    if (claimed == 0 || claimed > size - position) return finish(Next::kBroken, position);
    ++result.claims;
    position += claimed;
  }
}

}  // namespace daybook::inline v1::frame
