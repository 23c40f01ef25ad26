#include <memory>
#include <string>
#include <vector>

#include "catch.h"
#include "daybook/simulated_file_system.h"
#include "segment/segment.h"
#include "support/segment_fixture.h"

namespace daybook {

TEST_CASE("A sealed segment ends where it was sealed and is durable after a sync") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const ClaimWord end = fixture.segment->CommittedEnd();
  fixture.segment->StartClosing();
  fixture.segment->Seal(end, Timestamp());
  REQUIRE(fixture.segment->Tidy(*fixture.directory).ok());
  CHECK(fixture.segment->sealed_end() == end);
  CHECK(fixture.segment->CommittedEnd() == end);
  CHECK_FALSE(fixture.segment->is_durable());
  REQUIRE(fixture.segment->Sync(*fixture.directory, end, fixture.disk.BootId()).ok());
  CHECK(fixture.segment->is_durable());
  CHECK(fixture.segment->durable_end() == Offset(101));
}

TEST_CASE("After a sync that failed the next one writes what is not durable again, and no more") {
  SegmentFixture fixture;
  using Operation = SimulatedFileSystem::Operation;
  std::vector<Operation> operations;
  bool fails = true;
  fixture.disk.SetHook([&](Operation operation, const std::string&) {
    operations.push_back(operation);
    return fails && operation == Operation::kSync ? absl::DataLossError("the disk is broken")
                                                  : absl::OkStatus();
  });
  const auto sync = [&] {
    operations.clear();
    return fixture.segment->Sync(*fixture.directory, fixture.segment->CommittedEnd(),
                                 fixture.disk.BootId());
  };
  REQUIRE(fixture.Write(100));
  CHECK(absl::IsDataLoss(sync()));
  CHECK(operations == std::vector<Operation>{Operation::kSync});
  fails = false;
  CHECK(sync().ok());
  CHECK(operations == std::vector<Operation>{Operation::kWrite, Operation::kSync});
  CHECK(sync().ok());
  CHECK(operations == std::vector<Operation>{Operation::kSync});
}

}  // namespace daybook
