#include "base/sweep_threshold.h"

#include "catch.h"

namespace daybook {

TEST_CASE("A table is swept when it has doubled, and not while it is small") {
  SweepThreshold sweep(8);
  CHECK_FALSE(sweep.IsDue(7));
  CHECK(sweep.IsDue(8));
  sweep.Swept(6);
  CHECK_FALSE(sweep.IsDue(11));
  CHECK(sweep.IsDue(12));
  sweep.Swept(1);
  CHECK_FALSE(sweep.IsDue(7));
  CHECK(sweep.IsDue(8));
}

}  // namespace daybook
