#include "broker/directory_lease.h"

#include <optional>

#include "broker/access.h"
#include "broker/data_directory.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

// A directory beside that of the broker, whose partition stands for those of the directory.
struct Lease {
  Lease() { lease.UseSettleTimeout(std::chrono::milliseconds(0)); }

  bool IsLocked() { return absl::IsFailedPrecondition(Open().status()); }
  absl::StatusOr<DataDirectory> Open() { return OpenDataDirectory(disk, "/leased", false); }
  DirectoryLease::Ended Ended(const absl::Status& synced = absl::OkStatus()) {
    PartitionLog& log = Access::Log(topic.partition(0));
    log.Delete(absl::FailedPreconditionError("closed"));
    return {.synced = synced, .logs = {log.shared_from_this()}};
  }

  SimulatedFileSystem disk;
  BrokerFixture broker;
  Topic topic = broker.MakeTopic("t");
  DirectoryLease lease{"/leased", Open().value().lock};
};

}  // namespace

TEST_CASE_METHOD(Lease, "A directory is another one's when its broker has ended, and not before") {
  CHECK(IsLocked());
  CHECK(lease.Close([&] {
    CHECK(IsLocked());
    return Ended();
  }) == absl::OkStatus());
  CHECK_FALSE(IsLocked());
}

TEST_CASE_METHOD(Lease,
                 "A directory stays leased as long as a log can write, and a broker ends once") {
  std::optional<RecordClaim> claim = topic.partition(0).Claim({.value_bytes = 4}).value();
  int ends = 0;
  const auto close = [&] {
    return lease.Close([&] {
      ++ends;
      return Ended();
    });
  };
  CHECK(absl::IsDeadlineExceeded(close()));
  CHECK(absl::IsDeadlineExceeded(close()));
  CHECK(IsLocked());
  claim.reset();
  CHECK(close().ok());
  CHECK_FALSE(IsLocked());
  CHECK(close().ok());
  CHECK(ends == 1);
}

TEST_CASE_METHOD(Lease, "What a broker could not sync at its end is told each time") {
  for (int i = 0; i < 2; ++i) {
    CHECK(absl::IsDataLoss(lease.Close([&] { return Ended(absl::DataLossError("the disk")); })));
    CHECK_FALSE(IsLocked());
  }
}

TEST_CASE("A lease of a directory that is only read has no lock to hold") {
  DirectoryLease lease("/data", nullptr);
  CHECK(lease.path() == "/data");
  CHECK(lease.Close([] { return DirectoryLease::Ended{}; }).ok());
}

}  // namespace daybook
