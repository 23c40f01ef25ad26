#include "log/store/segment_store.h"

#include "catch.h"
#include "log/store/memory_store.h"
#include "segment/segment_pool.h"

namespace daybook {
namespace {

// A store in memory with three segments, of 2, 3 and no records, the first two of them sealed.
class StoreFixture {
 public:
  StoreFixture() : store_(context_, name_, absl::OkStatus()) {
    MutexLock lock(store_.mutex());
    REQUIRE(store_.EnsureOpen().ok());
    Add(Offset(0), 2, true);
    Add(Offset(2), 3, true);
    Add(Offset(5), 0, false);
  }

  MemoryStore& store() { return store_; }

 private:
  void Add(Offset base, int records, bool is_sealed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(store_.mutex()) {
    auto taken = pool_->Take(base, Timestamp());
    REQUIRE(taken.ok());
    Segment& segment = **taken;
    REQUIRE(segment.Extend(segment.header().capacity / 2).ok());
    for (int i = 0; i < records; ++i) {
      const ClaimWord at = segment.gate().Claim(40);
      segment.Abandon(at, 40);
    }
    if (is_sealed) segment.Seal(*segment.CloseHere(), Timestamp());
    store_.Append({.base_offset = base, .segment = *taken, .was_active = true});
  }

  LogContext context_;
  PartitionName name_{"orders", 0};
  std::shared_ptr<SegmentPool> pool_ =
      std::make_shared<SegmentPool>(name_, std::uint64_t{1} << 16, 1024);
  MemoryStore store_;
};

}  // namespace

TEST_CASE("A store knows the segment of an offset, and which offsets there are") {
  StoreFixture fixture;
  MemoryStore& store = fixture.store();
  MutexLock lock(store.mutex());
  CHECK(store.BeginOffsetLocked() == Offset(0));
  CHECK(store.EndOffsetLocked().value() == Offset(5));
  CHECK(store.SegmentOf(Offset(0)).value()->base_offset() == Offset(0));
  CHECK(store.SegmentOf(Offset(4)).value()->base_offset() == Offset(2));
  CHECK(store.SegmentOf(Offset(5)).value()->base_offset() == Offset(5));
  CHECK(store.BaseAbove(Offset(0)).value() == Offset(2));
  CHECK(store.BaseAbove(Offset(9)).value() == Offset(5));
  CHECK(store.CheckRange(Offset(5), Offset()).ok());
  const auto status = store.CheckRange(Offset(6), Offset());
  CHECK(absl::IsOutOfRange(status));
  CHECK(status.message() ==
        "orders-0: there is no offset 6; the partition has [0, 5); seek to one of these");
}

TEST_CASE("A store passes segments whose claims are all committed") {
  StoreFixture fixture;
  MemoryStore& store = fixture.store();
  MutexLock lock(store.mutex());
  CHECK(store.first_uncommitted() == 0);
  REQUIRE(store.PassCommitted().ok());
  CHECK(store.first_uncommitted() == 2);
  store.Remove(0, 1);
  CHECK(store.first_uncommitted() == 1);
  CHECK(store.BeginOffsetLocked() == Offset(2));
}

TEST_CASE("Why a store may not be written: it is deleted, or it was refused") {
  StoreFixture fixture;
  MemoryStore& store = fixture.store();
  MutexLock lock(store.mutex());
  CHECK(store.WritableStatus().ok());
  store.RefuseWrites(absl::FailedPreconditionError("closed"));
  CHECK(absl::IsFailedPrecondition(store.WritableStatus()));
  CHECK(store.EnsureOpen().ok());
  CHECK_FALSE(store.is_deleted());
  store.MarkDeleted(absl::NotFoundError("deleted"));
  CHECK(store.is_deleted());
  CHECK(absl::IsNotFound(store.WritableStatus()));
  CHECK(absl::IsNotFound(store.EnsureOpen()));
}

}  // namespace daybook
