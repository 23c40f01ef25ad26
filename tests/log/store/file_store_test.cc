#include "log/store/file_store.h"

#include "catch.h"
#include "support/log/file_store_fixture.h"
#include "support/log_fixture.h"

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

TEST_CASE("Files that are not ours are left alone") {
  LogFixture log;
  log.Write("a");
  log.CloseCleanly();
  const auto directory = log.root().OpenDirectory("orders-0").value();
  REQUIRE(directory->OpenFile("notes.txt", FileMode::kCreate).ok());
  REQUIRE(directory->OpenFile("7.log", FileMode::kCreate).ok());
  CHECK(log.Values() == std::vector<std::string>{"a"});
  CHECK(directory->OpenFile("notes.txt", FileMode::kRead).ok());
  CHECK(directory->OpenFile("7.log", FileMode::kRead).ok());
}

TEST_CASE("A damaged segment header is an error that names the file, and nothing is changed") {
  LogFixture log;
  log.Write("a");
  log.CloseCleanly();
  log.Corrupt("00000000000000000000.log", 17);
  const auto status = log.log().Append(RecordOf("b"), std::nullopt).status();
  CHECK(absl::IsDataLoss(status));
  CHECK(status.message().find("00000000000000000000.log") != absl::string_view::npos);
  CHECK(log.Segments().size() == 1);
  log.Corrupt("00000000000000000000.log", 17);
  CHECK(log.Values() == std::vector<std::string>{"a"});
}

TEST_CASE("A full disk does not keep what is there from being read after a kill") {
  LogFixture log;
  log.Write("a");
  const auto dead = OpenClaim(log, std::string(50, 'x'));
  log.disk().SetCapacity(0);
  // It is sealed behind "a", and there is no space for the index of it.
  log.Kill();
  CHECK(log.Values() == std::vector<std::string>{"a"});
  CHECK_FALSE(log.HasFile("00000000000000000000.index"));
}

}  // namespace daybook
