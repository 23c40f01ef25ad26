#include <chrono>
#include <string>

#include "catch.h"
#include "support/log/replaced_log.h"

namespace daybook {
TEST_CASE_METHOD(ReplacedLog, "One segment takes the place of three, and nobody misses an offset") {
  const std::size_t before = Segments().size();
  const Replacement replaced = Prepare(1, 4);
  Replace(replaced);
  CHECK(Segments().size() == before - 2);
  CheckReads(log(), replaced);
  CheckReads(log(), replaced, replaced.begin + 17);
  CHECK(Issues() == std::vector<std::string>());
  CHECK(end() == Offset(4'000));
  Kill();
  CheckReads(log(), replaced);
  CutPower(3);
  CheckReads(log(), replaced);
  CHECK(Issues() == std::vector<std::string>());
  // Backwards, too, from the middle of what was replaced.
  const auto batch = log().ReadBackwards(replaced.begin + 25, {.max_records = 1}).value();
  REQUIRE_FALSE(batch.empty());
  CHECK(batch.begin()->offset.value() % 10 == 0);
  CHECK(batch.begin()->offset < replaced.begin + 25);
}

TEST_CASE_METHOD(ReplacedLog, "A segment that was replaced can be replaced again") {
  Replace(Prepare(0, 3));
  const Replacement all = Prepare(0, 3, 0xbeef);  // it and two others
  Replace(all);
  CheckReads(log(), all);
  CHECK(Issues() == std::vector<std::string>());
}

TEST_CASE_METHOD(ReplacedLog, "Readers that stand in what is replaced go on with what they have") {
  Cursor first{.offset = Base(1) + 5, .segment = nullptr, .position = 0};
  Cursor second{.offset = Base(2) + 5, .segment = nullptr, .position = 0};
  const Offset third = Base(3);
  const auto batch = log().Read(first, {.max_records = 1}).value();
  REQUIRE(log().Read(second, {.max_records = 1}).ok());
  Replace(Prepare(1, 4));
  CHECK(batch.begin()->value.substr(0, 3) ==
        std::to_string(batch.begin()->offset.value()).substr(0, 3));
  for (Cursor* cursor : {&first, &second}) {
    while (cursor->offset < third) {
      const auto more = log().Read(*cursor, {.max_records = 100});
      INFO(more.status());
      REQUIRE(more.ok());
      REQUIRE_FALSE(more->empty());
    }
  }
}

TEST_CASE_METHOD(ReplacedLog, "Another process that follows the log sees what was replaced") {
  const auto follower = Follow();
  Cursor first{.offset = Base(1) + 5, .segment = nullptr, .position = 0};
  REQUIRE(follower->Read(first, {.max_records = 1}).ok());
  Cursor second{.offset = Base(2) + 5, .segment = nullptr, .position = 0};
  REQUIRE(follower->Read(second, {.max_records = 1}).ok());
  const Replacement replaced = Prepare(1, 4);
  const Offset third = Base(3);
  Replace(replaced);
  // The first to read on has not listed the directory since.
  while (second.offset < Offset(4'000)) {
    const auto more = follower->Read(second, {.max_records = 100});
    INFO(more.status() << " at " << second.offset.value());
    REQUIRE(more.ok());
    REQUIRE_FALSE(more->empty());
    if (more->begin()->offset >= third) CHECK(more->begin()->offset.value() % 10 == 0);
    if (more->begin()->offset >= third) break;
  }
  CheckReads(*follower, replaced);
  // Who had read on in the first one has its records, and then those of the new one that follow.
  while (first.offset < Offset(4'000)) {
    const auto more = follower->Read(first, {.max_records = 100});
    INFO(more.status());
    REQUIRE(more.ok());
    REQUIRE_FALSE(more->empty());
  }
}

TEST_CASE_METHOD(ReplacedLog, "What is not durable, open or undecided is not replaced") {
  const Record record = RecordOf("t");
  REQUIRE(log().AppendTransactional({&record, 1}, 7).ok());
  WriteMany(1'000);
  const std::size_t last = Segments().size() - 1;
  const Replacement replacement{.begin = Base(last - 1), .end = Base(last), .segment_id = 1};
  auto status = log().ReplaceSegments({.begin = Base(5), .end = Base(last), .segment_id = 1});
  CHECK(std::string(status.message()).find("undecided") != std::string::npos);
  transactions().Commit(7);
  status = log().ReplaceSegments(replacement);
  CHECK(std::string(status.message()).find("not durable") != std::string::npos);
  Sync();
  auto claim = log().Claim({.value_bytes = 4});
  REQUIRE(claim.ok());
  WriteMany(1'000);
  const std::size_t now = Segments().size() - 1;
  status = log().ReplaceSegments({.begin = Base(last), .end = Base(now), .segment_id = 1});
  CHECK(std::string(status.message()).find("claim") != std::string::npos);
}

TEST_CASE_METHOD(ReplacedLog, "Times are searched in what was replaced, by a follower, too") {
  const auto follower = Follow();
  clock().Advance(std::chrono::hours(1));
  const Timestamp later = clock().Now();
  CHECK(follower->OffsetForTime(later).value() == Offset(4'000));
  WriteMany(1'000);
  Sync();
  const std::size_t last = Segments().size() - 1;
  CHECK(follower->OffsetForTime(later).value() == Offset(4'000));
  // Its first segment has no record of that time, and the others have.
  std::size_t first = 0;
  while (Base(first + 1) <= Offset(4'000)) ++first;
  Replace(Prepare(first - 1, last));
  CHECK(log().OffsetForTime(later).value() == Offset(4'000));
  CHECK(follower->OffsetForTime(later).value() == Offset(4'000));
}

TEST_CASE_METHOD(ReplacedLog, "What a failing disk has left of a replacement never comes back") {
  const Replacement replaced = Prepare(0, 3);
  const Offset behind = Base(4);
  disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kRemove
               ? absl::UnavailableError("the disk does not answer")
               : absl::OkStatus();
  });
  CHECK_FALSE(log().ReplaceSegments(replaced).ok());
  disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string& path) {
    return operation == SimulatedFileSystem::Operation::kRemove && !path.ends_with(".index") &&
                   !path.ends_with(".producers")
               ? absl::UnavailableError("the disk does not answer")
               : absl::OkStatus();
  });
  const auto status = log().ReplaceSegments(replaced);
  CHECK(absl::IsUnavailable(status));
  disk().SetHook(nullptr);
  REQUIRE(log().DropBefore(behind).ok());
  CHECK(log().begin_offset().value() == behind);
  Kill();
  CHECK(log().begin_offset().value() == behind);
  CHECK(Issues() == std::vector<std::string>());
}

}  // namespace daybook
