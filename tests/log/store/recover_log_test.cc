#include <cstring>
#include <string>

#include "catch.h"
#include "log/partition_log.h"
#include "support/broker_fixture.h"
#include "support/log/damaged_log.h"
#include "support/log/forged_log.h"
#include "support/log_fixture.h"
#include "torture/hostile.h"

namespace daybook {
namespace {

constexpr char kFirst[] = "00000000000000000000.log";

}  // namespace

TEST_CASE("Whatever an open claim holds, what was acknowledged behind it survives a kill") {
  for (int kind = 0; kind < torture::kHostileKinds; ++kind) {
    for (const std::size_t bytes : {64 << 10, 1 << 20}) {
      INFO("kind " << kind << ", " << bytes << " bytes");
      LogFixture log(Durability::kProcess, 16 << 20);
      const std::string content =
          torture::HostileBytes(static_cast<torture::Hostile>(kind), bytes, 11);
      const auto first = OpenClaim(log, content);  // of the segment
      log.WriteMany(10);
      const auto second = OpenClaim(log, content);
      const auto third = OpenClaim(log, content);
      log.WriteMany(10);
      log.Kill();
      CHECK(log.end() == Offset(23));
      CHECK(log.Values().size() == 20);
      CHECK(log.recovery().claims_padded == 2);
      // In proportion to the file: its bytes once, and next to nothing in search of the way.
      CHECK(log.recovery().bytes_scanned < static_cast<std::int64_t>(4 * bytes));
      log.Write("next");
      log.Kill();
      CHECK(log.Values().size() == 21);
    }
  }
}

TEST_CASE("Everything acknowledged survives a kill") {
  LogFixture log;
  log.WriteMany(1234);
  log.Kill();
  CHECK(log.end() == Offset(1234));
  CHECK(log.Values().size() == 1234);
  log.Write("next");
  CHECK(log.end() == Offset(1235));
}

TEST_CASE("A claim whose thread died becomes padding and later records stay") {
  LogFixture log;
  log.Write("a");
  const auto dead = OpenClaim(log, std::string(50, '\0'));
  log.Write("c");
  log.Kill();
  CHECK(log.Values() == std::vector<std::string>{"a", "c"});
  CHECK(log.recovery().claims_padded == 1);
  CHECK(log.Write("d") == Offset(3));
  // And again: what was repaired is repaired.
  log.Kill();
  CHECK(log.recovery().claims_padded == 0);
  CHECK(log.Values() == std::vector<std::string>{"a", "c", "d"});
}

TEST_CASE("A half-written record at the end is sealed off and its bytes never come back") {
  LogFixture log;
  log.Write("a");
  const auto dead = OpenClaim(log, std::string(50, '\xff'));
  log.Kill();
  CHECK(log.Values() == std::vector<std::string>{"a"});
  CHECK(log.Write("b") == Offset(1));
  CHECK(log.Segments().size() == 2);
  log.Kill();
  CHECK(log.Values() == std::vector<std::string>{"a", "b"});
}

TEST_CASE("Recovery after a kill scans from the last checkpoint") {
  LogFixture log;
  log.WriteMany(300);
  log.CloseCleanly();
  log.Write("after the checkpoint");
  log.Kill();
  CHECK(log.end() == Offset(301));
  CHECK(log.recovery().bytes_scanned < 1000);
}

TEST_CASE("After a kill few segments are looked into, however many there are") {
  LogFixture log;
  log.WriteMany(20'000);
  log.Sync();
  log.WriteMany(20'000);
  log.Kill();
  REQUIRE(log.Segments().size() > 80);
  int maps = 0;
  log.disk().SetHook([&maps](SimulatedFileSystem::Operation operation, const std::string&) {
    if (operation == SimulatedFileSystem::Operation::kMap) ++maps;
    return absl::OkStatus();
  });
  CHECK(log.end() == Offset(40'000));
  CHECK(maps < 12);
  CHECK(log.durable() == Offset(20'000));
  log.Sync();
  CHECK(log.durable() == Offset(40'000));
  CHECK(log.Values().size() == 40'000);
}

TEST_CASE("After a kill it is known what is durable, wherever that ends") {
  for (int synced = 0; synced <= 3000; synced += 125) {
    LogFixture log;
    log.WriteMany(synced);
    if (synced != 0) log.Sync();
    log.WriteMany(3000 - synced);
    log.Kill();
    CHECK(log.durable() == Offset(synced));
    log.Write("next");
    log.Kill();
    CHECK(log.durable() == Offset(synced));
    log.Sync();
    log.CutPower(1);
    CHECK(log.end() == Offset(3001));
  }
}

TEST_CASE("A claim in an old segment whose thread died becomes padding") {
  LogFixture log;
  log.WriteMany(1000);
  const auto dead = OpenClaim(log, std::string(50, '\0'));
  log.WriteMany(5000);
  log.Kill();
  CHECK(log.Values().size() == 6000);
  CHECK(log.recovery().claims_padded == 1);
  log.WriteMany(1000);
  log.Kill();
  CHECK(log.Values().size() == 7000);
  CHECK(log.recovery().claims_padded == 0);
}

TEST_CASE("Everything synced survives a power cut") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    LogFixture log;
    log.WriteMany(700);
    log.Sync();
    log.WriteMany(300);
    log.CutPower(seed);
    const std::vector<std::string> values = log.Values();
    CHECK(values.size() >= 700);
    CHECK(values.size() <= 1000);
    CHECK(std::count(values.begin(), values.end(), "<damage>") == 0);
    CHECK(log.end() == Offset(static_cast<std::int64_t>(values.size())));
    log.Write("next");
    CHECK(log.Values().back() == "next");
  }
}

TEST_CASE("Damage below the durable mark is kept and reported, never cut") {
  LogFixture log;
  log.WriteMany(20);
  log.Sync();
  log.WriteMany(10);
  log.Sync();  // the mark of the sync before is durable now
  log.CutPower(1);
  log.Corrupt(kFirst, 4096 + 5 * 128 + 50);
  log.CutPower(2);
  const std::vector<std::string> values = log.Values();
  CHECK(values.size() == 30);
  CHECK(values[5] == "<damage>");
  CHECK(log.end() == Offset(30));
}

TEST_CASE("Damage in a segment that was synced whole is kept, though its own checkpoint was lost") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    LogFixture log;
    log.WriteMany(700);  // over one segment
    log.Sync();
    log.Write("of the sync that makes the note of the one before it durable");
    log.Sync();
    const std::vector<std::string> before = log.Values();
    log.Corrupt(kFirst, frame::kSegmentHeaderBytes + 30);
    log.CutPower(seed);
    std::vector<std::string> expected = before;
    expected[0] = "<damage>";
    CHECK(log.Values() == expected);
    CHECK(log.end() == Offset(701));
    log.Kill();
    CHECK(log.Values() == expected);
  }
}

TEST_CASE("A record that was acknowledged and is damaged after a kill keeps its place") {
  LogFixture log;
  log.Write("a");
  log.Write("b");
  log.Write("c");
  log.Corrupt(kFirst, 4096 + 32 + 24);
  log.Kill();
  CHECK(log.Values() == std::vector<std::string>{"a", "<damage>", "c"});
  CHECK(log.end() == Offset(3));
}

TEST_CASE("The last record damaged after a kill keeps its offset") {
  LogFixture log;
  log.Write("a");
  log.Write("b");
  log.Corrupt(kFirst, 4096 + 32 + 24);
  log.Kill();
  CHECK(log.end() == Offset(2));
  CHECK(log.Write("c") == Offset(2));
  CHECK(log.Values() == std::vector<std::string>{"a", "<damage>", "c"});
}

TEST_CASE("A batch that is damaged after a kill keeps all of its offsets") {
  for (const bool has_next : {false, true}) {
    INFO("a segment follows: " << has_next);
    LogFixture log;
    log.Write("a");
    const std::vector<Record> records(3, RecordOf("b"));
    REQUIRE(log.log().AppendBatch(records, std::nullopt).ok());
    if (has_next) log.WriteMany(5, 15'000);
    const Offset end = log.end();
    // In the head of the last frame of the segment, or in its body.
    log.Corrupt(kFirst, 4096 + 32 + 30);
    log.Kill();
    CHECK(log.end() == end);
    CHECK(log.Write("c") == end);
    const std::vector<std::string> values = log.Values();
    CHECK(values[0] == "a");
    CHECK(values[1] == "<damage>");
    CHECK(values.back() == "c");
    log.Kill();
    CHECK(log.Values() == values);
  }
}

TEST_CASE(
    "What was acknowledged behind an open claim and is damaged after a kill keeps its place") {
  for (const int records : {1, 3}) {
    LogFixture log;
    log.Write("a");
    const auto dead = OpenClaim(log, std::string(50, 'x'));
    const std::uint64_t position = 4096 + 32 + frame::AlignedLength(frame::kFrameHeaderBytes + 50);
    const std::vector<Record> batch(static_cast<std::size_t>(records), RecordOf("b"));
    const auto first = log.log().AppendBatch(batch, std::nullopt);
    REQUIRE(first.ok());
    REQUIRE(*first == Offset(2));
    log.Corrupt(kFirst, position + frame::kFrameHeaderBytes);
    log.Kill();
    CHECK(log.end() == Offset(2 + records));
    CHECK(log.Write("c") == Offset(2 + records));
    CHECK(log.Values() == std::vector<std::string>{"a", "<damage>", "c"});
    log.Kill();
    CHECK(log.Values() == std::vector<std::string>{"a", "<damage>", "c"});
  }
}

TEST_CASE("A flipped bit where nobody has claimed is no record") {
  for (const int behind : {40, 2'592}) {
    LogFixture log;
    log.Write("a");
    log.Corrupt(kFirst, static_cast<std::uint64_t>(4096 + behind), 0x40);
    log.Kill();
    CHECK(log.end() == Offset(1));
    CHECK(log.Write("b") == Offset(1));
    CHECK(log.Values() == std::vector<std::string>{"a", "b"});
  }
}

TEST_CASE("The power may go again while what a power cut made void is dropped") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.segment_bytes = 64 << 10});
  std::vector<std::string> written;
  for (int i = 0; i < 10; ++i) {
    // The first four fill a segment but for less than the fifth; the others share a page of the
    // next one, which is then often there when those before them are not.
    written.push_back(std::to_string(i) + std::string(i < 4 ? 15'000 : 6'000, '.'));
    if (i > 4) written.back().resize(20);
    REQUIRE(topic.partition(0).Append(RecordOf(written.back())).ok());
    if (i == 1) REQUIRE(topic.partition(0).WaitDurable(Offset(2)).ok());
  }
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    INFO("seed " << seed);
    auto left = broker.disk().CutPower(seed);
    std::vector<std::unique_ptr<SimulatedFileSystem>> again;
    SimulatedFileSystem* const disk = left.get();
    left->SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
      for (int i = 0; i < 4; ++i) again.push_back(disk->CutPower(100 * seed + again.size()));
      return absl::OkStatus();
    });
    BrokerFixture after(std::move(left));
    after.Values("t");
    after.disk().SetHook(nullptr);
    for (std::unique_ptr<SimulatedFileSystem>& second : again) {
      BrokerFixture recovered(std::move(second));
      const std::vector<std::string> values = recovered.Values("t");
      // What is readable again is all there is: nothing stands behind a hole.
      const Topic kept = recovered->OpenTopic("t").value();
      CHECK(kept.partition(0).end_offset()->value() == static_cast<std::int64_t>(values.size()));
      REQUIRE(values.size() >= 2);
      REQUIRE(std::equal(values.begin(), values.end(), written.begin()));  // a beginning
    }
  }
}

TEST_CASE("No more is durable than there is, whatever a forged frame says") {
  LogFixture log;
  log.WriteMany(1000);
  log.Sync();
  const std::uint64_t behind = Forge(log, 4096, {60'000}) + 32;
  const std::vector<std::byte> nothing(LogFixture::kSegmentBytes - behind);
  const auto file = (*log.root().OpenDirectory("orders-0"))->OpenFile(kFirst, FileMode::kReadWrite);
  REQUIRE((*file)->WriteAt(behind, nothing).ok());
  REQUIRE((*file)->Sync().ok());
  for (const std::uint64_t note : {512, 1024}) log.Corrupt(kFirst, note);
  log.Corrupt(log.Segments()[1], 0);  // and nothing behind it counts
  log.CutPower(1);
  CHECK(log.durable() <= log.end());
}

TEST_CASE("A segment that is empty and named as if it overlapped does not hide what is there") {
  LogFixture log;
  log.WriteMany(5);
  log.CloseCleanly();
  auto directory = log.root().OpenDirectory("orders-0");
  REQUIRE(directory.ok());
  const auto empty = (*directory)->OpenFile("00000000000000000001.log", FileMode::kCreate);
  REQUIRE(empty.ok());
  REQUIRE((*empty)->Allocate(8192).ok());
  CHECK(log.Write("the sixth") == Offset(5));
  CHECK(log.Values().size() == 6);
}

TEST_CASE(
    "A damaged header behind what a power cut has cut closes that segment, not the partition") {
  int damaged = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    LogFixture log;
    log.WriteMany(10);
    log.Sync();
    log.WriteMany(600);
    log.CutPower(seed);
    const std::vector<std::string> names = log.Segments();
    if (names.size() != 2) continue;
    // It may be empty.
    damaged += log.disk().Corrupt("/data/orders-0/" + names.back(), 20, std::byte{1}).ok();
    CHECK(log.log().begin_offset().ok());
    CHECK(log.log().end_offset().ok());
  }
  CHECK(damaged > 0);
}

TEST_CASE("A segment that could not be opened is recovered by the next process that can") {
  for (const std::size_t index : {0, 1}) {
    INFO("segment " << index);
    DamagedLog log;
    log.Sync();
    log.Sync();  // the marks of the sync before are durable now
    log.Corrupt(log.names[index], 20);
    log.CutPower(1);  // so that all segments are looked at
    while (log.Segments().back() == log.names[2]) log.Write("more");
    const auto last = Segment::Open(*log.directory(), PartitionName("orders", 0),
                                    *ParseSegmentFileName(log.Segments().back()), MapAccess::kRead);
    REQUIRE(last.ok());
    CHECK(Offset((*last)->header().settled_before) == log.BaseOf(index));
    log.Corrupt(log.names[index], 20);
    log.Kill();
    const DamagedLog::Passage passage = log.ReadAll();
    CHECK(passage.damage.empty());
    CHECK(Offset(static_cast<std::int64_t>(passage.offsets.size())) == log.end());
  }
}

}  // namespace daybook
