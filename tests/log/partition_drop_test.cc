#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "support/log/long_log.h"

namespace daybook {
namespace {

Cursor At(Offset offset) { return {.offset = offset, .segment = nullptr, .position = 0}; }

}  // namespace

TEST_CASE("Whole segments before an offset are dropped, with their files") {
  LongLog log;
  const Offset third = log.Base(2);
  const Offset fourth = log.Base(3);
  const std::size_t before = log.Segments().size();
  log.Drop(Offset(third.value() - 1));  // in the second one
  CHECK(log.Segments().size() == before - 1);
  log.Drop(third + 1);
  CHECK(log.begin() == third);
  CHECK(log.Segments().size() == before - 2);
  CHECK_FALSE(log.HasFile(SegmentFileName(Offset(0), ".index")));
  CHECK_FALSE(log.HasFile(SegmentFileName(Offset(0), ".log")));
  CHECK(log.HasFile(SegmentFileName(third, ".index")));
  log.CheckValues();
  Cursor early = At(Offset(third.value() - 1));
  CHECK(absl::IsOutOfRange(log.log().Read(early, {}).status()));
  CHECK(absl::IsOutOfRange(log.log().ReadBackwards(Offset(5), {}).status()));
  CHECK(log.log().ReadBackwards(third, {}).value().empty());
  CHECK(log.log().NextReadable(Offset(0)).value() == third);
  CHECK(log.log().OffsetForTime(Timestamp()).value() == third);
  log.Drop(fourth);
  CHECK(log.begin() == fourth);
  log.Drop(Offset(0));
  CHECK(log.begin() == fourth);
}

TEST_CASE("The last segment with records is never dropped") {
  LongLog log;
  const Offset last = log.Base(log.Segments().size() - 1);
  log.Drop(Offset(1'000'000));
  CHECK(log.begin() == last);
  CHECK(log.Segments().size() == 1);
  log.CheckValues();
  log.WriteOffsets(2'000);
  log.CheckValues();
  LogFixture empty;
  CHECK(empty.log().DropBefore(Offset(7)).ok());
}

TEST_CASE("Batches and readers in a segment that is dropped keep what they have") {
  LongLog log;
  Cursor reader = At(Offset(0));
  const auto batch = log.log().Read(reader, {.max_records = 10}).value();
  Cursor other = reader;
  const Offset second = log.Base(1);
  const Offset third = log.Base(2);
  log.Drop(second);
  CHECK(batch.begin()->value.substr(0, 2) == "0.");
  std::int64_t next = 10;
  while (reader.offset < third) {
    const auto more = log.log().Read(reader, {.max_records = 7}).value();
    for (const RecordView& record : more) REQUIRE(record.offset == Offset(next++));
  }
  CHECK(Offset(next) >= third);
  // What is behind the end of its segment is gone for the other one.
  log.Drop(log.Base(2));
  while (other.offset < second) REQUIRE(log.log().Read(other, {}).ok());
  CHECK(log.log().HasMore(other));
  CHECK(absl::IsOutOfRange(log.log().Read(other, {}).status()));
  CHECK(batch.begin()->value.substr(0, 2) == "0.");
}

TEST_CASE("A segment with a claim that is still open is not dropped, nor any after it") {
  LogFixture log;
  log.Write("a");
  auto claim = log.log().Claim({.value_bytes = 4});
  REQUIRE(claim.ok());
  log.WriteMany(3'000);
  const std::size_t segments = log.Segments().size();
  CHECK(log.log().DropBefore(Offset(2'500)).ok());
  CHECK(log.Segments().size() == segments);
  std::fill_n(claim->value().data(), 4, std::byte{'b'});
  std::move(*claim).Commit();
  CHECK(log.log().DropBefore(Offset(2'500)).ok());
  CHECK(log.Segments().size() < segments);
  CHECK(log.log().begin_offset().value() > Offset(0));
}

TEST_CASE("What is of a transaction that is undecided is not dropped") {
  LogFixture log;
  log.WriteMany(1'000);
  const Record record = RecordOf("t");
  const auto prepared = log.log().AppendTransactional({&record, 1}, 7).value();
  log.WriteMany(2'000);
  CHECK(log.log().DropBefore(Offset(2'900)).ok());
  CHECK(log.log().begin_offset().value() <= prepared.first);
  log.transactions().Commit(7);
  CHECK(log.log().DropBefore(Offset(2'900)).ok());
  CHECK(log.log().begin_offset().value() > prepared.first);
}

TEST_CASE("A log that does not begin at 0 opens again after a kill and after a power cut") {
  for (const Durability durability : {Durability::kProcess, Durability::kDisk}) {
    LongLog log(durability);
    const Offset begin = log.Base(3);
    log.Drop(begin);
    log.Kill();
    CHECK(log.begin() == begin);
    log.CheckValues();
    log.WriteOffsets(10);
    log.Drop(begin + 1'000);
    const Offset later = log.begin();
    CHECK(later > begin);
    log.Sync();
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      log.CutPower(seed);
      CHECK(log.begin() == later);
      CHECK(log.end() == Offset(4'010));
      log.CheckValues();
    }
  }
}

TEST_CASE("The log never begins anew at 0, wherever the power is cut while segments are dropped") {
  using Operation = SimulatedFileSystem::Operation;
  for (const bool is_synced : {false, true}) {
    LongLog log;
    if (is_synced) log.Sync();
    const std::int64_t end = is_synced ? 4'000 : 0;
    const Offset begin = log.Base(4);
    std::vector<std::unique_ptr<SimulatedFileSystem>> cuts;
    log.disk().SetHook([&](Operation operation, const std::string&) {
      if (operation == Operation::kRemove || operation == Operation::kSyncDirectory ||
          operation == Operation::kSync) {
        for (std::uint64_t seed = 0; seed < 5; ++seed) cuts.push_back(log.disk().CutPower(seed));
      }
      return absl::OkStatus();
    });
    log.Drop(begin);
    log.disk().SetHook(nullptr);
    for (std::uint64_t seed = 0; seed < 5; ++seed) cuts.push_back(log.disk().CutPower(seed));
    REQUIRE(cuts.size() > 50);
    std::size_t left = cuts.size();
    for (auto& cut : cuts) {
      CAPTURE(is_synced, left);
      log.GoOnWith(std::move(cut));
      const bool is_done = left-- <= 5;
      if (is_done) CHECK(log.begin() == begin);
      if (is_synced) {
        CHECK(log.end() == Offset(end));
        log.CheckValues();
      }
      // Not even when nothing was synced before: nothing is gone that something durable is behind.
      CHECK(log.begin() <= begin);
      if (log.begin() > Offset(0)) CHECK(log.end() > begin);
    }
  }
}

TEST_CASE("After a drop the directory entries of new segments are synced as before") {
  LongLog log;
  log.Sync();
  log.Drop(log.Base(4));
  log.WriteOffsets(1'500);
  log.Sync();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    log.CutPower(seed);
    CHECK(log.end() == Offset(5'500));
    log.CheckValues();
  }
}

TEST_CASE("Files that could not be removed go with the next call") {
  using Operation = SimulatedFileSystem::Operation;
  for (const Operation failing : {Operation::kRemove, Operation::kSyncDirectory}) {
    LongLog log;
    log.Sync();
    const Offset begin = log.Base(2);
    int left = 3;
    log.disk().SetHook([&](Operation operation, const std::string& path) {
      const bool is_index = path.ends_with(".index");
      if (operation == failing && !is_index && --left == 1) {
        return absl::ResourceExhaustedError("no");
      }
      return absl::OkStatus();
    });
    CHECK_FALSE(log.log().DropBefore(begin).ok());
    CHECK(log.begin() == begin);
    CHECK(log.log().DropBefore(begin).ok());
    log.disk().SetHook(nullptr);
    CHECK(log.Base(0) == begin);
    log.Kill();
    log.CheckValues();
  }
}

TEST_CASE("The maps of what was dropped are let go when nobody reads it any more") {
  LongLog log;
  Cursor reader = At(Offset(0));
  auto batch = std::make_unique<RecordBatch>(log.log().Read(reader, {}).value());
  log.Values();
  log.Drop(Offset(3'900));
  CHECK(log.limits().maps_held <= 2);
  reader = Cursor();
  batch.reset();
  log.WriteOffsets(2'000);
  CHECK(log.limits().maps_held <= 6);
  log.Drop(Offset(5'900));
  CHECK(log.limits().maps_held <= 2);
}

TEST_CASE("A segment that waits to be tidied up is dropped without leaving an index behind") {
  LogFixture log(Durability::kProcess, std::uint64_t{16} << 20);
  log.WriteMany(50'000, 1'000);
  REQUIRE(log.work_requests() > 0);
  REQUIRE(log.Segments().size() > 2);
  REQUIRE(log.log().DropBefore(Offset(49'900)).ok());
  const Offset begin = log.log().begin_offset().value();
  while (log.log().WorkAhead()) {
  }
  for (const std::string& path : log.disk().Files()) {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(".index")) CHECK(name >= SegmentFileName(begin, ".index"));
  }
}

TEST_CASE("Who reads another process's directory copes with files that vanish") {
  LongLog log;
  const auto follower = log.Follow();
  Cursor reader = At(Offset(0));
  REQUIRE(follower->Read(reader, {.max_records = 10}).ok());
  CHECK(follower->end_offset().value() == Offset(4'000));
  const Offset second = log.Base(1);
  const Offset fourth = log.Base(3);
  log.Drop(fourth);
  // It knows of files that are not there any more.
  Cursor gone = At(second);
  CHECK(absl::IsOutOfRange(follower->Read(gone, {}).status()));
  CHECK(follower->begin_offset().value() == fourth);
  CHECK(follower->OffsetForTime(Timestamp()).value() == fourth);
  while (reader.offset < second) REQUIRE(follower->Read(reader, {}).ok());
  CHECK(absl::IsOutOfRange(follower->Read(reader, {}).status()));
  Cursor there = At(fourth);
  CHECK(follower->Read(there, {.max_records = 1}).value().begin_offset() == fourth);
  log.WriteOffsets(2'000);
  log.Drop(Offset(5'900));
  CHECK(follower->end_offset().value() == Offset(6'000));
  CHECK(follower->begin_offset().value() == log.begin());
  CHECK(follower->durable_offset().ok());
  CHECK(absl::IsFailedPrecondition(follower->DropBefore(Offset(5'000))));
}

TEST_CASE("A follower in a segment that grew and was dropped is told that it is out of range") {
  LogFixture log;
  log.Write("a");
  const auto follower = log.Follow();
  Cursor reader = At(Offset(0));
  REQUIRE(follower->Read(reader, {}).value().size() == 1);
  log.WriteMany(2'000);
  REQUIRE(log.log().DropBefore(Offset(1'900)).ok());
  absl::Status status;
  for (int i = 0; i < 1'000 && status.ok(); ++i) status = follower->Read(reader, {}).status();
  CHECK(absl::IsOutOfRange(status));
}

TEST_CASE("The beginning of a log in memory is dropped, too") {
  LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes, {},
                 MemorySettings{.segments = 9});
  log.WriteMany(3'000);
  CHECK(log.log().DropBefore(Offset(2'000)).ok());
  const Offset begin = log.log().begin_offset().value();
  CHECK(begin > Offset(0));
  CHECK(begin <= Offset(2'000));
  CHECK(log.Values(begin).size() == static_cast<std::size_t>(3'000 - begin.value()));
}

TEST_CASE("A closed log drops nothing") {
  LongLog log;
  log.log().Close(absl::FailedPreconditionError("closed"));
  CHECK(absl::IsFailedPrecondition(log.log().DropBefore(Offset(3'000))));
}

TEST_CASE("Segments are dropped while others append, read and sync") {
  LongLog log;
  log.limits().idle_maps = 2;
  std::atomic<bool> is_done{false};
  std::thread syncer([&] {
    while (!is_done) {
      const auto end = log.log().end_offset();
      if (!end.ok() || !log.log().WaitDurable(*end, Soon()).ok()) break;
    }
  });
  std::thread reader([&] {
    Cursor cursor = At(Offset(0));
    while (!is_done) {
      const auto batch = log.log().Read(cursor, {});
      if (absl::IsOutOfRange(batch.status())) cursor = At(log.log().begin_offset().value());
      if (!batch.ok() || batch->empty()) std::this_thread::yield();
    }
  });
  for (int i = 0; i < 40; ++i) {
    log.WriteOffsets(200);
    log.Drop(Offset(log.end().value() - 300));
  }
  is_done = true;
  syncer.join();
  reader.join();
  log.Sync();
  log.CheckValues();
  log.CutPower(1);
  CHECK(log.end() == Offset(12'000));
  log.CheckValues();
}

}  // namespace daybook
