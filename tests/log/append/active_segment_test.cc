#include "log/append/active_segment.h"

#include "catch.h"
#include "daybook/system/clock.h"
#include "log/append/memory_ring.h"
#include "log/store/memory_store.h"

namespace daybook {
namespace {

constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 10;

// An active segment over memory for two segments.
class ActiveFixture {
 public:
  ActiveFixture() {
    context_.clock = &clock_;
    settings_.segment_bytes = kSegmentBytes;
    settings_.max_record_bytes = 40'000;
    settings_.memory = MemorySettings{.segments = 2, .when_full = WhenFull::kFail};
    ring_ = std::make_unique<MemoryRing>(context_, name_, settings_);
    active_ = std::make_unique<ActiveSegment>(context_, *ring_, readers_);
  }

  absl::StatusOr<Offset> Claim(std::uint64_t bytes, std::uint64_t records = 1) {
    if (auto status = active_->Claim(store_, bytes, &claimed_, records); !status.ok()) {
      return status;
    }
    return claimed_.segment->base_offset() + RecordsOf(claimed_.before);
  }
  // Gives the last claim up.
  void Settle(std::uint64_t bytes) { claimed_.segment->Abandon(claimed_.before, bytes); }
  Offset Append(std::uint64_t bytes) {
    const auto offset = Claim(bytes);
    REQUIRE(offset.ok());
    Settle(bytes);
    return *offset;
  }

  ActiveSegment& active() { return *active_; }
  MemoryStore& store() { return store_; }

 private:
  ManualClock clock_;
  LogContext context_;
  LogSettings settings_;
  PartitionName name_{"orders", 0};
  MemoryStore store_{context_, name_, absl::OkStatus()};
  WaitList readers_;
  std::unique_ptr<MemoryRing> ring_;
  std::unique_ptr<ActiveSegment> active_;
  Claimed claimed_;
};

}  // namespace

TEST_CASE("Before the first claim no segment is active, and nothing was claimed") {
  ActiveFixture fixture;
  CHECK(fixture.active().segment() == nullptr);
  CHECK(fixture.active().ClaimedEnd(fixture.store()) == Offset(0));
  CHECK(fixture.active().CommittedEnd(fixture.store()) == Offset(0));
}

TEST_CASE("The first claim makes a segment, and the ends are seen without a lock") {
  ActiveFixture fixture;
  REQUIRE(fixture.Claim(40).value() == Offset(0));
  REQUIRE(fixture.active().segment() != nullptr);
  CHECK(fixture.active().ClaimedEnd(fixture.store()) == Offset(1));
  CHECK(fixture.active().CommittedEnd(fixture.store()) == Offset(0));
  fixture.Settle(40);
  CHECK(fixture.active().CommittedEnd(fixture.store()) == Offset(1));
}

TEST_CASE("A claim that does not fit any more seals the segment, and begins the next one") {
  ActiveFixture fixture;
  CHECK(fixture.Append(40'000) == Offset(0));
  const Segment* const first = fixture.active().segment();
  CHECK(fixture.Append(40'000) == Offset(1));
  CHECK(fixture.active().segment() != first);
  CHECK(fixture.active().segment()->base_offset() == Offset(1));
  MutexLock lock(fixture.store().mutex());
  CHECK(fixture.store().size() == 2);
  CHECK(fixture.store().SlotAt(0).segment->sealed_end().has_value());
}

TEST_CASE("Where there is no room for another segment the claim fails, and later ones too") {
  ActiveFixture fixture;
  fixture.Append(40'000);
  fixture.Append(40'000);
  for (int i = 0; i < 2; ++i) {
    const auto offset = fixture.Claim(40'000);
    CHECK(absl::IsResourceExhausted(offset.status()));
    CHECK(fixture.active().segment() == nullptr);
  }
}

TEST_CASE("After the end no claim is made, and it is said why") {
  ActiveFixture fixture;
  fixture.Append(40);
  {
    MutexLock lock(fixture.store().mutex());
    fixture.store().RefuseWrites(absl::FailedPreconditionError("closed"));
    fixture.active().Stop(fixture.store());
    CHECK(fixture.store().next_base() == Offset(1));
  }
  CHECK(fixture.active().segment() == nullptr);
  CHECK(fixture.Claim(40).status().message() == "closed");
}

}  // namespace daybook
