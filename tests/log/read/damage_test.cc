#include "log/read/damage.h"

#include "absl/strings/cord.h"
#include "catch.h"

namespace daybook {

TEST_CASE("The range of damage goes with the status and comes back") {
  const DamagedRange range{
      .topic = "orders", .partition = 3, .begin_offset = Offset(7), .end_offset = Offset(9)};
  const absl::Status status = DamageError(range, "damage");
  CHECK(absl::IsDataLoss(status));
  CHECK(DamageOf(status) == range);
}

TEST_CASE("Other errors, and payloads that say nothing, have no range") {
  CHECK_FALSE(DamageOf(absl::OkStatus()).has_value());
  CHECK_FALSE(DamageOf(absl::DataLossError("the disk failed")).has_value());
  for (const std::string text :
       {"", "\n\n\n", "t\n0\nx\n1", "t\n0\n1", "t\n0\n1\n2", "t\n0\n1\n2\n3"}) {
    absl::Status status = absl::DataLossError("damage");
    status.SetPayload("daybook/damaged-range", absl::Cord(text));
    CHECK_FALSE(DamageOf(status).has_value());
  }
}

}  // namespace daybook
