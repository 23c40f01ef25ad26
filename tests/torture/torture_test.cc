#include <nlohmann/json.hpp>

#include "catch.h"
#include "torture/family.h"

// A short form of every family of `daybook-torture`, in this process. A failure says which case it
// was, and the program repeats it.

namespace daybook::torture {
namespace {

constexpr std::int64_t kSlower = kHasShadowMemory ? 10 : 1;

void RunShort(const std::string& name) {
  const std::vector<Family> families = AllFamilies();
  const Family* family = FindFamily(families, name);
  REQUIRE(family != nullptr);
  for (const auto& [shape, asked] : family->asked) {
    RunOptions options;
    options.family = name;
    options.shape = shape;
    options.amount = std::max<std::int64_t>(1, asked.quick / kSlower);
    const Tally tally = family->run(options);
    for (const Violation& violation : tally.violations()) {
      FAIL_CHECK(violation.what << "\nrepeat: daybook-torture " << name << " --shape "
                                << NameOf(shape) << " --seed " << options.seed << " --case "
                                << violation.case_number);
    }
    for (const std::string& why : tally.skipped()) WARN("skipped: " << why);
    CHECK((tally[family->figure] > 0 || !tally.skipped().empty()));
  }
}

}  // namespace

TEST_CASE("No acknowledged record is lost in a power cut at any sync or write", "[crash]") {
  RunShort("power-cut");
}

TEST_CASE("No acknowledged record is lost when the process is killed", "[crash]") {
  RunShort("kill");
}

TEST_CASE("A directory goes from a process that closes to one that opens, and nothing is lost",
          "[crash]") {
  RunShort("close");
}

TEST_CASE("No acknowledged record is lost beside a large one that looks like anything", "[crash]") {
  RunShort("kill-large");
}

TEST_CASE("Every flipped bit of a record is found and costs that record alone", "[crash]") {
  RunShort("flips");
}

TEST_CASE("No sequence of a few operations loses a record in a power cut", "[crash]") {
  RunShort("sequences");
}

TEST_CASE("An error at any call is answered with an error and costs nothing else", "[crash]") {
  RunShort("errors");
}

TEST_CASE("A disk of any size that runs full refuses appends and nothing else", "[crash]") {
  RunShort("disk-full");
}

TEST_CASE("A disk that runs full at the default settings costs no acknowledged record", "[crash]") {
  RunShort("disk-full-default");
}

TEST_CASE("No acknowledged record is lost when the file system is shut down", "[crash]") {
  RunShort("shutdown");
}

TEST_CASE("No acknowledged record is lost when a disk drops what was not flushed", "[crash]") {
  RunShort("block-log");
}

TEST_CASE("A disk that fails writes is answered with errors and costs nothing else", "[crash]") {
  RunShort("block-errors");
}

TEST_CASE("A file cut short to any length is found out or read up to there", "[crash]") {
  RunShort("truncation");
}

TEST_CASE("Missing, extra, swapped and mixed files never give a wrong record", "[crash]") {
  RunShort("mutations");
}

TEST_CASE("A repair keeps every record that can be read and reports all others", "[crash]") {
  RunShort("repair");
}

TEST_CASE("A clock that jumps deletes nothing and holds nothing up", "[crash]") {
  RunShort("clock");
}

TEST_CASE("Members come, go and die, and every guarantee holds", "[crash]") { RunShort("groups"); }

TEST_CASE("Who follows a process that is killed sees all that it had acknowledged", "[crash]") {
  RunShort("follower");
}

TEST_CASE("A transformation that is killed has every input once in its output", "[crash]") {
  RunShort("exactly-once");
}

TEST_CASE("A run for which there is no time says so, and one that is done does not") {
  RunOptions options;
  const auto body = [](std::int64_t, Tally&) { return std::int64_t{1}; };
  CHECK_FALSE(RunCases(options, 3, body).is_cut_short());
  options.most_seconds = 1e-9;
  const Tally tally = RunCases(options, 3, body);
  CHECK(tally.is_cut_short());
  CHECK(Tally::FromJson(tally.ToJson()).is_cut_short());
}

TEST_CASE("A thread that cannot be started is told of and costs nothing else", "[crash]") {
  RunShort("threads");
}

}  // namespace daybook::torture
