#include "log/store/followed_store.h"

#include "support/empty_segment.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

// A follower that is told what changes, and how many operations it takes.
struct Told {
  explicit Told(LogFixture& fixture)
      : log(fixture), follower(fixture.disk(), fixture.root(), "daybook.lock") {
    fixture.context().follower = &follower;
    reading = fixture.Follow();
    fixture.context().follower = nullptr;
  }
  std::vector<std::string> Rest() {
    std::vector<std::string> values;
    for (;;) {
      const auto batch = reading->Read(cursor, {});
      INFO(batch.status());
      REQUIRE(batch.ok());
      if (batch->empty()) return values;
      for (const RecordView& record : *batch) values.emplace_back(record.value);
    }
  }
  // Of the file system, by files, while nothing is new.
  int OperationsToLook() {
    int operations = 0;
    log.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
      if (operation != SimulatedFileSystem::Operation::kLock) ++operations;
      return absl::OkStatus();
    });
    follower.Look();
    CHECK_FALSE(reading->HasMore(cursor));
    CHECK(Rest().empty());
    log.disk().SetHook(nullptr);
    return operations;
  }

  LogFixture& log;
  DirectoryFollower follower;
  std::shared_ptr<PartitionLog> reading;
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
};

// A process that holds the directory, until it dies.
struct LivingWriter : LogFixture {
  LivingWriter() : lock(root().Lock("daybook.lock").value()) { context().lock = lock.get(); }
  void Die() { lock.reset(); }
  absl::StatusOr<RecordClaim> Claim(std::size_t bytes) {
    ClaimOptions options;
    options.value_bytes = bytes;
    return log().Claim(options);
  }

  std::unique_ptr<FileLock> lock;
};

}  // namespace

TEST_CASE("A follower that is told looks at no file while nothing is new") {
  LogFixture log;
  Told told(log);
  CHECK(told.Rest().empty());
  told.OperationsToLook();
  log.Write("a");
  told.follower.Look();
  CHECK(told.reading->HasMore(told.cursor));
  CHECK(told.Rest() == std::vector<std::string>{"a"});
  CHECK(told.OperationsToLook() == 0);
  log.Write("b");
  CHECK(told.reading->HasMore(told.cursor));  // nobody has to tell
  CHECK(told.Rest() == std::vector<std::string>{"b"});
  CHECK(told.OperationsToLook() == 0);
}

TEST_CASE("A follower goes on over rolls, growth and what is dropped, and looks at no more files") {
  LogFixture log;
  Told told(log);
  std::size_t seen = 0;
  for (int i = 0; i < 40; ++i) {
    log.WriteMany(100, 400);
    seen += told.Rest().size();
    CHECK(seen == static_cast<std::size_t>(100 * (i + 1)));
  }
  REQUIRE(log.Segments().size() > 10);
  CHECK(told.reading->end_offset().value() == log.end());
  REQUIRE(log.log().DropBefore(Offset(2'000)).ok());
  CHECK(told.reading->begin_offset().value() == log.log().begin_offset().value());
  CHECK(told.Rest().empty());
  CHECK(told.OperationsToLook() == 0);
}

TEST_CASE(
    "A follower sees what is behind a frame that ends where the file did when it was opened") {
  LogFixture log;
  log.WriteMany(31);  // of 128 bytes each; with one more they fill two pages, and the file grows
  Told told(log);
  CHECK(told.Rest().size() == 31);
  for (int i = 0; i < 3; ++i) {
    CHECK(told.OperationsToLook() <= 4);
    log.WriteMany(1);
    CHECK(told.reading->HasMore(told.cursor));
    CHECK(told.Rest().size() == 1);
  }
}

TEST_CASE("A follower that was told of a roll while it stood at a claim goes on behind the roll") {
  LivingWriter log;
  log.Write("a");
  Told told(log);
  CHECK(told.Rest().size() == 1);
  auto claim = log.Claim(1);
  REQUIRE(claim.ok());
  log.WriteMany(400, 400);
  REQUIRE(log.Segments().size() > 2);
  CHECK(told.Rest().empty());
  std::move(*claim).Commit();
  std::size_t seen = 0;
  while (told.reading->HasMore(told.cursor)) {
    const auto batch = told.reading->Read(told.cursor, {});
    REQUIRE(batch.ok());
    seen += batch->size();
  }
  CHECK(seen == 401);
}

TEST_CASE("A frame whose file grew while a follower looked again is no damage") {
  LogFixture log;
  log.WriteMany(10);
  Told told(log);
  CHECK(told.Rest().size() == 10);
  const auto directory = log.root().OpenDirectory("orders-0").value();
  REQUIRE(directory->OpenFile("of no account", FileMode::kCreate).ok());
  int reads = 0;
  log.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    // The header, and then what is known to be committed: the size was asked for before.
    if (operation == SimulatedFileSystem::Operation::kRead && ++reads == 2) {
      log.disk().SetHook(nullptr);
      log.WriteMany(1, 10'000);
    }
    return absl::OkStatus();
  });
  CHECK(told.Rest().size() == 1);
  CHECK(reads == 2);
}

TEST_CASE("A reader that stands in an empty segment goes on in the one that takes its name") {
  EmptyLastSegment log;
  Told told(log);
  CHECK(told.Rest().size() == 410);
  CHECK(told.OperationsToLook() == 0);
  log.Write("next");
  told.follower.Look();
  CHECK(told.reading->HasMore(told.cursor));
  CHECK(told.Rest() == std::vector<std::string>{"next"});
}

TEST_CASE("A reader of a segment that another one has replaced reads that, or is told") {
  LogFixture log;
  log.WriteMany(10);
  Told told(log);
  CHECK(told.Rest().size() == 10);
  const auto directory = log.root().OpenDirectory("orders-0").value();
  const auto put = [&](int records) {
    REQUIRE(directory->RemoveFile(SegmentFileName(Offset(0), ".log")).ok());
    const auto made = Segment::Create(*directory, PartitionName("orders", 0),
                                      {.base_offset = Offset(0),
                                       .segment_id = 99,
                                       .capacity = 64 << 10,
                                       .max_frame_bytes = 16 << 10,
                                       .created = Timestamp(),
                                       .boot = log.disk().BootId()});
    REQUIRE(made.ok());
    for (int i = 0; i < records; ++i) {
      const frame::RecordParts parts{
          .key = {}, .headers = {}, .event_time = {}, .value_bytes = 1, .tombstone = false};
      const frame::RecordLayout layout = frame::LayoutOf(parts);
      const ClaimWord before = (*made)->gate().Claim(frame::AlignedLength(layout.length));
      std::byte* const at = (*made)->At(PositionOf(before));
      *frame::FillRecord(at, layout, parts, Timestamp(), RecordsOf(before)) = std::byte{'n'};
      (*made)->Commit(at, frame::LengthWord(frame::Kind::kRecord, layout.length), before);
    }
  };
  SECTION("with as many records and more") {
    put(12);
    CHECK(told.Rest() == std::vector<std::string>(2, "n"));
    CHECK(told.reading->end_offset().value() == Offset(12));
  }
  SECTION("with fewer") {
    put(3);
    const auto batch = told.reading->Read(told.cursor, {});
    CHECK(absl::IsOutOfRange(batch.status()));
    CHECK(told.reading->end_offset().value() == Offset(3));
  }
}

TEST_CASE("What a process acknowledged behind a claim is read once it is dead") {
  LivingWriter log;
  log.WriteMany(5);
  Told told(log);
  auto claim = log.Claim(10);
  REQUIRE(claim.ok());
  log.WriteMany(700);  // over a roll
  CHECK(told.Rest().size() == 5);
  CHECK(told.reading->end_offset().value() == Offset(5));
  CHECK(told.reading->Read(told.cursor, {})->empty());
  log.Die();
  told.follower.Look();
  CHECK(told.reading->HasMore(told.cursor));
  CHECK(told.Rest().size() == 700);
  CHECK(told.reading->end_offset().value() == Offset(706));
  std::size_t backwards = 0;
  for (Offset before = told.reading->end_offset().value();;) {
    const auto batch = told.reading->ReadBackwards(before, {});
    INFO(before.value() << " " << batch.status());
    REQUIRE(batch.ok());
    if (batch->empty()) break;
    backwards += batch->size();
    before = batch->begin_offset();
  }
  CHECK(backwards == 705);
  // From there on, too, and from within.
  Cursor other{.offset = Offset(5), .segment = nullptr, .position = 0};
  CHECK(told.reading->Read(other, {.max_records = 1})->begin_offset() == Offset(6));
  Cursor later{.offset = Offset(300), .segment = nullptr, .position = 0};
  CHECK(told.reading->Read(later, {.max_records = 1})->begin_offset() == Offset(300));
  std::move(*claim).Commit();
}

TEST_CASE("A reader goes on behind a claim that its process died too early to mark") {
  LivingWriter log;
  log.Write("a");
  Cursor own{.offset = Offset(0), .segment = nullptr, .position = 0};
  REQUIRE(log.log().Read(own, {}).ok());
  own.segment->gate().Claim(64);  // and nothing is marked
  REQUIRE(log.log().AppendSequenced(RecordOf("b"), 7, 1).ok());
  log.Die();
  Told told(log);
  CHECK(told.reading->Read(told.cursor, {})->size() == 1);
  CHECK(told.reading->HasMore(told.cursor));
  CHECK(told.Rest() == std::vector<std::string>{"b"});
  CHECK(told.OperationsToLook() == 0);
  const auto last = told.reading->LastSequence(7);
  REQUIRE(last.ok());
  REQUIRE(last->has_value());
  CHECK((*last)->sequence == 1);
}

TEST_CASE(
    "A follower that was there before the writer waits at a claim, and sees no damage in it") {
  LogFixture log;
  log.Write("before the cut");
  REQUIRE(log.log().WaitDurable(Offset(1), Soon()).ok());
  log.CutPower(1);
  const auto follower = log.Follow();
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  REQUIRE(follower->Read(cursor, ReadOptions{}).ok());  // of another boot, as far as it knows
  ClaimOptions options;
  options.value_bytes = 5;
  auto claim = log.log().Claim(options);
  REQUIRE(claim.ok());
  log.WriteMany(3000);
  REQUIRE(log.Segments().size() > 1);
  const auto batch = follower->Read(cursor, ReadOptions{});
  INFO(batch.status());
  REQUIRE(batch.ok());
  CHECK(batch->empty());
  CHECK(follower->end_offset().value() == claim->offset());
  CHECK_FALSE(follower->HasMore(cursor));
  std::fill(claim->value().begin(), claim->value().end(), std::byte{'c'});
  std::move(*claim).Commit();
  CHECK(follower->HasMore(cursor));
  CHECK(follower->end_offset()->value() == 3002);
}

TEST_CASE("A list that lacks a file which was made while it was read is made again") {
  LogFixture log;
  log.WriteMany(2'000);
  const std::vector<std::string> files = log.Segments();
  REQUIRE(files.size() > 3);
  DirectoryFollower follower(log.disk(), log.root(), "daybook.lock");
  LogContext context = log.context();
  context.is_read_only = true;
  context.follower = &follower;
  RecoveryCounters counters;
  FollowedStore store(context, PartitionName("orders", 0), counters);
  const auto directory = log.root().OpenDirectory("orders-0").value();
  REQUIRE(directory->Rename(files[1], "elsewhere").ok());
  MutexLock lock(store.mutex());
  REQUIRE(store.Refresh().ok());
  REQUIRE(store.size() == files.size() - 1);
  REQUIRE(directory->Rename("elsewhere", files[1]).ok());  // nobody has looked for changes since
  REQUIRE(store.Refresh().ok());
  REQUIRE(store.size() == files.size() - 1);
  const Offset second = ParseSegmentFileName(files[1]).value();
  const Cursor cursor{
      .offset = second, .segment = store.SegmentOf(Offset(0)).value(), .position = 0};
  REQUIRE(store.RefreshBehind(cursor).ok());
  CHECK(store.size() == files.size());
  CHECK(store.SegmentOf(second).value()->base_offset() == second);
}

}  // namespace daybook
