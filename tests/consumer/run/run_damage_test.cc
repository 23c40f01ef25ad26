#include <atomic>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "daybook/damage.h"
#include "daybook/transaction.h"
#include "support/run_fixture.h"

// What becomes of a Run that comes to damage: src/consumer/run/run_damage.cc.

namespace daybook {
namespace {

// Topics a and b of 3 and 1 partitions with 20 records each; the 6th record of a-0 is damaged.
struct DamagedFixture {
  DamagedFixture() {
    const std::string padding(1000 - 3, '.');
    broker.MakeTopic("a", {.partitions = 3});
    broker.MakeTopic("b");
    broker.MakeTopic("out");
    for (int id = 0; id < 4; ++id) {
      const Topic topic = broker->OpenTopic(id == 3 ? "b" : "a").value();
      for (int i = 0; i < 20; ++i) {
        const std::string value = std::to_string(id * 100 + i + 100) + padding;
        REQUIRE(topic.partition(id % 3).Append(RecordOf(value)).ok());
      }
    }
    broker.Close();
    const auto directory = broker.disk().OpenDirectory("/data/a-0", DirectoryMode::kMustExist);
    REQUIRE(directory.ok());
    const std::vector<DirectoryEntry> entries = (*directory)->List().value();
    for (const DirectoryEntry& entry : entries) {
      if (entry.name.find(".log") == std::string::npos) continue;
      const std::uint64_t position = frame::kSegmentHeaderBytes + 5 * 1024 + 500;
      REQUIRE(broker.disk().Corrupt("/data/a-0/" + entry.name, position, std::byte{1}).ok());
    }
    broker.Reopen();
  }

  BrokerFixture broker;
  Notes notes;
  Notes told;

  RunOptions Options(OnDamage damage) {
    RunOptions options{.threads = 2, .dead_letter_topic = "dead"};
    options.damage = damage;
    options.on_damage = [this](const DamagedRange& range, const absl::Status& status) {
      told.Add(range.topic + "-" + std::to_string(range.partition) + " " +
               std::to_string(range.begin_offset.value()) + " " +
               std::to_string(range.end_offset.value()) + " " +
               (absl::IsDataLoss(status) ? "lost" : "dropped"));
    };
    return options;
  }
  Handler Note() {
    return [this](const RecordView& record) {
      notes.Add(std::string(record.value.substr(0, 3)));
      return absl::OkStatus();
    };
  }
  TransactionHandler NoteAndSend() {
    return [this](const RecordView& record, Transaction& transaction) {
      notes.Add(std::string(record.value.substr(0, 3)));
      return transaction.Send("out", record.ToRecord());
    };
  }
  std::vector<RecordView> Letters() {
    letters = broker->OpenTopic("dead")->partition(0).Read(Offset(0)).value();
    return {letters.begin(), letters.end()};
  }
  RecordBatch letters;
};

const std::vector<std::string> kTold = {"a-0 5 6 lost"};

// A topic t in memory, of which the group g has read the first record, and that has dropped others.
struct DropFixture {
  DropFixture() {
    broker.MakeTopic("t", {.storage = Storage::kMemory, .memory_bytes = 512 << 10});
    broker.SendMany("t", 0, 1);
    {
      const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
      REQUIRE(consumer->Poll({}).ok());
      REQUIRE(consumer->Commit().ok());
    }
    broker.SendMany("t", 0, 50'000);
    begin = broker->OpenTopic("t")->partition(0).begin_offset().value();
    left = static_cast<std::size_t>(Offset(50'001) - begin);
  }
  BrokerFixture broker;
  Offset begin;
  std::size_t left = 0;
};

}  // namespace

TEST_CASE("What is thrown where damage is told of ends Run and not the process") {
  DamagedFixture fixture;
  RunOptions options = fixture.Options(OnDamage::kSkip);
  options.on_damage = [](const DamagedRange&, const absl::Status&) {
    throw std::runtime_error("no log");
  };
  RunningGroup run(*fixture.broker, {"a"}, options, fixture.Note());
  CHECK(run.Await() == absl::UnknownError("RunOptions::on_damage threw: no log"));
}

TEST_CASE("At damage Run stops, unless it is told otherwise") {
  DamagedFixture fixture;
  RunningGroup run(*fixture.broker, {"a", "b"}, fixture.Options(OnDamage::kStop), fixture.Note());
  const auto result = run.Await();
  CHECK(absl::IsDataLoss(result));
  CHECK(fixture.told.lines() == kTold);
  CHECK(CommittedIn(*fixture.broker, "a", 0) <= 5);
}

TEST_CASE("Run goes on behind damage, and with everything else, when it is told to skip it") {
  DamagedFixture fixture;
  {
    RunningGroup run(*fixture.broker, {"a", "b"}, fixture.Options(OnDamage::kSkip), fixture.Note());
    CHECK(fixture.notes.Await(79));
    CHECK(run.Stop().ok());
  }
  CHECK(fixture.told.lines() == kTold);
  CHECK(fixture.notes.sorted().size() == 79);
  CHECK(fixture.notes.sorted().count("105") == 0);
  CHECK(CommittedIn(*fixture.broker, "a", 0) == 20);
  CHECK(fixture.Letters().empty());
  // The next one does not come to it.
  fixture.broker.SendMany("a", 0, 1);
  RunningGroup run(*fixture.broker, {"a", "b"}, fixture.Options(OnDamage::kStop), fixture.Note());
  CHECK(fixture.notes.Await(80));
  CHECK(run.Stop().ok());
}

TEST_CASE("At-most-once skips damage, too") {
  DamagedFixture fixture;
  RunningGroup run(*fixture.broker, {"a", "b"}, fixture.Options(OnDamage::kSkip), fixture.Note(),
                   {.guarantee = Guarantee::kAtMostOnce});
  CHECK(fixture.notes.Await(79));
  CHECK(run.Stop().ok());
  CHECK(fixture.told.lines() == kTold);
}

TEST_CASE("A note of damage goes to the dead-letter topic") {
  DamagedFixture fixture;
  const bool is_exactly_once = GENERATE(false, true);
  const GroupOptions group{.guarantee =
                               is_exactly_once ? Guarantee::kExactlyOnce : Guarantee::kAtLeastOnce};
  if (is_exactly_once) {
    RunningGroup run(*fixture.broker, {"a", "b"}, fixture.Options(OnDamage::kDeadLetter),
                     fixture.NoteAndSend(), group);
    CHECK(AwaitCommitted(*fixture.broker, "a", 0, 20) == 20);
    CHECK(AwaitCommitted(*fixture.broker, "b", 0, 20) == 20);
    CHECK(fixture.notes.Await(79));
    CHECK(run.Stop().ok());
    CHECK(fixture.broker.Values("out").size() == 79);
  } else {
    RunningGroup run(*fixture.broker, {"a", "b"}, fixture.Options(OnDamage::kDeadLetter),
                     fixture.Note(), group);
    CHECK(fixture.notes.Await(79));
    CHECK(run.Stop().ok());
  }
  CHECK(fixture.told.lines() == kTold);
  const std::vector<RecordView> letters = fixture.Letters();
  REQUIRE(letters.size() == 1);
  CHECK_FALSE(letters[0].key.has_value());
  CHECK(letters[0].is_tombstone());
  const HeadersView headers = letters[0].headers;
  CHECK(headers.Last("daybook.dead.topic") == "a");
  CHECK(headers.Last("daybook.dead.partition") == "0");
  CHECK(headers.Last("daybook.dead.offset") == "5");
  CHECK(headers.Last("daybook.dead.end_offset") == "6");
  CHECK(headers.Last("daybook.dead.attempts") == "0");
  CHECK(headers.Last("daybook.dead.cause")->substr(0, 9) == "DATA_LOSS");
}

TEST_CASE("What a memory topic drops is told to Run, which ends once, or goes on") {
  DropFixture dropped;
  BrokerFixture& broker = dropped.broker;
  std::atomic<int> told = 0;
  Notes handled;
  RunOptions options;
  options.damage = GENERATE(OnDamage::kStop, OnDamage::kSkip);
  options.on_damage = [&](const DamagedRange& range, const absl::Status& status) {
    CHECK(absl::IsOutOfRange(status));
    CHECK(range ==
          DamagedRange{.topic = "t", .begin_offset = Offset(1), .end_offset = dropped.begin});
    ++told;
  };
  const Handler count = [&](const RecordView& record) {
    handled.Add(std::string(record.value));
    return absl::OkStatus();
  };
  if (options.damage == OnDamage::kStop) {
    RunningGroup run(*broker, {"t"}, options, count);
    CHECK(absl::IsOutOfRange(run.Await()));
  }
  RunningGroup run(*broker, {"t"}, options, count);
  CHECK(handled.Await(dropped.left));
  CHECK(run.Stop().ok());
  CHECK(CommittedIn(*broker, "t", 0) == 50'001);
  CHECK(told.load() == 1);
  CHECK(handled.lines().size() == dropped.left);
}

TEST_CASE("A note of what was dropped that fails is made by the next Run") {
  const Guarantee guarantee =
      GENERATE(Guarantee::kAtMostOnce, Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce);
  DropFixture fixture;
  BrokerFixture& broker = fixture.broker;
  int told = 0;
  RunOptions options{.dead_letter_topic = "dead"};
  options.damage = OnDamage::kDeadLetter;
  options.on_damage = [&](const DamagedRange&, const absl::Status&) {
    if (told++ == 0) REQUIRE(broker->DeleteTopic("dead").ok());
  };
  Notes handled;
  const auto run = [&](const auto& check) {
    const GroupOptions group{.guarantee = guarantee};
    const Handler count = [&](const RecordView&) {
      handled.Add("");
      return absl::OkStatus();
    };
    if (guarantee == Guarantee::kExactlyOnce) {
      const TransactionHandler also = [count](const RecordView& record, Transaction&) {
        return count(record);
      };
      RunningGroup running(*broker, {"t"}, options, also, group);
      check(running);
    } else {
      RunningGroup running(*broker, {"t"}, options, count, group);
      check(running);
    }
  };
  run([&](RunningGroup& running) { CHECK(absl::IsNotFound(running.Await())); });
  CHECK(CommittedIn(*broker, "t", 0) == 1);
  run([&](RunningGroup& running) {
    CHECK(handled.Await(fixture.left));
    CHECK(running.Stop().ok());
  });
  CHECK(told == 2);
  CHECK(CommittedIn(*broker, "t", 0) == 50'001);
  const auto letters = broker->OpenTopic("dead")->partition(0).Read(Offset(0)).value();
  REQUIRE(std::distance(letters.begin(), letters.end()) == 1);
  CHECK((*letters.begin()).headers.Last("daybook.dead.offset") == "1");
  CHECK((*letters.begin()).headers.Last("daybook.dead.end_offset") ==
        std::to_string(fixture.begin.value()));
}

TEST_CASE("Run goes on behind what was dropped, also where the group takes no place by itself") {
  DropFixture fixture;
  std::atomic<int> told = 0;
  RunOptions options;
  options.damage = OnDamage::kSkip;
  options.on_damage = [&](const DamagedRange& range, const absl::Status&) {
    CHECK(range ==
          DamagedRange{.topic = "t", .begin_offset = Offset(1), .end_offset = fixture.begin});
    ++told;
  };
  Notes handled;
  const Handler count = [&](const RecordView&) {
    handled.Add("");
    return absl::OkStatus();
  };
  RunningGroup run(*fixture.broker, {"t"}, options, count, {.offset_reset = OffsetReset::kNone});
  CHECK(handled.Await(fixture.left));
  CHECK(run.Stop().ok());
  CHECK(told == 1);
  CHECK(CommittedIn(*fixture.broker, "t", 0) == 50'001);
}

TEST_CASE(
    "At OffsetReset::kNone a member is told what was dropped, and then that it has no place") {
  DropFixture fixture;
  const auto consumer =
      ConsumerGroup(*fixture.broker, "g", {.offset_reset = OffsetReset::kNone}).Join({"t"}).value();
  const auto first = consumer->Poll({}).status();
  CHECK(absl::IsOutOfRange(first));
  CHECK(DamageOf(first) ==
        DamagedRange{.topic = "t", .begin_offset = Offset(1), .end_offset = fixture.begin});
  const auto second = consumer->Poll({}).status();
  CHECK(absl::IsOutOfRange(second));
  CHECK_FALSE(DamageOf(second).has_value());
  REQUIRE(consumer->Seek({"t", 0}, fixture.begin).ok());
  CHECK_FALSE(consumer->Poll({})->empty());
}

TEST_CASE("A callback of a Run that throws ends it, when its handlers have returned") {
  DamagedFixture fixture;
  const bool is_of_damage = GENERATE(true, false);
  const bool is_exactly_once = GENERATE(false, true);
  RunOptions options = fixture.Options(OnDamage::kSkip);
  std::atomic<bool> has_thrown{false};
  std::atomic<int> in_handler{0};
  if (is_of_damage) {
    options.on_damage = [&](const DamagedRange&, const absl::Status&) {
      has_thrown = true;
      throw std::runtime_error("no");
    };
  } else {
    options.on_failure = [&](const RecordView&, const absl::Status&, int) {
      has_thrown = true;
      throw std::runtime_error("no");
    };
  }
  const auto handle = [&](const RecordView&) -> absl::Status {
    ++in_handler;
    // Those under way return after it.
    while (is_of_damage && !is_exactly_once && !has_thrown) std::this_thread::yield();
    --in_handler;
    return is_of_damage ? absl::OkStatus() : absl::UnknownError("fails");
  };
  absl::Status result;
  if (is_exactly_once) {
    RunningGroup run(
        *fixture.broker, {"a", "b"}, options,
        TransactionHandler([&](const RecordView& record, Transaction&) { return handle(record); }),
        {.guarantee = Guarantee::kExactlyOnce});
    result = run.Await();
  } else {
    RunningGroup run(*fixture.broker, {"a", "b"}, options, Handler(handle));
    result = run.Await();
  }
  CHECK(in_handler == 0);
  CHECK(absl::IsUnknown(result));
  CHECK(result.message() ==
        (is_of_damage ? "RunOptions::on_damage threw: no" : "RunOptions::on_failure threw: no"));
}

TEST_CASE("What Run shall do at damage has to make sense") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  ConsumerGroup group(*broker, "g");
  const Handler handler = [](const RecordView&) { return absl::OkStatus(); };
  RunOptions options;
  options.damage = OnDamage::kDeadLetter;  // and no topic for it
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, options, handler)));
  options.damage = static_cast<OnDamage>(3);
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, options, handler)));
  options = {};
  options.order = static_cast<RunOrder>(2);
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, options, handler)));
}

}  // namespace daybook
