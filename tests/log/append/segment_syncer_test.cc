#include "log/append/segment_syncer.h"

#include "catch.h"
#include "support/log/file_store_fixture.h"

namespace daybook {
TEST_CASE("A sync makes all segments durable, in whatever process they were written") {
  FileStoreFixture fixture(2'000);
  {
    MutexLock lock(fixture.store().mutex());
    REQUIRE(fixture.store().EnsureOpen().ok());
  }
  SegmentSyncer syncer(fixture.store());
  CHECK(syncer.Sync(Offset(0)).durable_end.value() == Offset(2'000));
  CHECK(syncer.Sync(Offset(2'000)).durable_end.value() == Offset(2'000));
  CHECK(fixture.EndAfterPowerCut() == Offset(2'000));
}

TEST_CASE("A log whose directory is gone has nothing to sync with, and the disk did not fail") {
  FileStoreFixture fixture(10);
  {
    MutexLock lock(fixture.store().mutex());
    REQUIRE(fixture.store().EnsureOpen().ok());
  }
  REQUIRE(fixture.log().root().Rename("orders-0", "gone").ok());
  const auto synced = SegmentSyncer(fixture.store()).Sync(Offset(0));
  CHECK(absl::IsNotFound(synced.durable_end.status()));
  CHECK_FALSE(synced.disk_failed);
}

}  // namespace daybook
