#include <string>
#include <vector>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

using Operation = SimulatedFileSystem::Operation;

constexpr std::uint64_t kBigSegment = std::uint64_t{16} << 20;
constexpr std::size_t kBigRecord = 64 << 10;
constexpr const char* kPrepared = "next.tmp";

// A partition with segments so big that it pays to work ahead in them.
class BigLogFixture : public LogFixture {
 public:
  explicit BigLogFixture(Durability durability = Durability::kProcess)
      : LogFixture(durability, kBigSegment) {}

  void WriteMegabytes(int count) { WriteMany(16 * count, kBigRecord); }
  void WorkAhead() {
    while (log().WorkAhead()) {
    }
  }
};

}  // namespace

TEST_CASE("Nobody works ahead of a partition that is little used") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(1);
  CHECK(fixture.work_requests() == 0);
  CHECK_FALSE(fixture.log().WorkAhead());
}

TEST_CASE("A file gets its whole size ahead of the appends that need it") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(3);
  CHECK(fixture.work_requests() == 1);
  fixture.WorkAhead();
  int allocated = 0;
  fixture.disk().SetHook([&](Operation operation, const std::string&) {
    allocated += operation == Operation::kAllocate;
    return absl::OkStatus();
  });
  fixture.WriteMegabytes(9);
  CHECK(allocated == 0);
  CHECK(fixture.Values().size() == 12 * 16);
}

TEST_CASE("Where there is no room for the whole file yet, appends take what there is") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(3);
  fixture.disk().SetCapacity(8 << 20);
  fixture.WorkAhead();
  fixture.WriteMegabytes(3);
  CHECK(fixture.Values().size() == 6 * 16);
}

TEST_CASE("One that is filled asks for it, once until somebody comes") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(6);
  CHECK(fixture.work_requests() == 1);
  fixture.WorkAhead();
  fixture.WriteMegabytes(2);
  CHECK(fixture.work_requests() == 2);
}

TEST_CASE("Appends are not held up when nobody comes") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(40);
  CHECK(fixture.work_requests() == 1);
  CHECK(fixture.Segments().size() == 3);
  CHECK(fixture.Values().size() == 640);
}

TEST_CASE("The next segment's file is made in the second half of a segment, and taken over") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(6);
  fixture.WorkAhead();
  CHECK_FALSE(fixture.HasFile(kPrepared));
  fixture.WriteMegabytes(4);
  fixture.WorkAhead();
  CHECK(fixture.HasFile(kPrepared));
  CHECK(fixture.Segments().size() == 1);

  int made = 0;
  fixture.disk().SetHook([&](Operation operation, const std::string&) {
    made += operation == Operation::kCreate || operation == Operation::kAllocate;
    return absl::OkStatus();
  });
  fixture.WriteMegabytes(7);
  CHECK(made == 0);
  CHECK(fixture.Segments().size() == 2);
  CHECK_FALSE(fixture.HasFile(kPrepared));
  CHECK(fixture.Values().size() == 17 * 16);
}

TEST_CASE("Records stay what they were while pages are brought in behind them") {
  BigLogFixture fixture;
  for (int i = 0; i < 40; ++i) {
    fixture.WriteMegabytes(1);
    fixture.log().WorkAhead();
  }
  std::vector<std::string> expected;
  for (int i = 0; i < 640; ++i) {
    expected.push_back(std::to_string(i % 16));
    expected.back().resize(kBigRecord, '.');
  }
  CHECK(fixture.Values() == expected);
  fixture.Kill();
  CHECK(fixture.Values() == expected);
}

TEST_CASE("A sealed segment's index is left beside it by whoever works ahead") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(17);
  CHECK_FALSE(fixture.HasFile("00000000000000000000.index"));
  fixture.WorkAhead();
  CHECK(fixture.HasFile("00000000000000000000.index"));
}

TEST_CASE("Closing leaves nothing undone and no file that was made ahead") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(10);
  fixture.WorkAhead();
  fixture.WriteMegabytes(7);
  fixture.WriteMegabytes(10);
  fixture.WorkAhead();
  CHECK(fixture.HasFile(kPrepared));
  fixture.WriteMegabytes(7);
  fixture.CloseCleanly();
  CHECK_FALSE(fixture.HasFile(kPrepared));
  CHECK(fixture.HasFile("00000000000000000000.index"));
  CHECK(fixture.Values().size() == 34 * 16);
  CHECK_FALSE(fixture.log().WorkAhead());
}

TEST_CASE("A file made ahead that a crash left behind is removed when appends go on") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(10);
  fixture.WorkAhead();
  fixture.Kill();
  CHECK(fixture.HasFile(kPrepared));
  fixture.WriteMegabytes(1);
  CHECK_FALSE(fixture.HasFile(kPrepared));
  CHECK(fixture.Values().size() == 11 * 16);
}

TEST_CASE("A power cut after a segment was made ahead loses nothing that was durable") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BigLogFixture fixture;
    fixture.WriteMegabytes(10);
    fixture.WorkAhead();
    fixture.WriteMegabytes(7);
    fixture.Sync();
    fixture.WriteMegabytes(1);
    fixture.CutPower(seed);
    CHECK(fixture.Values().size() >= 17 * 16);
  }
}

TEST_CASE("Where there is no room for the next file, the append that needs it says so") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(10);
  fixture.disk().SetCapacity(kBigSegment + (64 << 10));
  fixture.WorkAhead();
  CHECK_FALSE(fixture.HasFile(kPrepared));
  fixture.WriteMegabytes(5);
  const std::string value(kBigRecord, 'v');
  absl::Status status;
  for (int i = 0; i < 32 && status.ok(); ++i) {
    status = fixture.log().Append(RecordOf(value), std::nullopt).status();
  }
  CHECK(absl::IsResourceExhausted(status));
}

TEST_CASE("Appends take the page faults themselves where pages cannot be brought in") {
  BigLogFixture fixture;
  fixture.disk().SetHook([](Operation operation, const std::string& path) {
    return operation == Operation::kWrite && path.ends_with(".log")
               ? absl::UnavailableError("no writes")
               : absl::OkStatus();
  });
  fixture.WriteMegabytes(17);
  fixture.WorkAhead();
  CHECK(fixture.Values().size() == 17 * 16);
}

TEST_CASE("Appends go on in a file that has room when it cannot be opened for what is ahead") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(6);
  fixture.Kill();
  fixture.WriteMegabytes(1);
  fixture.log().Close(absl::FailedPreconditionError("closed"));
  fixture.CloseCleanly();
  fixture.Write("opens it");
  fixture.disk().SetHook([](Operation operation, const std::string& path) {
    return operation == Operation::kOpen && path.ends_with(".log")
               ? absl::ResourceExhaustedError("no descriptors")
               : absl::OkStatus();
  });
  fixture.WriteMegabytes(4);
  fixture.WorkAhead();
  fixture.WriteMegabytes(2);
  fixture.disk().SetHook(nullptr);
  CHECK(fixture.Values().size() == 13 * 16 + 1);
}

TEST_CASE("A topic that is synced all the time writes no pages ahead") {
  BigLogFixture fixture(Durability::kDisk);
  int writes = 0;
  fixture.disk().SetHook([&](Operation operation, const std::string& path) {
    writes += operation == Operation::kWrite && !path.ends_with(".index");
    return absl::OkStatus();
  });
  fixture.WriteMegabytes(10);
  fixture.WorkAhead();
  fixture.WriteMegabytes(7);
  CHECK(writes == 0);
}

TEST_CASE("A segment that rolls after it was picked to be worked on keeps its seal") {
  for (int count = 5; count < 60; ++count) {
    LogFixture fixture;
    fixture.context().steps = kSmallSteps;
    fixture.WriteMany(count, 1'000);
    std::size_t expected = static_cast<std::size_t>(count);
    const std::size_t segments = fixture.Segments().size();
    fixture.context().background.before_work = [&](PartitionLog&) {
      while (fixture.Segments().size() == segments) {
        fixture.WriteMany(1, 3'000);
        ++expected;
      }
    };
    fixture.log().WorkAhead();
    fixture.context().background.before_work = nullptr;
    INFO(count);
    REQUIRE(fixture.Values().size() == expected);
    const auto follower = fixture.Follow();
    CHECK(follower->end_offset().value() == Offset(static_cast<std::int64_t>(expected)));
    fixture.Kill();
    REQUIRE(fixture.Values().size() == expected);
  }
}

TEST_CASE("Where the next file cannot be made ahead it is not tried again in the same segment") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(10);
  fixture.WorkAhead();  // the first half is behind it, and the file is made
  fixture.WriteMegabytes(7);
  fixture.disk().SetCapacity(60 << 20);
  fixture.WriteMegabytes(5);
  int made = 0;
  fixture.disk().SetHook([&](Operation operation, const std::string& path) {
    made += operation == Operation::kCreate && path.ends_with(kPrepared);
    return absl::OkStatus();
  });
  for (int i = 0; i < 4; ++i) {
    fixture.WriteMegabytes(1);
    fixture.WorkAhead();
  }
  CHECK(made <= 1);
  CHECK_FALSE(fixture.HasFile(kPrepared));
}

TEST_CASE("A segment that was sealed after it was picked to be worked on gets no blocks back") {
  BigLogFixture fixture;
  fixture.WriteMegabytes(3);
  const std::string sealed = fixture.Segments().front();
  const std::string value(kBigRecord, 'v');
  bool is_sealed = false;
  fixture.context().background.before_work = [&](PartitionLog&) {
    fixture.disk().SetCapacity(1 << 20);
    absl::Status status;
    for (int i = 0; i < 1'000 && status.ok(); ++i) {
      status = fixture.log().Append(RecordOf(value), std::nullopt).status();
    }
    REQUIRE(absl::IsResourceExhausted(status));
    fixture.disk().SetCapacity(std::uint64_t{1} << 40);
    is_sealed = true;
  };
  int allocated = 0;
  fixture.disk().SetHook([&](Operation operation, const std::string& path) {
    allocated += is_sealed && operation == Operation::kAllocate && path.ends_with(sealed);
    return absl::OkStatus();
  });
  const std::int64_t before = fixture.disk().OpenHandles();
  fixture.log().WorkAhead();
  fixture.context().background.before_work = nullptr;
  fixture.WorkAhead();
  CHECK(fixture.disk().OpenHandles() <= before);
  CHECK(allocated == 0);
  const Offset end = fixture.end();
  fixture.Write("next");
  CHECK(fixture.end() == end + 1);
  CHECK(fixture.Values().size() == static_cast<std::size_t>(end.value()) + 1);
}

TEST_CASE("Working ahead of a partition leaves it no descriptor beyond those that it may keep") {
  BigLogFixture fixture;
  fixture.limits().files = 0;
  fixture.WriteMegabytes(3);
  const std::int64_t before = fixture.disk().OpenHandles();
  fixture.WorkAhead();
  CHECK(fixture.disk().OpenHandles() == before);
}

}  // namespace daybook
