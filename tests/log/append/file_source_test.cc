#include "log/append/file_source.h"

#include <optional>

#include "catch.h"
#include "log/store/file_store.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

// Where a log gets its files, without the log.
class FileSourceFixture {
 public:
  explicit FileSourceFixture(std::uint64_t reserve_bytes = 0) {
    settings_.segment_bytes = LogFixture::kSegmentBytes;
    settings_.max_record_bytes = LogFixture::kSegmentBytes / 4;
    settings_.reserve_bytes = reserve_bytes;
    store_.emplace(log_.context(), PartitionName("orders", 0), settings_.max_frame_bytes(),
                   counters_, [](const RecoveredLog&) {});
    source_.emplace(log_.context(), settings_, store_->directory(), [this] { ++requests_; });
  }

  FileSource& source() { return *source_; }
  FileStore& store() { return *store_; }
  LogFixture& log() { return log_; }
  int requests() const { return requests_; }

 private:
  LogFixture log_;
  LogSettings settings_;
  RecoveryCounters counters_;
  int requests_ = 0;
  std::optional<FileStore> store_;
  std::optional<FileSource> source_;
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
  fixture.source().Started(store, **segment);
  CHECK(fixture.source().HasReserve(store));
}

}  // namespace daybook
