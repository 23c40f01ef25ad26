#include <limits>
#include <new>
#include <string>
#include <vector>

#include "catch.h"
#include "log/partition_log.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

ClaimOptions ClaimOf(std::size_t bytes) {
  ClaimOptions options;
  options.value_bytes = bytes;
  return options;
}

void Fill(const RecordClaim& claim, char c) {
  for (std::byte& byte : claim.value()) byte = static_cast<std::byte>(c);
}

}  // namespace

TEST_CASE("Appends return consecutive offsets") {
  LogFixture log;
  CHECK(log.Write("a") == Offset(0));
  CHECK(log.Write("b") == Offset(1));
}

TEST_CASE("A record over the limit is refused with the limit and nothing is appended") {
  LogFixture log;
  const std::string most(LogFixture::kSegmentBytes / 4, 'x');
  CHECK(log.log().Append(RecordOf(most), std::nullopt).ok());
  for (const std::size_t more : {1, 12, 13}) {
    const auto status =
        log.log().Append(RecordOf(most + std::string(more, 'x')), std::nullopt).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message().find("16384") != absl::string_view::npos);
  }
  CHECK(log.end() == Offset(1));
}

TEST_CASE("Key, headers and value count against the limit, and nothing else does") {
  constexpr std::size_t kMost = LogFixture::kSegmentBytes / 4;
  const std::vector<Header> headers = {{"name", "some"}, {"n", std::nullopt}};  // 14 and 7 bytes
  const std::string key(100, 'k');
  for (int parts = 0; parts < 16; ++parts) {
    LogFixture log;
    std::size_t rest = kMost;
    Record record;
    if (parts & 1) {
      record.key = key;
      rest -= key.size();
    }
    if (parts & 2) {
      record.headers = headers;
      rest -= 21;
    }
    if (parts & 4) record.timestamp = Timestamp(std::chrono::seconds(7));
    const auto append = [&] {
      return parts & 8 ? log.log().AppendSequenced(record, 7, 1).status()
                       : log.log().Append(record, std::nullopt).status();
    };
    INFO(parts);
    const std::string over(rest + 1, 'x');
    record.value = over;
    CHECK(absl::IsInvalidArgument(append()));
    const std::string most(rest, 'x');
    record.value = most;
    CHECK(append().ok());
    CHECK(log.Values() == std::vector<std::string>{most});
  }
}

TEST_CASE("Claims and the records of transactions have the same limit") {
  constexpr std::size_t kMost = LogFixture::kSegmentBytes / 4;
  LogFixture log;
  CHECK(absl::IsInvalidArgument(log.log().Claim(ClaimOf(kMost + 1)).status()));
  CHECK(log.log().Claim(ClaimOf(kMost)).ok());
  const std::string over(kMost + 1, 'x');
  Record record = RecordOf(over);
  record.key = "";
  record.timestamp = Timestamp();
  CHECK(absl::IsInvalidArgument(log.log().AppendTransactional({&record, 1}, 1).status()));
  const std::string most(kMost, 'x');
  record.value = most;
  CHECK(log.log().AppendTransactional({&record, 1}, 1).ok());
}

TEST_CASE("A header name over its limit is refused") {
  LogFixture log;
  const std::string name(70'000, 'n');
  const std::vector<Header> headers = {{name, std::nullopt}};
  Record record = RecordOf("v");
  record.headers = headers;
  CHECK(absl::IsInvalidArgument(log.log().Append(record, std::nullopt).status()));
  CHECK(log.end() == Offset(0));
}

TEST_CASE("A claim is filled in place and seen once it is committed") {
  LogFixture log;
  auto claim = log.log().Claim(ClaimOf(3));
  REQUIRE(claim.ok());
  CHECK(claim->offset() == Offset(0));
  Fill(*claim, 'x');
  CHECK(log.Values().empty());
  std::move(*claim).Commit();
  CHECK(log.Values() == std::vector<std::string>{"xxx"});
}

TEST_CASE("Readers wait at an open claim and pass over an abandoned one") {
  LogFixture log;
  log.Write("a");
  {
    auto claim = log.log().Claim(ClaimOf(10));
    REQUIRE(claim.ok());
    log.Write("c");
    CHECK(log.Values() == std::vector<std::string>{"a"});
    CHECK(log.end() == Offset(1));
  }
  CHECK(log.Values() == std::vector<std::string>{"a", "c"});
  CHECK(log.end() == Offset(3));
}

TEST_CASE("A claim in a segment that was rolled meanwhile is still seen in its place") {
  LogFixture log;
  auto claim = log.log().Claim(ClaimOf(1));
  REQUIRE(claim.ok());
  Fill(*claim, 'x');
  log.WriteMany(1000);
  REQUIRE(log.Segments().size() > 1);
  CHECK(log.Values().empty());
  CHECK(log.end() == Offset(0));
  std::move(*claim).Commit();
  CHECK(log.end() == Offset(1001));
  CHECK(log.Values().front() == "x");
}

TEST_CASE("Records that fill a segment exactly leave no gap at the roll") {
  // The last record of a segment ends at every distance from the limit, the exact fit included.
  for (std::size_t bytes = 0; bytes < 64; bytes += 8) {
    LogFixture log;
    log.WriteMany(1500, 200 + bytes);
    CHECK(log.end() == Offset(1500));
    CHECK(log.Values().size() == 1500);
    log.Kill();
    CHECK(log.Values().size() == 1500);
  }
}

TEST_CASE("A full disk refuses the append and changes nothing, and space makes it work again") {
  LogFixture log;
  log.Write("first");
  log.disk().SetCapacity(0);
  std::size_t written = 1;
  absl::Status status;
  for (int i = 0; i < 10'000 && status.ok(); ++i) {
    status = log.log().Append(RecordOf(std::string(100, 'x')), std::nullopt).status();
    if (status.ok()) ++written;
  }
  CHECK(absl::IsResourceExhausted(status));
  CHECK(log.Values().size() == written);
  CHECK(log.end() == Offset(static_cast<std::int64_t>(written)));
  // Reading, and failing, go on.
  CHECK(absl::IsResourceExhausted(log.log().Append(RecordOf("y"), std::nullopt).status()));
  log.disk().SetCapacity(std::uint64_t{1} << 30);
  log.Write("again");
  CHECK(log.Values().size() == written + 1);
  CHECK(log.Values().back() == "again");
  log.Kill();
  CHECK(log.Values().size() == written + 1);
}

TEST_CASE("Every capacity from none to enough keeps what was acknowledged") {
  for (std::uint64_t capacity = 0; capacity <= 200 << 10; capacity += 4096) {
    LogFixture log;
    log.disk().SetCapacity(capacity);
    std::vector<std::string> acknowledged;
    for (int i = 0; i < 300; ++i) {
      std::string value = std::to_string(i) + std::string(700, '.');
      if (log.log().Append(RecordOf(value), std::nullopt).ok()) {
        acknowledged.push_back(std::move(value));
      }
    }
    CHECK(log.Values() == acknowledged);
    log.disk().SetCapacity(1 << 30);
    log.Kill();
    CHECK(log.Values() == acknowledged);
  }
}

TEST_CASE("Appends that are acknowledged while memory is short survive a kill") {
  for (int count = 1; count < 120; ++count) {
    INFO(count);
    LogFixture log;
    log.context().steps = kSmallSteps;
    log.WriteMany(count, 300);
    log.disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
      if (operation == SimulatedFileSystem::Operation::kOpen) throw std::bad_alloc();
      return absl::OkStatus();
    });
    const std::string value(300, 'v');
    bool is_acknowledged = false;
    try {
      is_acknowledged = log.log().Append(RecordOf(value), std::nullopt).ok();
    } catch (const std::bad_alloc&) {  // of the next segment; what uses the log catches it
    }
    log.disk().SetHook(nullptr);
    log.Kill();
    REQUIRE(log.end() >= Offset(count + is_acknowledged));
    REQUIRE(log.Values().size() == static_cast<std::size_t>(count + is_acknowledged));
  }
}

TEST_CASE("A claim of more bytes than there are numbers is refused with the number") {
  LogFixture log;
  const std::string key(26, 'k');
  ClaimOptions options;
  options.key = key;
  options.value_bytes = std::numeric_limits<std::size_t>::max() - 20;
  const auto claim = log.log().Claim(options);
  CHECK(absl::IsInvalidArgument(claim.status()));
  CHECK(std::string(claim.status().message()).find("18446744073709551615") != std::string::npos);
}

}  // namespace daybook
