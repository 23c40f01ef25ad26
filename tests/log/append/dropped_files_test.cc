#include "log/append/dropped_files.h"

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {

TEST_CASE("Files of dropped segments go in order, and with them what lies beside them") {
  LogFixture log;
  log.WriteMany(2'000);
  log.CloseCleanly();
  const std::vector<std::string> before = log.Segments();
  REQUIRE(before.size() > 3);
  DroppedFiles dropped;
  const PartitionDirectory directory(&log.root(), "orders-0");
  MutexLock lock(dropped.mutex());
  for (int i = 0; i < 2; ++i) dropped.Add(ParseSegmentFileName(before[i]).value());
  REQUIRE(dropped.RemoveAll(directory).ok());
  CHECK(dropped.empty());
  CHECK(log.Segments() == std::vector<std::string>(before.begin() + 2, before.end()));
  CHECK_FALSE(log.HasFile(before[0].substr(0, 20) + ".index"));
}

TEST_CASE("A removal that failed is tried again, and what is gone already is no error") {
  LogFixture log;
  log.WriteMany(2'000);
  DroppedFiles dropped;
  const PartitionDirectory missing(&log.root(), "orders-1");
  MutexLock lock(dropped.mutex());
  dropped.Add(Offset(0));
  CHECK(absl::IsNotFound(dropped.RemoveAll(missing)));
  CHECK_FALSE(dropped.empty());
  const PartitionDirectory directory(&log.root(), "orders-0");
  REQUIRE(dropped.RemoveAll(directory).ok());
  dropped.Add(Offset(0));
  CHECK(dropped.RemoveAll(directory).ok());
}

}  // namespace daybook
