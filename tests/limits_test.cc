#include "daybook/limits.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "catch.h"
#include "daybook/topic.h"
#include "log/log_context.h"
#include "support/paths.h"

namespace daybook {
namespace {

std::string ReadSource(const std::string& path) {
  std::ifstream file(std::filesystem::path(DAYBOOK_SOURCE_DIR) / path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// As the README writes numbers: 65,535.
std::string Number(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}
// And sizes: 64 KiB.
std::string Size(std::int64_t bytes) {
  const char* unit = "bytes";
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB"}) {
    if (bytes % 1024 != 0) break;
    bytes /= 1024;
    unit = larger;
  }
  return Number(bytes) + ' ' + unit;
}
std::string Days(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::days>(time).count()) + " day";
}

// The limit that the README's table gives for what begins so.
std::string LimitOf(const std::string& what) {
  std::istringstream lines(ReadSource("README.md"));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("| " + what, 0) == 0) return line.substr(line.find(" | ", 2) + 3);
  }
  FAIL("the README has no limit of " << what);
  return "";
}

struct Row {
  std::string what;
  std::vector<std::string> limits;  // in the order of the text
};

std::vector<Row> Rows() {
  using namespace limits;
  const TopicOptions defaults;
  constexpr std::int64_t kMiB = 1 << 20;
  return {
      {"topic name", {"1 to " + Number(kMaxTopicNameBytes) + " characters"}},
      {"group name", {"1 to " + Number(kMaxGroupNameBytes) + " bytes"}},
      {"partitions of a topic", {"1 to " + Number(kMaxPartitions)}},
      {"a record: key, value, and of each header its name, its value and " +
           Number(kHeaderOverheadBytes) + " bytes",
       {"a quarter of a segment", Size((kMaxRecordBytes + kMiB) / kMiB * kMiB) + " less 64 bytes",
        "default a quarter or " + Size(kDefaultMaxRecordBytes)}},
      {"a batch", {Number(kMaxBatchRecords) + " records"}},
      {"dictionaries of a topic", {Number(kMaxDictionaries)}},
      {"key", {Size(kMaxKeyBytes + 1) + " less 1 byte"}},
      {"name of a header", {Number(kMaxHeaderNameBytes) + " bytes"}},
      {"metadata of a committed offset", {Number(kMaxOffsetMetadataBytes) + " bytes"}},
      {"segment file",
       {Size(kMinSegmentBytes) + " to " + Size(kMaxSegmentBytes),
        "default " + Size(defaults.segment_bytes)}},
      {"a frame in the file", {Size(kMaxFrameBytes + 1) + " less 1 byte"}},
      {"a partition in memory",
       {Size(kMinMemoryBytes) + " to " + Size(kMaxMemoryBytes),
        "default " + Size(defaults.memory_bytes)}},
      {"maps of a broker",
       {Number(kMaxIdleMaps) + " more a partition",
        Number(kMaxScarceMaps) + " when there are over " + Number(kManyMaps)}},
      {"descriptors of a broker", {"up to " + Number(kMaxBusyPartitions) + " busy partitions"}},
      {"`flush_interval`",
       {Number(kMinFlushInterval.count()) + " ms to " + Days(kMaxFlushInterval)}},
      {"`max_block`", {"0 to " + Days(kMaxMaxBlock)}},
      {"`retention.time`", {"1 ms to " + Days(kMaxRetentionTime)}},
      {"`compression_level`",
       {Number(kMinCompressionLevel) + " to " + Number(kMaxCompressionLevel)}},
      {"`dictionary_bytes`",
       {"0, or " + Size(kMinDictionaryBytes) + " to " + Size(kMaxDictionaryBytes)}},
      {"workers of a `Run`", {"1 to " + Number(kMaxRunThreads)}},
      {"largest record of a dead-letter topic", {"at least " + Number(kMinDeadLetterBytes)}},
      {"an expression for topics",
       {Number(kMaxExpressionAtoms) + " atoms", Number(kMaxExpressionDepth) + " deep"}},
  };
}

}  // namespace

TEST_CASE("The README's table of limits says what the table in the code says") {
  for (const Row& row : Rows()) {
    const std::string said = LimitOf(row.what);
    INFO(row.what << " | " << said);
    std::size_t at = 0;
    for (const std::string& limit : row.limits) {
      INFO(limit);
      at = said.find(limit, at);
      CHECK(at != std::string::npos);
    }
  }
}

TEST_CASE("Every limit in the code is compared with the README") {
  const std::string table = ReadSource("include/daybook/limits.h");
  const std::string test = ReadSource("tests/limits_test.cc");
  const std::regex name("constexpr [a-z_0-9:]+ (k[A-Za-z]+)");
  int count = 0;
  for (std::sregex_iterator at(table.begin(), table.end(), name), end; at != end; ++at, ++count) {
    INFO((*at)[1]);
    CHECK(test.find((*at)[1].str()) != std::string::npos);
  }
  CHECK(count > 30);
}

TEST_CASE("A record is at most the part of its segment that the limits say") {
  static_assert(limits::kRecordPartOfSegment == 4);  // "a quarter"
  static_assert(limits::kMaxRecordBytes == (std::int64_t{256} << 20) - 64);
}

TEST_CASE("What a broker keeps open is bounded as the limits say") {
  const OpenLimits open;
  CHECK(open.files == limits::kMaxBusyPartitions);
  CHECK(open.idle_maps == limits::kMaxIdleMaps);
  CHECK(open.scarce_maps == limits::kMaxScarceMaps);
  CHECK(open.many_maps == limits::kManyMaps);
}

}  // namespace daybook
