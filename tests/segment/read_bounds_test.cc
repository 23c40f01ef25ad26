#include "segment/read_bounds.h"

#include "catch.h"

namespace daybook {

TEST_CASE("A segment has no seal until it is told, and none again once it is recycled") {
  ReadBounds bounds;
  CHECK_FALSE(bounds.sealed_end());
  bounds.SetSealedEnd(kFirstFrame);
  CHECK(bounds.sealed_end() == kFirstFrame);
  bounds.ForgetSeal();
  CHECK_FALSE(bounds.sealed_end());
}

TEST_CASE("Holes and claims of the dead end where they were seen to end furthest") {
  ReadBounds bounds;
  CHECK_FALSE(bounds.IsHole(0));
  CHECK_FALSE(bounds.IsDead(0));
  bounds.RaiseHoleEnd(5000);
  bounds.RaiseHoleEnd(4500);
  bounds.RaiseDeadEnd(6000);
  bounds.RaiseDeadEnd(5500);
  CHECK(bounds.IsHole(4999));
  CHECK_FALSE(bounds.IsHole(5000));
  CHECK(bounds.IsDead(5999));
  CHECK_FALSE(bounds.IsDead(6000));
}

TEST_CASE("Nothing is verified at first, and of memory everything is trusted") {
  ReadBounds bounds;
  CHECK(bounds.verified_end() == frame::kSegmentHeaderBytes);
  bounds.TrustAll();
  CHECK(bounds.verified_end() > frame::kMaxFrameBytes);
}

}  // namespace daybook
