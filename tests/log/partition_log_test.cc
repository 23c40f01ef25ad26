#include "log/partition_log.h"

#include <thread>

#include "catch.h"
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

}  // namespace daybook
