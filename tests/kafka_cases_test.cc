#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "catch.h"
#include "support/paths.h"

// What Apache Kafka 4.4.0 answers, case by case, and whether the same is answered here. Where it is
// not, that is meant, and the header that a user would read says so. Each verdict names the test
// that shows it. Cases of compaction, groups, transactions and the command line are still to come.

namespace daybook {
namespace {

namespace fs = std::filesystem;

enum class Verdict { kSame, kDifferent };

struct Case {
  const char* name;
  const char* kafka;  // does
  Verdict verdict;
  const char* why;  // it is different
  const char* test;
};

const std::vector<Case> kCases = {
    {"retention-ms", "whole segments go, by the largest timestamp in each", Verdict::kDifferent,
     "by when its last record was appended: times of their own may be anything",
     "By time a segment goes when the next one has long been there"},
    {"retention-ms-order", "retention stops at the first segment that may not go",
     Verdict::kDifferent, "times so far only rise, so a clock that was ahead holds nothing up",
     "A clock that was wrong deletes nothing that is younger, and keeps nothing for good"},
    {"retention-future", "a time in the future holds its segment and all behind it",
     Verdict::kDifferent, "such a time is known to be wrong, and the next one counts",
     "A clock that was wrong deletes nothing that is younger, and keeps nothing for good"},
    {"retention-append-time", "LogAppendTime: retention by append", Verdict::kSame, "",
     "By time a segment goes when the next one has long been there"},
    {"retention-idle", "of a quiet topic all goes, and offsets go on", Verdict::kSame, "",
     "What is too old goes, and of a quiet topic all, which goes on where it ended"},
    {"retention-active-young", "one young record keeps the segment that is being filled",
     Verdict::kDifferent, "that segment is closed when its first record is too old",
     "A record is gone when it is twice as old, however slowly its segment fills"},
    {"retention-bytes", "at least retention.bytes stay, up to a segment more", Verdict::kSame, "",
     "By size the oldest goes as long as enough is left without it"},
    {"retention-bytes-small", "less than a segment is taken, and the active one stays",
     Verdict::kDifferent, "it is refused: only whole segments go",
     "Retention is for whole segments, and what it bounds must be there"},
    {"retention-both", "either of the two suffices", Verdict::kSame, "",
     "What a group has not read stays, up to the bound that wins"},
    {"retention-ms-edges", "-1 keeps all, 0 deletes all, less is refused; changes act at once",
     Verdict::kDifferent, "0 is refused: DeleteRecords deletes all",
     "Retention is for whole segments, and what it bounds must be there"},
    {"retention-unread", "groups hold nothing back, and lag counts what is gone",
     Verdict::kDifferent, "retention.unread=keep holds it; lag is of what is left to read",
     "Records that a group has not read stay until it has, or nobody is left to"},
    {"retention-delete-records",
     "below the start it answers the start, beyond the end out of range", Verdict::kSame, "",
     "Records are deleted up to an offset, for good, and groups go on behind it"},
    {"retention-delete-records-in-batch", "exact to the record within a batch", Verdict::kSame, "",
     "A start in the middle of a batch leaves the rest of it"},
    {"retention-delete-records-open-transaction", "goes over an open transaction",
     Verdict::kDifferent, "what is undecided is not deleted: OutOfRange",
     "A log does not begin behind what readers see"},
    {"retention-topic-made-again", "a topic made again begins at 0, and no group has a place in it",
     Verdict::kSame, "", "A topic that is deleted and made again is another one to a group"},
    {"config-contradictions", "retention below a segment is taken", Verdict::kDifferent,
     "settings that contradict each other are refused",
     "Retention is for whole segments, and what it bounds must be there"},
    {"config-takes-effect", "a change is acknowledged before it is in force", Verdict::kDifferent,
     "it is in force when AlterTopic returns",
     "Settings of retention are altered, survive, and reach who follows; others are fixed"},
};

// All that the tests say, as it stands in their sources.
std::string TextOfTests() {
  std::string all;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(DAYBOOK_SOURCE_DIR) / "tests")) {
    if (entry.path().extension() != ".cc" || entry.path().filename() == "kafka_cases_test.cc") {
      continue;
    }
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    all += text.str();
  }
  return all;
}

}  // namespace

TEST_CASE("Each case of Kafka's has one verdict, a reason if it differs, and a test") {
  const std::string tests = TextOfTests();
  std::set<std::string> names;
  for (const Case& one : kCases) {
    INFO(one.name);
    CHECK(names.insert(one.name).second);
    CHECK((one.verdict == Verdict::kDifferent) == !std::string(one.why).empty());
    CHECK(tests.find(std::string("\"") + one.test + "\"") != std::string::npos);
  }
}

}  // namespace daybook
