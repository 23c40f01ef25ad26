#include <memory>
#include <string>
#include <vector>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"
#include "segment/segment.h"
#include "support/segment_fixture.h"

namespace daybook {

TEST_CASE("A sealed segment ends where it was sealed and is durable after a sync") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const ClaimWord end = fixture.segment->CommittedEnd();
  fixture.segment->file().StartClosing();
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

TEST_CASE("A seal whose sync failed is written again before it is noted to be durable") {
  using Operation = SimulatedFileSystem::Operation;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    SegmentFixture fixture;
    REQUIRE(fixture.segment->Extend(8192).ok());
    REQUIRE(fixture.Write(4096 - frame::kFrameHeaderBytes));
    const ClaimWord end = fixture.segment->CommittedEnd();
    REQUIRE(PositionOf(end) % 4096 == 0);  // the seal has a page of its own
    const auto sync = [&] {
      return fixture.segment->Sync(*fixture.directory, end, fixture.disk.BootId());
    };
    fixture.disk.SetHook([](Operation operation, const std::string&) {
      return operation == Operation::kSync ? absl::DataLossError("the disk is broken")
                                           : absl::OkStatus();
    });
    fixture.segment->file().StartClosing();
    fixture.segment->Seal(end, Timestamp());
    CHECK(absl::IsDataLoss(sync()));
    fixture.disk.SetHook(nullptr);
    REQUIRE(sync().ok());
    REQUIRE(fixture.directory->Sync().ok());
    REQUIRE(fixture.disk.OpenDirectory("/", DirectoryMode::kCreateIfMissing).value()->Sync().ok());
    REQUIRE(fixture.segment->is_durable());
    const auto left = fixture.disk.CutPower(seed);
    const auto directory = left->OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();
    const auto found =
        Segment::Open(*directory, PartitionName("t", 0), Offset(100), MapAccess::kReadWrite)
            .value();
    frame::FrameHeader header;
    REQUIRE(found->ReadFrame(PositionOf(end), &header) == frame::FrameState::kValid);
    CHECK(frame::KindOf(header.length_word) == frame::Kind::kSeal);
  }
}

}  // namespace daybook
