#include "log/partition_log.h"

#include <thread>

#include "catch.h"
#include "format/segment_header.h"
#include "support/empty_segment.h"
#include "support/log_fixture.h"

namespace daybook {

TEST_CASE("A partition that was never used costs nothing and ends at 0") {
  LogFixture log;
  CHECK(log.end() == Offset(0));
  CHECK(log.Values().empty());
  CHECK(log.disk().Files().empty());
}

TEST_CASE("Begin and end are half-open and survive a roll") {
  LogFixture log;
  log.WriteMany(2000);
  CHECK(log.Segments().size() > 2);
  CHECK(log.log().begin_offset().value() == Offset(0));
  CHECK(log.end() == Offset(2000));
  CHECK(log.Values().size() == 2000);
}

TEST_CASE("A closed log answers with the reason it was given") {
  LogFixture log;
  log.Write("a");
  log.log().Close(absl::FailedPreconditionError("maintenance"));
  CHECK(log.log().Append(RecordOf("b"), std::nullopt).status().message() == "maintenance");
  CHECK(log.Values() == std::vector<std::string>{"a"});
  log.log().Delete(absl::NotFoundError("gone"));
  Cursor cursor;
  CHECK(absl::IsNotFound(log.log().Read(cursor, {}).status()));
  CHECK(absl::IsNotFound(log.log().end_offset().status()));
}

TEST_CASE("A clean close leaves nothing to scan and goes on in the same file") {
  LogFixture log;
  log.WriteMany(100);
  log.CloseCleanly();
  CHECK(log.end() == Offset(100));
  CHECK(log.recovery().bytes_scanned == 0);
  log.Write("next");
  CHECK(log.Segments().size() == 1);
  CHECK(log.Values().size() == 101);
}

TEST_CASE("Offsets and bytes of many threads are dense and each thread's order is kept") {
  LogFixture log;
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string value = std::to_string(t) + " " + std::to_string(i);
        if (!log.log().Append(RecordOf(value), std::nullopt).ok()) std::terminate();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(log.end() == Offset(kThreads * kEach));
  std::vector<int> next(kThreads);
  for (const std::string& value : log.Values()) {
    const std::size_t space = value.find(' ');
    int& expected = next[static_cast<std::size_t>(std::stoi(value.substr(0, space)))];
    REQUIRE(std::stoi(value.substr(space + 1)) == expected);
    ++expected;
  }
  CHECK(next == std::vector<int>(kThreads, kEach));
}

TEST_CASE("Who reads another process's log sees its end, whatever segments come") {
  LogFixture log;
  log.Write("a");
  const auto follower = log.Follow();
  CHECK(follower->end_offset().value() == Offset(1));
  for (int i = 0; i < 5; ++i) {
    log.WriteMany(700);
    CHECK(follower->end_offset().value() == log.end());
    Cursor cursor{.offset = Offset(log.end().value() - 1), .segment = nullptr, .position = 0};
    CHECK(follower->Read(cursor, {}).value().size() == 1);
  }
}

TEST_CASE("A claim that is open ends the log for whoever looks, whatever segments follow") {
  LogFixture log;
  log.WriteMany(700);
  const auto early = log.Follow();
  CHECK(early->end_offset().value() == Offset(700));
  log.WriteMany(2'000);
  ClaimOptions options;
  options.value_bytes = 50;
  auto claim = log.log().Claim(options);
  REQUIRE(claim.ok());
  log.WriteMany(2'000);
  log.clock().Advance(std::chrono::seconds(1));
  const Timestamp later = log.clock().Now();
  log.WriteMany(2'000);
  const auto late = log.Follow();
  PartitionLog* const writer = &log.log();
  for (PartitionLog* const who : {writer, early.get(), late.get()}) {
    CAPTURE(who == writer, who == early.get());
    CHECK(who->end_offset().value() == Offset(2'700));
    CHECK(who->OffsetForTime(later).value() == Offset(2'700));
    CHECK(absl::IsOutOfRange(who->ReadBackwards(Offset(6'701), {}).status()));
    CHECK(who->ReadBackwards(Offset(2'700), {}).value().next_offset() == Offset(2'700));
  }
  std::move(*claim).Commit();
  for (PartitionLog* const who : {writer, early.get(), late.get()}) {
    CHECK(who->end_offset().value() == Offset(6'701));
    CHECK(who->OffsetForTime(later).value() == Offset(4'701));
    CHECK(who->ReadBackwards(Offset(6'701), {}).value().next_offset() == Offset(6'701));
  }
}

TEST_CASE("Who comes to another process's log looks into few segments, however many there are") {
  LogFixture log;
  log.WriteMany(20'000);
  CHECK(log.Segments().size() > 20);
  int maps = 0;
  log.disk().SetHook([&maps](SimulatedFileSystem::Operation operation, const std::string&) {
    maps += operation == SimulatedFileSystem::Operation::kMap;
    return absl::OkStatus();
  });
  CHECK(log.Follow()->end_offset().value() == Offset(20'000));
  CHECK(maps <= 3);
}

TEST_CASE("A damaged segment holds nobody up who comes to the log of another process") {
  LogFixture log;
  log.WriteMany(2'000);
  ClaimOptions options;
  options.value_bytes = 1;
  const auto claim = log.log().Claim(options);
  log.WriteMany(2'000);
  const std::vector<std::string> segments = log.Segments();
  REQUIRE(segments.size() > 5);
  log.Corrupt(segments[segments.size() - 2], 0);
  CHECK(log.Follow()->end_offset().value() == Offset(2'000));
  log.Corrupt(segments.back(), 0);  // which notes that those before the claim are whole
  log.Corrupt(segments[1], 0);
  CHECK(log.Follow()->end_offset().value() == Offset(2'000));
}

TEST_CASE("Who reads another process's log sees that an empty segment was replaced") {
  EmptyLastSegment log;
  const auto early = log.Follow();
  CHECK(early->end_offset().value() == Offset(410));
  ClaimOptions options;
  options.value_bytes = 1;
  auto claim = log.log().Claim(options);
  REQUIRE(claim.ok());
  CHECK(early->end_offset().value() == Offset(410));
  log.WriteMany(2'000);
  CHECK(early->end_offset().value() == Offset(410));
  std::move(*claim).Commit();
  CHECK(early->end_offset().value() == Offset(2'411));
  CHECK(early->ReadBackwards(Offset(411), {}).value().next_offset() == Offset(411));
}

TEST_CASE("Who reads another process's log sees what came and went, whatever is asked first") {
  LogFixture log;
  log.WriteMany(700);
  log.clock().Advance(std::chrono::seconds(1));
  const Timestamp later = log.clock().Now();
  for (int question = 0; question < 2; ++question) {
    CAPTURE(question);
    const auto follower = log.Follow();
    const Offset end = log.end();
    CHECK(follower->end_offset().value() == end);
    log.WriteMany(2'000);
    REQUIRE(log.log().DropBefore(end).ok());
    if (question == 0) CHECK(follower->OffsetForTime(later).value() == end);
    CHECK(follower->begin_offset().value() == log.log().begin_offset().value());
  }
}

TEST_CASE("Who reads a log before it is recovered from a power cut goes on with it") {
  const int synced =
      GENERATE(0, 5);  // of none, not even the first header may have reached the disk
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(synced, seed);
    LogFixture log;
    log.WriteMany(synced);
    log.Sync();
    log.WriteMany(3'000);
    log.CutPower(seed);
    const auto follower = log.Follow();
    CHECK(follower->end_offset().value() >= Offset(synced));
    Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
    auto batch = follower->Read(cursor, {});
    while (batch.ok() && !batch->empty()) batch = follower->Read(cursor, {});
    CHECK((batch.ok() || absl::IsDataLoss(batch.status())));
    CHECK(cursor.offset >= Offset(synced));
    log.Write("a");
    CHECK(follower->end_offset().value() == log.end());
    log.WriteMany(4'000);
    CHECK(follower->end_offset().value() == log.end());
    const Offset last = log.end() + -1;
    CHECK(follower->ReadBackwards(log.end(), {.max_records = 1}).value().begin_offset() == last);
  }
}

TEST_CASE("Who reads a log of which no header has reached the disk finds nothing in it") {
  LogFixture log;
  log.WriteMany(1'400);
  const std::vector<std::byte> nothing(frame::kSegmentHeaderBytes);
  const auto directory = log.root().OpenDirectory("orders-0").value();
  for (const std::string& name : log.Segments()) {
    REQUIRE(directory->OpenFile(name, FileMode::kReadWrite).value()->WriteAt(0, nothing).ok());
  }
  const auto follower = log.Follow();
  CHECK(follower->end_offset().value() == Offset(0));
  CHECK(follower->begin_offset().ok());
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  CHECK(follower->Read(cursor, {}).value().empty());
}

TEST_CASE("A new leader epoch begins a segment, and is remembered with its first record") {
  LogFixture log;
  log.Write("a");
  log.Write("b");
  REQUIRE(log.log().StartEpoch(3).ok());
  REQUIRE(log.log().StartEpoch(3).ok());
  CHECK(log.Segments().size() == 1);
  log.Write("c");
  CHECK(log.Segments().size() == 2);
  log.Write("d");
  CHECK(log.Values() == std::vector<std::string>{"a", "b", "c", "d"});
  const auto epoch_of = [&](std::int64_t base) {
    const auto directory = log.root().OpenDirectory("orders-0").value();
    const auto file =
        directory->OpenFile(SegmentFileName(Offset(base), ".log"), FileMode::kRead).value();
    std::vector<std::byte> page(frame::kSegmentHeaderBytes);
    REQUIRE(file->ReadAt(0, page).ok());
    return frame::DecodeSegmentHeader(page).value().leader_epoch;
  };
  CHECK(epoch_of(0) == 0);
  CHECK(epoch_of(2) == 3);
  CHECK(absl::IsFailedPrecondition(log.log().StartEpoch(2)));
  log.Sync();
  for (int i = 0; i < 2; ++i) {
    i == 0 ? log.Kill() : log.CutPower(1);
    CHECK(absl::IsFailedPrecondition(log.log().StartEpoch(2)));
    CHECK(log.log().StartEpoch(3).ok());
  }
}

}  // namespace daybook
