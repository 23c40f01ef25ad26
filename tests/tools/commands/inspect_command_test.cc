#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "catch.h"
#include "log/partition_log.h"
#include "support/command_fixture.h"
#include "support/segment_bytes.h"

namespace daybook {
namespace {

// A topic of three records of 32 bytes each, behind the header page.
struct ThreeRecords : CommandFixture {
  ThreeRecords() {
    Output("topic create t");
    Output("produce t", "aaaa\nbbbb\ncccc\n");
  }
  std::filesystem::path segment() const { return data() / "t-0" / "00000000000000000000.log"; }

  // Opens the partition, for what the program has no command for.
  void WithLog(const std::function<void(PartitionLog&)>& use) {
    const auto root =
        FileSystem::Posix().OpenDirectory(data().string(), DirectoryMode::kMustExist).value();
    LogContext context;
    context.root = root.get();
    context.limits = std::make_shared<OpenLimits>();
    context.clock = &Clock::System();
    context.boot = FileSystem::Posix().BootId();
    context.new_segment_id = [] { return std::uint64_t{1}; };
    RecoveryCounters counters;
    PartitionLog log(context, PartitionName("t", 0),
                     LogSettings{.segment_bytes = 1 << 20, .max_record_bytes = 1 << 16}, counters,
                     std::make_shared<TopicCompressor>(*root, "t", TopicCompressor::Settings{}));
    use(log);
  }
};

}  // namespace

TEST_CASE("Verify exits with 0 on what is whole") {
  ThreeRecords daybook;
  CHECK(daybook.Output("verify").find("t              0         1        3") != std::string::npos);
  const auto json = nlohmann::json::parse(daybook.Output("verify --format json"));
  CHECK(json["partitions"][0]["records"] == 3);
  CHECK(json["issues"].empty());
}

TEST_CASE("Verify exits with 1 after one flipped byte anywhere in a record") {
  ThreeRecords daybook;
  for (std::uint64_t position = 4096; position < 4096 + 3 * 32; ++position) {
    INFO("position " << position);
    CommandFixture::Flip(daybook.segment(), position);
    CHECK(daybook.Run("verify").status == 1);
    CommandFixture::Flip(daybook.segment(), position);
  }
  CHECK(daybook.Run("verify").status == 0);
}

TEST_CASE("Verify names the file, the positions, the offsets and the cause") {
  ThreeRecords daybook;
  CommandFixture::Flip(daybook.segment(), 4096 + 32 + 25);
  const auto result = daybook.Run("verify --format json");
  CHECK(result.status == 1);
  const auto issue = nlohmann::json::parse(result.out)["issues"][0];
  CHECK(issue["topic"] == "t");
  CHECK(issue["partition"] == 0);
  CHECK(issue["file"] == "00000000000000000000.log");
  CHECK(issue["begin_position"] == 4096 + 32);
  CHECK(issue["end_position"] == 4096 + 64);
  CHECK(issue["begin_offset"] == 1);
  CHECK(issue["end_offset"] == 2);
  CHECK(issue["is_damage"] == true);
}

TEST_CASE("Verify finds damage in headers, checkpoints and settings") {
  ThreeRecords daybook;
  for (const std::uint64_t position : {0, 9, 20, 50, 100, 513, 1030, 2000}) {
    INFO("position " << position);
    CommandFixture::Flip(daybook.segment(), position);
    CHECK(daybook.Run("verify").status == 1);
    CommandFixture::Flip(daybook.segment(), position);
  }
  CommandFixture::Flip(daybook.data() / "t.topic", 30);
  CHECK(daybook.Run("verify").status == 1);
}

TEST_CASE("Verify knows when settings or a topic are not there") {
  ThreeRecords daybook;
  CHECK(daybook.Run("verify nothing").status == 1);
  std::filesystem::remove(daybook.data() / "t.topic");
  CHECK(daybook.Run("verify").status == 1);
}

TEST_CASE("Verify changes nothing") {
  ThreeRecords daybook;
  CommandFixture::Flip(daybook.segment(), 4096 + 40);
  const std::string before = CommandFixture::Get(daybook.segment());
  CHECK(daybook.Run("verify").status == 1);
  CHECK(CommandFixture::Get(daybook.segment()) == before);
}

TEST_CASE("Dump shows every frame and what is damaged") {
  ThreeRecords daybook;
  const std::string clean = daybook.Output("dump t");
  CHECK(clean.find("offset: 2 position: 4160 size: 28") != std::string::npos);
  CHECK(clean.find("isvalid: false") == std::string::npos);
  CommandFixture::Flip(daybook.segment(), 4096 + 40);
  const auto damaged = daybook.Run("dump t");
  CHECK(damaged.status == 1);
  CHECK(damaged.out.find("isvalid: false") != std::string::npos);
}

TEST_CASE("A dump as JSON is a line for each frame and for each piece of damage") {
  ThreeRecords daybook;
  CommandFixture::Flip(daybook.segment(), 4096 + 32 + 25);
  const auto result = daybook.Run("dump t --format json");
  CHECK(result.status == 1);
  std::istringstream lines(result.out);
  std::vector<std::int64_t> offsets;
  int damaged = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto frame = nlohmann::json::parse(line);
    CHECK(frame["topic"] == "t");
    CHECK(frame["partition"] == 0);
    if (frame["valid"] == true && frame.contains("kind")) offsets.push_back(frame["offset"]);
    damaged += frame["valid"] == false;
  }
  CHECK(offsets == std::vector<std::int64_t>{0, 2});
  CHECK(damaged == 1);
}

TEST_CASE("All commands say the same of a place in JSON") {
  ThreeRecords daybook;
  const std::string record = daybook.Output("--format json consume t -e -c 1");
  CHECK(record == daybook.Output("consume t -e -c 1 -J"));
  daybook.Output("consume t -G g -c 1");
  daybook.Output("topic describe t --format json");
  CommandFixture::Flip(daybook.segment(), 4096 + 32 + 25);
  const auto json = [&](const std::string& arguments) {
    const std::string out = daybook.Run("--format json " + arguments).out;
    return nlohmann::json::parse(out.substr(0, out.find("}\n{")) + (out[1] == '"' ? "}" : ""),
                                 nullptr, false);
  };
  const auto group = json("group describe g");
  for (const nlohmann::json& place :
       {nlohmann::json::parse(record), json("dump t"), json("verify t")["partitions"][0],
        json("verify t")["issues"][0], json("repair")["actions"][0], json("repair")["lost"][0],
        json("group seek g --to-latest")[0], group["offsets"][0]}) {
    INFO(place.dump());
    CHECK(place["topic"] == "t");
    CHECK(place["partition"] == 0);
  }
  CHECK(group["offsets"][0]["committed_offset"] == 1);
  CHECK(group["offsets"][0]["end_offset"] == 3);
  const auto topic = json("topic describe t");
  CHECK(topic["settings"]["num.partitions"] == 1);
  CHECK(topic["settings"]["durability"] == "process");
  CHECK(topic["partitions"][0]["end_offset"] == 3);
}

TEST_CASE("Dump shows of which transaction records are") {
  ThreeRecords daybook;
  daybook.WithLog([](PartitionLog& log) {
    const std::vector<Record> records = {RecordOf("a"), RecordOf("b")};
    REQUIRE(log.AppendTransactional(records, 0xabc).ok());
  });
  CHECK(daybook.Output("dump t").find("offset: 3 position: 4192 size: 42 batch count: 2 "
                                      "transaction: 0000000000000abc") != std::string::npos);
  CHECK(daybook.Output("dump t --format json").find("\"transaction\":2748") != std::string::npos);
  CHECK(daybook.Output("verify").find("5") != std::string::npos);
}

TEST_CASE("Dump shows whose a record is") {
  ThreeRecords daybook;
  daybook.WithLog(
      [](PartitionLog& log) { REQUIRE(log.AppendSequenced(RecordOf("a"), 0xabc, 17).ok()); });
  CHECK(daybook.Output("dump t").find("valueSize: 1 producerId: 0000000000000abc sequence: 17") !=
        std::string::npos);
  CHECK(daybook.Output("dump t --format json").find("\"producer\":2748,\"sequence\":17") !=
        std::string::npos);
}

TEST_CASE("A dump of a partition that the topic has not is refused") {
  ThreeRecords daybook;
  const auto result = daybook.Run("dump t -p 7");
  CHECK(result.status == 1);
  CHECK(result.error.find("t has no partition 7") != std::string::npos);
}

}  // namespace daybook
