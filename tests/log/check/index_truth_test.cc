#include "log/check/index_truth.h"

#include <string>

#include "catch.h"
#include "support/segment_fixture.h"

namespace daybook {
namespace {

// All frames of a sealed segment before `end`.
void Show(Segment& segment, std::uint64_t end, IndexTruth* truth) {
  for (std::uint64_t position = frame::kSegmentHeaderBytes; position < end;) {
    frame::FrameHeader header;
    REQUIRE(segment.ReadFrame(position, &header) == frame::FrameState::kValid);
    truth->Note(position, segment.At(position), header);
    position += frame::AlignedLength(frame::LengthOf(header.length_word));
  }
}

}  // namespace

TEST_CASE("An index file is right if it says of offsets and times what the frames say") {
  SegmentFixture fixture;
  REQUIRE(fixture.segment->Extend(16 << 10, false).ok());
  for (int i = 0; i < 90; ++i) REQUIRE(fixture.Write(100));
  const std::uint64_t end = PositionOf(fixture.segment->CommittedEnd());
  fixture.segment->file().StartClosing();
  fixture.segment->Seal(fixture.segment->CommittedEnd(), Timestamp());
  const OffsetIndex& offsets = fixture.segment->index().offsets();
  const std::string index = offsets.Encode(7, *fixture.segment->sealed_end());

  IndexTruth truth(fixture.segment->header().capacity);
  CHECK(truth.FaultOf(index, 7) == "the index does not agree with the frames");
  Show(*fixture.segment, end, &truth);
  CHECK(truth.FaultOf(index, 7).empty());
  CHECK_FALSE(truth.FaultOf(index, 8).empty());
  CHECK_FALSE(truth.FaultOf(index.substr(0, index.size() - 1), 7).empty());
}

}  // namespace daybook
