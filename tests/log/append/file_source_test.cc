#include "log/append/file_source.h"

#include "catch.h"
#include "support/log/file_store_fixture.h"

namespace daybook {
namespace {

// Where a log gets its files, without the log.
class FileSourceFixture : public FileStoreFixture, private FileSourceListener {
 public:
  explicit FileSourceFixture(std::uint64_t reserve_bytes = 0)
      : settings_{.segment_bytes = LogFixture::kSegmentBytes,
                  .max_record_bytes = LogFixture::kSegmentBytes / 4,
                  .reserve_bytes = reserve_bytes},
        source_(log().context(), settings_, store().directory(), *this) {}

  FileSource& source() { return source_; }
  int begun() const { return begun_; }
  int full() const { return full_; }

 private:
  void NeedsWorkAhead() override {}
  void HasBegunSegment() override { ++begun_; }
  void DiskIsFull() override { ++full_; }

  int begun_ = 0;
  int full_ = 0;
  const LogSettings settings_;
  FileSource source_;
};

}  // namespace

TEST_CASE("A new segment is a file of its base offset with room for the claim it is made for") {
  FileSourceFixture fixture;
  FileStore& store = fixture.store();
  MutexLock lock(store.mutex());
  REQUIRE(store.EnsureOpen().ok());
  const auto segment = fixture.source().Create(store, Offset(42), 10'000);
  REQUIRE(segment.ok());
  CHECK(fixture.log().Segments() == std::vector<std::string>{"00000000000000000042.log"});
  CHECK((*segment)->Bytes().bytes.size() >= 10'000);
  REQUIRE(fixture.source().Extend(store, **segment, 40'000).ok());
  CHECK((*segment)->Bytes().bytes.size() >= 40'000);
  CHECK(
      absl::IsOutOfRange(fixture.source().Extend(store, **segment, LogFixture::kSegmentBytes + 8)));
}

TEST_CASE("A log with a reserve has the next file ready when a segment has begun") {
  FileSourceFixture fixture(LogFixture::kSegmentBytes / 2);
  FileStore& store = fixture.store();
  MutexLock lock(store.mutex());
  REQUIRE(store.EnsureOpen().ok());
  CHECK_FALSE(fixture.source().HasReserve(store));
  const auto segment = fixture.source().Create(store, Offset(0), 100);
  REQUIRE(segment.ok());
  CHECK(fixture.begun() == 0);
  fixture.source().Started(store, **segment);
  CHECK(fixture.source().HasReserve(store));
  CHECK(fixture.begun() == 1);
}

TEST_CASE("The log is told that its disk is full") {
  FileSourceFixture fixture;
  FileStore& store = fixture.store();
  MutexLock lock(store.mutex());
  REQUIRE(store.EnsureOpen().ok());
  fixture.log().disk().SetCapacity(16 << 10);
  CHECK(absl::IsResourceExhausted(fixture.source().Create(store, Offset(0), 20'000).status()));
  CHECK(fixture.full() == 1);
}

}  // namespace daybook
