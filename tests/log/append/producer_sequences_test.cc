#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

constexpr std::uint64_t kA = 0xaaaa;
constexpr std::uint64_t kB = 0xbbbb;

struct SequencedLog : LogFixture {
  using LogFixture::LogFixture;

  Offset Send(std::uint64_t producer, std::int64_t sequence, std::size_t bytes = 100) {
    std::string value = std::to_string(producer) + ":" + std::to_string(sequence);
    value.resize(std::max(value.size(), bytes), '.');
    const auto offset = log().AppendSequenced(RecordOf(value), producer, sequence);
    INFO(offset.status());
    REQUIRE(offset.ok());
    return *offset;
  }
  absl::Status SendStatus(std::uint64_t producer, std::int64_t sequence) {
    return log().AppendSequenced(RecordOf("v"), producer, sequence).status();
  }
  std::optional<ProducerState::Last> Last(std::uint64_t producer) {
    const auto last = log().LastSequence(producer);
    INFO(last.status());
    REQUIRE(last.ok());
    return *last;
  }
  std::vector<std::string> Hints() const {
    std::vector<std::string> names;
    for (const std::string& path : disk_files()) {
      if (path.ends_with(".producers")) names.push_back(path.substr(path.rfind('/') + 1));
    }
    return names;
  }
  std::vector<std::string> disk_files() const {
    return const_cast<SequencedLog*>(this)->disk().Files();
  }
};

}  // namespace

TEST_CASE("What a named producer sends again is answered with its offset and not appended") {
  SequencedLog log;
  CHECK_FALSE(log.Last(kA).has_value());
  CHECK(log.Send(kA, 0) == Offset(0));
  log.Write("of nobody");
  CHECK(log.Send(kA, 1) == Offset(2));
  CHECK(log.Send(kB, 1) == Offset(3));  // each has numbers of its own
  CHECK(log.Send(kA, 1) == Offset(2));
  CHECK(log.Send(kA, 0) == Offset(0));
  CHECK(log.Send(kB, 1) == Offset(3));
  CHECK(log.end() == Offset(4));
  CHECK(log.Last(kA)->sequence == 1);
  CHECK(log.Last(kA)->offset == Offset(2));
  CHECK(log.Send(kA, 2) == Offset(4));
}

TEST_CASE("Sequences may leave some out, and those are never there") {
  SequencedLog log;
  log.Send(kA, 10);
  log.Send(kA, 20);
  CHECK(absl::IsOutOfRange(log.SendStatus(kA, 15)));
  CHECK(absl::IsOutOfRange(log.SendStatus(kA, 5)));
  CHECK(absl::IsInvalidArgument(log.SendStatus(kA, -1)));
  CHECK(log.end() == Offset(2));
}

TEST_CASE("Keys, headers, times and tombstones of sequenced records come back") {
  SequencedLog log;
  const Header header{.name = "h", .value = "v"};
  Record full = RecordOf("key", "value");
  full.headers = {&header, 1};
  full.timestamp = Timestamp(std::chrono::seconds(42));
  Record tombstone;
  tombstone.key = "gone";
  REQUIRE(log.log().AppendSequenced(full, kA, 0).ok());
  REQUIRE(log.log().AppendSequenced(tombstone, kA, 1).ok());
  REQUIRE(log.log().AppendSequenced(RecordOf("plain"), kA, 2).ok());
  log.Kill();
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  const auto batch = log.log().Read(cursor, {}).value();
  const std::vector<RecordView> views(batch.begin(), batch.end());
  REQUIRE(views.size() == 3);
  CHECK(views[0].key == "key");
  CHECK(views[0].value == "value");
  CHECK(views[0].headers.Last("h") == "v");
  CHECK(views[0].timestamp == Timestamp(std::chrono::seconds(42)));
  CHECK(views[1].is_tombstone());
  CHECK(views[1].key == "gone");
  CHECK(views[2].value == "plain");
  CHECK_FALSE(views[2].key.has_value());
}

TEST_CASE("The largest record of a topic may be sequenced, and no larger one") {
  SequencedLog log;
  const std::size_t most = LogFixture::kSegmentBytes / 4;
  const std::string value(most - 3, 'v');
  Record largest = RecordOf("key", value);
  largest.timestamp = Timestamp(std::chrono::seconds(1));
  REQUIRE(log.log().AppendSequenced(largest, kA, 0).ok());
  log.Kill();
  CHECK(log.Values() == std::vector<std::string>{value});
  const std::string longer(most + 100, 'v');
  CHECK(absl::IsInvalidArgument(log.log().AppendSequenced(RecordOf(longer), kA, 1).status()));
  CHECK(log.Send(kA, 1) == Offset(1));  // the sequence was not used up
}

TEST_CASE("After a kill producers are known from the log, wherever their records are") {
  for (const bool has_hints : {true, false}) {
    SequencedLog log;
    std::map<std::pair<std::uint64_t, std::int64_t>, Offset> sent;
    std::minstd_rand random(5);
    std::int64_t next[2] = {0, 0};
    for (int i = 0; i < 4'000; ++i) {
      const int who = random() % 2;
      if (random() % 3 == 0) log.WriteMany(1);
      next[who] += 1 + random() % 2;
      const std::uint64_t producer = who == 0 ? kA : kB;
      sent[{producer, next[who]}] = log.Send(producer, next[who]);
    }
    REQUIRE(log.Segments().size() > 8);
    CHECK(log.Hints().size() >= log.Segments().size() - 2);
    if (!has_hints) {
      for (const std::string& name : log.Hints()) log.Corrupt(name, 20);
    }
    const Offset end = log.end();
    log.Kill();
    CHECK(log.Last(kA)->sequence == next[0]);
    CHECK(log.Last(kB)->sequence == next[1]);
    // In any order, those of before the newest hint among them.
    for (const auto& [what, offset] : sent) {
      if (random() % 20 == 0) REQUIRE(log.Send(what.first, what.second) == offset);
    }
    CHECK(log.end() == end);
    CHECK(log.Send(kA, next[0] + 1) == end);
  }
}

TEST_CASE("A hint spares the look at the segments before it") {
  SequencedLog log;
  for (int i = 0; i < 4'000; ++i) log.Send(kA, i);
  const std::vector<std::string> segments = log.Segments();
  REQUIRE(segments.size() > 5);
  // Nobody looks at the first one: its damage is not seen.
  log.Kill();
  std::vector<std::string> mapped;
  log.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string& path) {
    if (operation == SimulatedFileSystem::Operation::kMap) mapped.push_back(path);
    return absl::OkStatus();
  });
  log.log().end_offset().IgnoreError();
  mapped.clear();
  CHECK(log.Last(kA)->sequence == 3'999);
  CHECK(mapped.size() <= 2);
  log.disk().SetHook(nullptr);
}

TEST_CASE("The first look leaves a hint, also where nobody was named before") {
  SequencedLog log;
  log.WriteMany(3'000);
  CHECK(log.Hints().empty());
  log.Send(kA, 0);
  REQUIRE(log.Hints().size() == 1);
  const std::size_t segments = log.Segments().size();
  CHECK(log.Hints()[0].substr(0, 20) == log.Segments()[segments - 2].substr(0, 20));
}

TEST_CASE("After a power cut a producer goes on after the last record that is there") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    SequencedLog log;
    for (int i = 0; i < 1'500; ++i) log.Send(kA, i);
    log.Sync();
    for (int i = 1'500; i < 3'000; ++i) log.Send(kA, i);
    log.CutPower(seed);
    const std::int64_t end = log.end().value();
    REQUIRE(end >= 1'500);
    // One sync is for both: what is known of the producer is what is there of its records.
    CHECK(log.Last(kA)->sequence == end - 1);
    for (int i = 1'400; i < 3'000; ++i) REQUIRE(log.Send(kA, i) == Offset(i));
    CHECK(log.end() == Offset(3'000));
    log.Kill();
    CHECK(log.Send(kA, 17) == Offset(17));
    CHECK(log.Last(kA)->sequence == 2'999);
  }
}

TEST_CASE("A hint of a segment that is another one now is not taken") {
  SequencedLog log;
  for (int i = 0; i < 1'000; ++i) log.Send(kA, i);
  REQUIRE(log.Hints().size() == 2);
  log.Kill();
  // As if the files had stayed and the segments had not.
  log.Corrupt(log.Hints()[0], 8);
  log.Corrupt(log.Hints()[1], 16);
  CHECK(log.Last(kA)->sequence == 999);
  CHECK(log.Send(kA, 3) == Offset(3));
}

TEST_CASE("What was dropped is out of range, and the last sequence stays known") {
  SequencedLog log;
  for (int i = 0; i < 3'000; ++i) log.Send(kA, i);
  REQUIRE(log.log().DropBefore(Offset(2'000)).ok());
  const std::int64_t begin = log.log().begin_offset().value().value();
  REQUIRE(begin > 0);
  CHECK(log.Send(kA, begin) == Offset(begin));
  CHECK(absl::IsOutOfRange(log.SendStatus(kA, begin - 1)));
  log.WriteMany(3'000);
  REQUIRE(log.log().DropBefore(Offset(5'500)).ok());
  log.Send(kB, 0);  // leaves a hint
  log.Kill();
  CHECK(log.Last(kA)->sequence == 2'999);
  CHECK(absl::IsOutOfRange(log.SendStatus(kA, 2'990)));
  for (const std::string& name : log.Hints()) CHECK(name > log.Segments()[0].substr(0, 20));
}

TEST_CASE("A damaged record does not hide those behind it") {
  SequencedLog log;
  for (int i = 0; i < 20; ++i) log.Send(kA, i, 8);
  log.Corrupt("00000000000000000000.log", frame::kSegmentHeaderBytes + 5 * 48 + 30);
  log.Kill();
  CHECK(log.Last(kA)->sequence == 19);
  CHECK(log.Send(kA, 4) == Offset(4));
  CHECK(log.Send(kA, 6) == Offset(6));
  CHECK(absl::IsOutOfRange(log.SendStatus(kA, 5)));
}

TEST_CASE("Damage up to the end of a segment does not hide the segments behind it") {
  SequencedLog log;
  for (int i = 0; i < 2'000; ++i) log.Send(kA, i);
  for (const std::string& name : log.Hints()) log.Corrupt(name, 20);
  const std::vector<std::string> segments = log.Segments();
  REQUIRE(segments.size() > 3);
  // From the middle of the first one on nothing is whole, and its seal is not, either.
  const std::uint64_t size = log.root()
                                 .OpenDirectory("orders-0")
                                 .value()
                                 ->OpenFile(segments[0], FileMode::kRead)
                                 .value()
                                 ->Size()
                                 .value();
  for (std::uint64_t at = 32 << 10; at < size; at += 4) log.Corrupt(segments[0], at, 0x40);
  log.Kill();
  CHECK(log.Last(kA)->sequence == 1'999);
  CHECK(log.Send(kA, 1'999) == Offset(1'999));
  CHECK(log.Send(kA, 1'500) == Offset(1'500));
  CHECK(log.Send(kA, 2'000) == Offset(2'000));
}

TEST_CASE("Sequenced records are in memory, too") {
  SequencedLog log(Durability::kProcess, LogFixture::kSegmentBytes, TopicCompressor::Settings{},
                   MemorySettings{.segments = 4});
  for (int i = 0; i < 2'000; ++i) log.Send(kA, i);
  CHECK(log.Send(kA, 1'999) == Offset(1'999));
  CHECK(log.Send(kA, 1'990) == Offset(1'990));
  CHECK(log.Hints().empty());
}

TEST_CASE("A follower sees the last sequence, and the next one, too") {
  SequencedLog log;
  const auto follower = log.Follow();
  CHECK_FALSE(follower->LastSequence(kA).value().has_value());
  log.Send(kA, 3);
  CHECK(follower->LastSequence(kA).value()->sequence == 3);
  for (int i = 4; i < 2'000; ++i) log.Send(kA, i);
  CHECK(follower->LastSequence(kA).value()->sequence == 1'999);
  CHECK(absl::IsFailedPrecondition(follower->AppendSequenced(RecordOf("v"), kA, 9'999).status()));
}

TEST_CASE("Of threads that send the same records each is appended once") {
  SequencedLog log;
  constexpr int kRecords = 2'000;
  std::vector<std::vector<Offset>> offsets(3, std::vector<Offset>(kRecords));
  std::vector<std::thread> threads;
  for (auto& mine : offsets) {
    threads.emplace_back([&log, &mine] {
      for (int i = 0; i < kRecords; ++i) {
        mine[static_cast<std::size_t>(i)] =
            log.log().AppendSequenced(RecordOf(std::to_string(i)), kA, i).value();
      }
    });
  }
  threads.emplace_back([&log] {
    for (int i = 0; i < kRecords; ++i) log.log().Append(RecordOf("other"), std::nullopt).value();
  });
  for (std::thread& thread : threads) thread.join();
  CHECK(offsets[0] == offsets[1]);
  CHECK(offsets[0] == offsets[2]);
  CHECK(log.end() == Offset(2 * kRecords));
  CHECK(std::is_sorted(offsets[0].begin(), offsets[0].end()));
}

}  // namespace daybook
