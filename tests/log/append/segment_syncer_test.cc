#include "log/append/segment_syncer.h"

#include <optional>

#include "catch.h"
#include "log/store/file_store.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

// A log that was written and not synced, and the syncer of the process that opens it next.
class SyncerFixture {
 public:
  explicit SyncerFixture(int records) {
    log_.WriteMany(records);
    log_.Kill();
    store_.emplace(log_.context(), PartitionName("orders", 0), LogFixture::kSegmentBytes / 4,
                   counters_, [](const RecoveredLog&) {});
    syncer_.emplace(*store_);
    MutexLock lock(store_->mutex());
    REQUIRE(store_->EnsureOpen().ok());
  }

  SyncableLog::Synced Sync(Offset durable = Offset(0)) { return syncer_->Sync(durable); }
  LogFixture& log() { return log_; }
  // What is left after the power was cut.
  Offset EndAfterPowerCut() {
    syncer_.reset();
    store_.reset();
    log_.CutPower(1);
    return log_.end();
  }

 private:
  LogFixture log_;
  RecoveryCounters counters_;
  std::optional<FileStore> store_;
  std::optional<SegmentSyncer> syncer_;
};

}  // namespace

TEST_CASE("A sync makes all segments durable, in whatever process they were written") {
  SyncerFixture fixture(2'000);
  const auto synced = fixture.Sync();
  REQUIRE(synced.durable_end.ok());
  CHECK(*synced.durable_end == Offset(2'000));
  CHECK(fixture.Sync(Offset(2'000)).durable_end.value() == Offset(2'000));
  CHECK(fixture.EndAfterPowerCut() == Offset(2'000));
}

TEST_CASE("A log whose directory is gone has nothing to sync with, and the disk did not fail") {
  SyncerFixture fixture(10);
  REQUIRE(fixture.log().root().Rename("orders-0", "gone").ok());
  const auto synced = fixture.Sync();
  CHECK(absl::IsNotFound(synced.durable_end.status()));
  CHECK_FALSE(synced.disk_failed);
}

}  // namespace daybook
