#include "log/store/file_store.h"

#include "catch.h"
#include "support/file_store_fixture.h"

namespace daybook {
TEST_CASE("A store of files recovers them once, and says where appends go on") {
  FileStoreFixture fixture(2'000);
  FileStore& store = fixture.store();
  MutexLock lock(store.mutex());
  REQUIRE(store.EnsureOpen().ok());
  REQUIRE(store.EnsureOpen().ok());
  CHECK(fixture.recoveries() == 1);
  CHECK(fixture.has_active());
  CHECK(store.size() == fixture.log().Segments().size());
  CHECK(store.EndOffsetLocked().value() == Offset(2'000));
}

TEST_CASE("A store of files that nobody has written is open and empty") {
  FileStoreFixture fixture(0);
  FileStore& store = fixture.store();
  MutexLock lock(store.mutex());
  REQUIRE(store.EnsureOpen().ok());
  CHECK(store.is_open());
  CHECK(fixture.recoveries() == 0);
  CHECK(store.empty());
  CHECK(store.EndOffsetLocked().value() == Offset(0));
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
