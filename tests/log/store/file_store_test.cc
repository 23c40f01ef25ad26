#include "log/store/file_store.h"

#include <optional>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

// A directory that a log has been written to, seen by a store alone.
class FileStoreFixture {
 public:
  explicit FileStoreFixture(int records) {
    if (records != 0) log_.WriteMany(records);
    log_.Kill();
    store_.emplace(log_.context(), PartitionName("orders", 0), LogFixture::kSegmentBytes / 4,
                   counters_, [this](const RecoveredLog& log) {
                     ++recoveries_;
                     has_active_ = log.active != nullptr;
                   });
  }

  FileStore& store() { return *store_; }
  LogFixture& log() { return log_; }
  int recoveries() const { return recoveries_; }
  bool has_active() const { return has_active_; }

 private:
  LogFixture log_;
  RecoveryCounters counters_;
  int recoveries_ = 0;
  bool has_active_ = false;
  std::optional<FileStore> store_;
};

}  // namespace

TEST_CASE("A store of files recovers them once, and says where appends go on") {
  FileStoreFixture fixture(2'000);
  FileStore& store = fixture.store();
  MutexLock lock(store.mutex());
  REQUIRE(store.EnsureOpen().ok());
  REQUIRE(store.EnsureOpen().ok());
  CHECK(fixture.recoveries() == 1);
  CHECK(fixture.has_active());
  CHECK(store.size() == fixture.log().Segments().size());
  CHECK(store.EndOffset().value() == Offset(2'000));
}

TEST_CASE("A store of files that nobody has written is open and empty") {
  FileStoreFixture fixture(0);
  FileStore& store = fixture.store();
  MutexLock lock(store.mutex());
  REQUIRE(store.EnsureOpen().ok());
  CHECK(store.is_open());
  CHECK(fixture.recoveries() == 0);
  CHECK(store.empty());
  CHECK(store.EndOffset().value() == Offset(0));
}

TEST_CASE("A store maps a segment when it is asked for it, and keeps it") {
  FileStoreFixture fixture(2'000);
  FileStore& store = fixture.store();
  MutexLock lock(store.mutex());
  REQUIRE(store.EnsureOpen().ok());
  REQUIRE(store.size() > 2);
  CHECK(store.front().segment == nullptr);
  const auto first = store.OpenAt(0);
  REQUIRE(first.ok());
  CHECK((*first)->base_offset() == Offset(0));
  CHECK(store.OpenAt(0).value() == *first);
}

}  // namespace daybook
