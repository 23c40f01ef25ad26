#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/event_count.h"
#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

constexpr TopicCompressor::Settings kZstd = {.is_on = true, .level = 3, .dictionary_bytes = 0};

// A log with transactions in it, compressed or not.
struct TransactionLog : LogFixture {
  explicit TransactionLog(bool is_compressed = false)
      : LogFixture(Durability::kProcess, kSegmentBytes,
                   is_compressed ? kZstd : TopicCompressor::Settings{}) {}

  PartitionLog::Prepared Prepare(std::uint64_t id, const std::vector<std::string>& values) {
    std::vector<Record> records;
    for (const std::string& value : values) records.push_back(RecordOf(value));
    const auto prepared = log().AppendTransactional(records, id);
    INFO(prepared.status());
    REQUIRE(prepared.ok());
    return *prepared;
  }
  // All values before the end, the newest first.
  std::vector<std::string> Backwards(const ReadOptions& options = {}) {
    std::vector<std::string> values;
    for (Offset before = end();;) {
      const auto batch = log().ReadBackwards(before, options);
      INFO(batch.status());
      REQUIRE(batch.ok());
      if (batch->empty()) return values;
      REQUIRE(batch->next_offset() <= before);
      REQUIRE(batch->begin_offset() < before);
      for (const RecordView& record : batch->Backwards()) values.emplace_back(record.value);
      before = batch->begin_offset();
    }
  }
  Offset StableEnd() { return log().stable_end().value(); }
};

using Strings = std::vector<std::string>;

Strings Reversed(Strings values) {
  std::reverse(values.begin(), values.end());
  return values;
}

}  // namespace

TEST_CASE("The records of a committed transaction are read like those of a batch") {
  for (const bool is_compressed : {false, true}) {
    TransactionLog log(is_compressed);
    log.transactions().Commit(7);
    log.Write("a");
    const auto prepared = log.Prepare(7, {"b", "c", std::string(1000, 'd')});
    CHECK(prepared.first == Offset(1));
    CHECK(prepared.last_frame == Offset(1));
    CHECK(prepared.end == Offset(4));
    log.Write("e");
    const Strings all = {"a", "b", "c", std::string(1000, 'd'), "e"};
    CHECK(log.Values() == all);
    CHECK(log.Values(Offset(2)) == Strings(all.begin() + 2, all.end()));
    CHECK(log.Backwards() == Reversed(all));
    CHECK(log.Backwards({.max_records = 1}) == Reversed(all));
  }
}

TEST_CASE("Keys, headers, times and tombstones of a transaction come back") {
  TransactionLog log;
  log.transactions().Commit(1);
  const Header header{.name = "h", .value = "v"};
  Record first = RecordOf("key", "value");
  first.headers = {&header, 1};
  first.timestamp = Timestamp(std::chrono::seconds(42));
  Record second;
  second.key = "gone";
  REQUIRE(log.log().AppendTransactional(std::vector<Record>{first, second}, 1).ok());
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  const auto batch = log.log().Read(cursor, {}).value();
  const std::vector<RecordView> views(batch.begin(), batch.end());
  REQUIRE(views.size() == 2);
  CHECK(views[0].key == "key");
  CHECK(views[0].headers.Last("h") == "v");
  CHECK(views[0].timestamp == Timestamp(std::chrono::seconds(42)));
  CHECK(views[1].is_tombstone());
  CHECK(views[1].key == "gone");
}

TEST_CASE("Readers stop at an undecided transaction and go on when it is decided") {
  for (const bool commits : {false, true}) {
    TransactionLog log;
    log.Write("a");
    log.Prepare(7, {"b", "c"});
    log.Write("d");
    Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
    CHECK(log.log().Read(cursor, {}).value().size() == 1);
    CHECK(log.log().Read(cursor, {}).value().empty());
    CHECK(cursor.offset == Offset(1));
    CHECK_FALSE(log.log().HasMore(cursor));
    CHECK(log.StableEnd() == Offset(1));
    CHECK(log.end() == Offset(4));
    CHECK(log.log().NextReadable(Offset(1)).value() == Offset(1));
    CHECK(log.Backwards() == Strings{"a"});
    CHECK(log.Values(Offset(2)).empty());  // nor from within it

    EventCount event;
    log.log().waiters().Register(&event);
    const auto key = event.PrepareWait();
    commits ? log.transactions().Commit(7) : log.transactions().Abort(7);
    log.log().Announce();
    CHECK(event.CommitWait(key, Soon()));
    log.log().waiters().Unregister(&event);

    CHECK(log.log().HasMore(cursor));
    CHECK(log.StableEnd() == Offset(4));
    CHECK(log.Values() == (commits ? Strings{"a", "b", "c", "d"} : Strings{"a", "d"}));
    const auto batch = log.log().Read(cursor, {}).value();
    CHECK(batch.begin_offset() == Offset(commits ? 1 : 3));
    CHECK(batch.next_offset() == Offset(4));
    CHECK_FALSE(log.log().HasMore(cursor));
  }
}

TEST_CASE("Each undecided transaction is a stop of its own") {
  TransactionLog log;
  log.Prepare(1, {"a"});
  log.Prepare(2, {"b"});
  log.Write("c");
  log.transactions().Commit(2);
  CHECK(log.Values().empty());
  CHECK(log.StableEnd() == Offset(0));
  CHECK(log.Backwards().empty());
  log.transactions().Commit(1);
  CHECK(log.Values() == Strings{"a", "b", "c"});
}

TEST_CASE("A batch of records ends before a transaction that was not committed") {
  TransactionLog log;
  log.transactions().Abort(7);
  log.Write("a");
  log.Prepare(7, {"x", "y"});
  log.Prepare(7, {"z"});
  log.Write("b");
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  const auto first = log.log().Read(cursor, {}).value();
  CHECK(first.size() == 1);
  CHECK(first.next_offset() == Offset(1));
  CHECK(log.log().HasMore(cursor));
  const auto second = log.log().Read(cursor, {}).value();
  CHECK(second.begin_offset() == Offset(4));
  CHECK(second.begin()->value == "b");
  CHECK(log.log().NextReadable(Offset(1)).value() == Offset(4));
  CHECK(log.Values(Offset(2)) == Strings{"b"});
  CHECK(log.Backwards() == Strings{"b", "a"});
}

TEST_CASE("A time is found though its record was not committed") {
  TransactionLog log;
  log.clock().Set(Timestamp(std::chrono::seconds(1)));
  log.Write("a");
  log.clock().Set(Timestamp(std::chrono::seconds(2)));
  log.Prepare(1, {"x"});
  log.clock().Set(Timestamp(std::chrono::seconds(3)));
  log.Write("b");
  log.clock().Set(Timestamp(std::chrono::seconds(4)));
  log.Prepare(1, {"y", "y"});
  const auto at = [&](int seconds) {
    return log.log().OffsetForTime(Timestamp(std::chrono::seconds(seconds))).value();
  };
  CHECK(at(2) == Offset(1));  // it may still be
  log.transactions().Abort(1);
  CHECK(at(1) == Offset(0));
  CHECK(at(2) == Offset(2));
  CHECK(at(3) == Offset(2));
  CHECK(at(4) == Offset(5));
}

TEST_CASE("Forwards and backwards the same records are seen, however transactions ended") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random(seed);
    TransactionLog log(seed % 2 == 1);
    const bool leaves_undecided = seed % 3 == 0;
    std::vector<std::pair<std::string, bool>> all;  // and whether it counts
    std::optional<std::size_t> undecided;
    std::vector<std::uint64_t> open;
    const auto values = [&](bool counts) {
      Strings made(1 + random() % 5);
      for (std::string& value : made) {
        value = std::to_string(all.size());
        value.resize(value.size() + random() % 400, '.');
        all.emplace_back(value, counts);
      }
      return made;
    };
    for (std::uint64_t i = 0; i < 150 + random() % 300; ++i) {
      switch (random() % 5) {
        case 0: {
          log.transactions().Commit(i);
          log.Prepare(i, values(true));
          break;
        }
        case 1:
          log.transactions().Abort(i);
          log.Prepare(i, values(false));
          break;
        case 2:
          if (leaves_undecided && random() % 20 == 0) {
            if (!undecided) undecided = all.size();
            open.push_back(i);
            log.Prepare(i, values(false));
          }
          break;
        default:
          for (const std::string& value : values(true)) log.Write(value);
      }
    }
    const auto expected = [&](std::size_t from) {
      Strings counted;
      for (std::size_t i = from; i < undecided.value_or(all.size()); ++i) {
        if (all[i].second) counted.push_back(all[i].first);
      }
      return counted;
    };
    CHECK((log.Values() == expected(0)));
    CHECK((log.Backwards() == Reversed(expected(0))));
    CHECK((log.Backwards({.max_records = 3, .max_bytes = 500}) == Reversed(expected(0))));
    CHECK(log.StableEnd() == Offset(static_cast<std::int64_t>(undecided.value_or(all.size()))));
    for (std::size_t from = 0; from < undecided.value_or(all.size()); from += 1 + random() % 40) {
      REQUIRE((log.Values(Offset(static_cast<std::int64_t>(from))) == expected(from)));
    }
    log.Kill();
    CHECK((log.Values() == expected(0)));
    for (const std::uint64_t id : open) log.transactions().Abort(id);
    undecided.reset();
    CHECK((log.Values() == expected(0)));
    CHECK((log.Backwards() == Reversed(expected(0))));
  }
}

TEST_CASE("Without a table all transactions count") {
  TransactionLog log;
  log.context().transactions = nullptr;
  log.Prepare(1, {"a"});
  CHECK(log.Values() == Strings{"a"});
  CHECK(log.StableEnd() == Offset(1));
}

TEST_CASE("What does not fit one frame is split over several of the same transaction") {
  for (const bool is_compressed : {false, true}) {
    TransactionLog log(is_compressed);
    log.transactions().Commit(9);
    Strings values;
    for (int i = 0; i < 100; ++i) values.push_back(std::to_string(i) + std::string(1000, '.'));
    const auto prepared = log.Prepare(9, values);
    CHECK(prepared.first == Offset(0));
    CHECK(prepared.end == Offset(100));
    CHECK(prepared.last_frame > Offset(80));
    CHECK(log.Values() == values);
    CHECK(log.log().HasTransaction(Offset(0), 9).value());
    CHECK(log.log().HasTransaction(prepared.last_frame, 9).value());
    CHECK_FALSE(log.log().HasTransaction(Offset(1), 9).value());
    CHECK(log.Segments().size() > (is_compressed ? 0U : 1U));
  }
}

TEST_CASE("The largest record of a topic may be in a transaction, and no larger one") {
  TransactionLog log;
  log.transactions().Commit(1);
  const std::size_t most = TransactionLog::kSegmentBytes / 4;
  const Header header{.name = "h", .value = "v"};
  const std::string value(most - 3 - 8, 'v');
  Record largest = RecordOf("key", value);
  largest.headers = {&header, 1};
  largest.timestamp = Timestamp(std::chrono::seconds(1));
  REQUIRE(log.log().Append(largest, std::nullopt).ok());
  REQUIRE(log.log().AppendTransactional({&largest, 1}, 1).ok());
  log.Kill();
  CHECK(log.Values() == Strings{value, value});

  const std::string longer(most + 100, 'v');
  const std::vector<Record> records = {RecordOf("small"), RecordOf(longer)};
  const auto refused = log.log().AppendTransactional(records, 1);
  CHECK(absl::IsInvalidArgument(refused.status()));
  CHECK(std::string(refused.status().message()).find("max.message.bytes") != std::string::npos);
  CHECK(absl::IsInvalidArgument(log.log().AppendTransactional({}, 1).status()));
  CHECK(log.end() == Offset(2));  // nothing was written
}

TEST_CASE("After an error the frames that were written are those of the transaction") {
  TransactionLog log;
  log.Write("a");
  log.disk().SetCapacity(0);
  const Strings values(100, std::string(1000, '.'));
  std::vector<Record> records;
  for (const std::string& value : values) records.push_back(RecordOf(value));
  CHECK(absl::IsResourceExhausted(log.log().AppendTransactional(records, 5).status()));
  log.disk().SetCapacity(std::uint64_t{1} << 30);
  log.transactions().Abort(5);
  log.Write("b");
  CHECK(log.Values() == Strings{"a", "b"});
}

TEST_CASE("A transaction is found again by the offset of its frame") {
  TransactionLog log;
  CHECK_FALSE(log.log().HasTransaction(Offset(0), 7).value());
  log.Write("a");
  log.Prepare(7, {"b", "c"});
  CHECK_FALSE(log.log().HasTransaction(Offset(0), 7).value());
  CHECK(log.log().HasTransaction(Offset(1), 7).value());
  CHECK_FALSE(log.log().HasTransaction(Offset(1), 8).value());
  CHECK_FALSE(log.log().HasTransaction(Offset(2), 7).value());
  CHECK_FALSE(log.log().HasTransaction(Offset(3), 7).value());
  CHECK_FALSE(log.log().HasTransaction(Offset(9), 7).value());
  log.Kill();
  CHECK(log.log().HasTransaction(Offset(1), 7).value());
  log.Corrupt("00000000000000000000.log", frame::kSegmentHeaderBytes + 32 + 40);
  log.Kill();
  CHECK_FALSE(log.log().HasTransaction(Offset(1), 7).value());
}

TEST_CASE("After a power cut the last frame of a transaction says whether all are there") {
  int lost = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    TransactionLog log;
    log.Write("a");
    log.Sync();
    Strings values;
    for (int i = 0; i < 40; ++i) values.push_back(std::to_string(i) + std::string(1000, '.'));
    const auto prepared = log.Prepare(3, values);
    if (seed % 4 == 0) log.Sync();
    log.CutPower(seed);
    const bool is_there = log.log().HasTransaction(prepared.last_frame, 3).value();
    CHECK((is_there || seed % 4 != 0));
    lost += !is_there;
    is_there ? log.transactions().Commit(3) : log.transactions().Abort(3);
    Strings expected = values;
    if (!is_there) expected.clear();
    expected.insert(expected.begin(), "a");
    CHECK(log.Values() == expected);
  }
  CHECK(lost > 0);
}

TEST_CASE("A damaged transactional frame is reported, whatever became of the transaction") {
  TransactionLog log;
  log.transactions().Abort(7);
  log.Write("a");
  log.Prepare(7, {"b", "c"});
  log.Write("d");
  log.Corrupt("00000000000000000000.log", frame::kSegmentHeaderBytes + 32 + 26);  // its id
  CHECK(log.Values() == Strings{"a", "<damage>", "d"});
  Cursor cursor{.offset = Offset(1), .segment = nullptr, .position = 0};
  CHECK(absl::IsDataLoss(log.log().Read(cursor, {}).status()));
  CHECK(log.log().HasMore(cursor));  // Read says why
}

TEST_CASE("Transactions work in memory, too") {
  LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes, {},
                 MemorySettings{.segments = 4});
  log.Write("a");
  const std::vector<Record> records = {RecordOf("b"), RecordOf("c")};
  REQUIRE(log.log().AppendTransactional(records, 1).ok());
  REQUIRE(log.log().AppendTransactional(records, 2).ok());
  log.Write("d");
  CHECK(log.Values() == Strings{"a"});
  log.transactions().Abort(1);
  log.transactions().Commit(2);
  CHECK(log.Values() == Strings{"a", "b", "c", "d"});
}

}  // namespace daybook
