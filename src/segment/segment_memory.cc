#include <algorithm>
#include <utility>

#include "io/anonymous_memory.h"
#include "segment/segment.h"

// Segments in memory, which are recycled: sealed, read, and begun anew at another offset.
//
// A thread that was held up between looking for the segment to append to and claiming in it may
// claim in one that was recycled meanwhile. So segments in memory are never destroyed while the log
// lives, and such a claim is either void or as good as any other:
//   - Made before Recycle has set the claim word back, it begins beyond the limit, which is the
//   same
//     in every life of the segment: it never fits.
//   - Made after that, it is a claim of the new life. What is granted was set to nothing before, so
//     the claim holds only once the bytes under it are zero.
// A claim of before that holds keeps its segment from being recycled until it is committed, and
// whoever committed it touches the segment no more.

namespace daybook::inline v1 {
namespace {

// How far claims go without a question: bytes that were just zeroed are still in the first cache
// when they are written.
constexpr std::uint64_t kMemoryStep = std::uint64_t{16} << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<Segment>> Segment::CreateInMemory(PartitionName name,
                                                                 std::uint64_t capacity,
                                                                 std::uint32_t max_frame_bytes) {
  auto map = MapAnonymous(capacity);
  if (!map.ok()) return map.status();
  const frame::SegmentHeader header{.magic = frame::kMagic,
                                    .format_version = frame::kFormatVersion,
                                    .checksum = 0,
                                    .segment_id = 0,
                                    .base_offset = 0,
                                    .leader_epoch = 0,
                                    .max_frame_bytes = max_frame_bytes,
                                    .capacity = capacity,
                                    .created = 0,
                                    .settled_before = 0};
  std::string path = "memory of " + name.directory();
  std::unique_ptr<Segment> segment(new Segment(
      std::move(name), std::move(path),
      {.file = nullptr, .map = *std::move(map), .file_bytes = capacity, .paged_in = capacity},
      header, SegmentSteps{.largest_growth = capacity}, true));  // it never grows
  segment->bounds_.TrustAll();
  segment->index_.MarkLoaded();
  return segment;
}

void Segment::Recycle(Offset base_offset, Timestamp now) {
  gate_->SetGranted(0);
  header_.base_offset = base_offset.value();
  header_.created = now.time_since_epoch().count();
  index_.BeginAnew();
  bounds_.ForgetSeal();
  gate_->Open(highest_limit());
  zeroed_.Restart(PositionOf(kFirstFrame));
  GrantMemory(PositionOf(kFirstFrame));
}

ClaimWord Segment::CommittedEndInMemory(ClaimWord at) {
  const ClaimWord first = at;
  for (;;) {
    const std::byte* const frame = At(PositionOf(at));
    SchedulingPoint();
    const std::uint32_t length_word = frame::AcquireLengthWord(frame);
    if (length_word == 0) break;  // there are zeros behind the last frame
    const std::uint64_t bytes = frame::AlignedLength(frame::LengthOf(length_word));
    if (frame::KindOf(length_word) == frame::Kind::kRecord) [[likely]] {
      at += MakeClaimWord(1, bytes);
    } else if (frame::KindOf(length_word) == frame::Kind::kSeal) {
      break;
    } else {
      at += MakeClaimWord(frame::OffsetCount(frame::LoadFrameHeader(frame, length_word)), bytes);
    }
  }
  if (at != first) gate_->SetCommitted(at);
  return at;
}

void Segment::GrantMemory(std::uint64_t position) {
  const std::uint64_t end = std::min(highest_limit(), position + kMemoryStep);
  if (!zeroed_.Grant(file_.data(), end, *gate_)) return;
  // Appends leave no note of how far they are committed; a look now, while it is in the cache,
  // spares a long walk later.
  CommittedEnd();
}

}  // namespace daybook::inline v1
