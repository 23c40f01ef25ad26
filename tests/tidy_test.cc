#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "catch.h"
#include "support/class_sizes.h"
#include "support/paths.h"

// The rules of style that a machine can check.

namespace daybook {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = DAYBOOK_SOURCE_DIR;

constexpr std::size_t kMaxLineLength = 100;
constexpr std::size_t kMaxLines = 400;
constexpr int kMaxFilesInFolder = 24;
constexpr int kMaxMembers = 15;
constexpr int kMaxClassLines = 250;

// The floors, from the ground up; those on one line never see each other.
const std::map<std::string, int> kFloors = {{"base", 0},         {"format", 1},   {"io", 2},
                                            {"segment", 3},      {"log", 4},      {"broker", 5},
                                            {"coordination", 6}, {"producer", 7}, {"consumer", 7},
                                            {"admin", 8},        {"tools", 9}};

// The floor that a public header stands for. Whoever adds one says here where it belongs.
const std::map<std::string, std::string> kPublicHeaders = {
    {"damage.h", "log"},
    {"repair.h", "admin"},
    {"admin.h", "admin"},
    {"group_description.h", "coordination"},
    {"export.h", "base"},
    {"thread_factory.h", "base"},
    {"time_span.h", "base"},
    {"clock.h", "base"},
    {"storage.h", "base"},
    {"offset.h", "base"},
    {"limits.h", "base"},
    {"record.h", "format"},
    {"frame.h", "format"},
    {"decode_record.h", "format"},
    {"record_batch.h", "format"},
    {"record_value.h", "format"},
    {"file_system.h", "io"},
    {"simulated_file_system.h", "io"},
    {"partition.h", "log"},
    {"topic.h", "broker"},
    {"broker.h", "broker"},
    {"reader.h", "consumer"},
    {"table_view.h", "consumer"},
    {"topic_partition.h", "base"},
    {"committed_offset.h", "broker"},
    {"group_options.h", "coordination"},
    {"group_run.h", "coordination"},
    {"transaction.h", "broker"},
    {"consumer_group.h", "coordination"},  // its names are the coordinator's, too
    {"producer.h", "producer"},
    {"daybook.h", "tools"},  // all of them
};

// Tests that are of the whole and not of one source.
const std::set<std::string> kHeaderOnly = {
    "base/checksum",
    "consumer/listener_calls",
    "base/deadline",
    "base/lock_order",
    "base/mutex",
    "base/one_thread",
    "base/split_mix",
    "base/sweep_threshold",
    "log/dictionary_fit",
    "log/read/open_batch",
    "segment/claim_gate",
    "segment/read_bounds",
    "segment/zeroed_memory",
};

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> Lines(const fs::path& path) {
  std::vector<std::string> lines;
  std::istringstream text(Read(path));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// All sources below the folders, relative to the root.
std::vector<fs::path> Sources(const std::vector<std::string>& folders) {
  std::vector<fs::path> sources;
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      const std::string extension = entry.path().extension();
      if (extension == ".h" || extension == ".cc") {
        sources.push_back(fs::relative(entry.path(), kRoot));
      }
    }
  }
  std::sort(sources.begin(), sources.end());
  return sources;
}

const std::vector<std::string> kAllFolders = {"include", "src", "examples", "bench", "tests"};

// The floor of "src/io/x.h" or "include/daybook/x.h"; empty for other files.
std::string FloorOf(const fs::path& source) {
  std::vector<std::string> parts(source.begin(), source.end());
  if (parts[0] == "src" && parts.size() >= 3) return parts[1];  // sub-folders are of its floor
  if (parts[0] == "include") {
    const auto found = kPublicHeaders.find(parts.back());
    return found == kPublicHeaders.end() ? "" : found->second;
  }
  return "";
}

bool MayInclude(const std::string& from, const std::string& to) {
  return from == to || kFloors.at(to) < kFloors.at(from);
}

}  // namespace

TEST_CASE("At the top level there is what belongs there and nothing else") {
  const std::set<std::string> known = {
      "CMakeLists.txt", "CMakePresets.json", "CHANGELOG.md", "LICENSE", "README.md", "bench",
      "build",          "examples",          "include",      "scripts", "src",       "tests"};
  for (const fs::directory_entry& entry : fs::directory_iterator(kRoot)) {
    const std::string name = entry.path().filename().string();
    INFO(name);
    CHECK((name.front() == '.' || known.count(name) == 1));
  }
}

TEST_CASE("Every public header has a floor") {
  for (const fs::path& header : Sources({"include"})) {
    INFO(header << ": say in tests/tidy_test.cc to which floor it belongs");
    CHECK(kPublicHeaders.count(header.filename()) == 1);
  }
}

TEST_CASE("Includes only go down the floors") {
  // In whatever sub-folder: "log/store/x.h", too.
  const std::regex include("^#include \"([a-z_]+)/([a-z_0-9/]+\\.h)\"");
  for (const fs::path& source : Sources({"include", "src"})) {
    const std::string floor = FloorOf(source);
    REQUIRE(kFloors.count(floor) == 1);
    for (const std::string& line : Lines(kRoot / source)) {
      std::smatch match;
      if (!std::regex_search(line, match, include)) continue;
      const fs::path included = match[1] == "daybook"
                                    ? fs::path("include/daybook") / match[2].str()
                                    : fs::path("src") / match[1].str() / match[2].str();
      if (!fs::exists(kRoot / included)) continue;  // Abseil's
      INFO(source << " includes " << included);
      // The contract of a class may be declared above the floor that implements part of it.
      CHECK(MayInclude(floor, FloorOf(included)));
    }
  }
}

TEST_CASE("There is one test for each source and one source for each test") {
  for (const fs::path& source : Sources({"src"})) {
    if (source.extension() != ".cc" || source.filename() == "main.cc") continue;
    const std::string name = source.stem().string() + "_test.cc";
    INFO(source << " has no test of its own");
    const fs::path folder = fs::relative(source.parent_path(), "src");
    CHECK(fs::exists(kRoot / "tests" / folder / name));
  }
  for (const fs::path& test : Sources({"tests"})) {
    const fs::path folder = fs::relative(test.parent_path(), "tests");
    if (kFloors.count(*folder.begin()) == 0) continue;
    std::string name = test.stem();
    REQUIRE(name.size() > 5);
    name.resize(name.size() - 5);  // "_test"
    INFO(test << " tests nothing that there is");
    CHECK((fs::exists(kRoot / "src" / folder / (name + ".cc")) ||
           kHeaderOnly.count((folder / name).string()) == 1));
  }
}

TEST_CASE("Of a log's kind one place asks, and all others call its store") {
  const std::regex names("\\b(is_read_only|is_in_memory)\\b");
  for (const fs::path& source : Sources({"src/log"})) {
    if (source == "src/log/log_context.h" || source == "src/log/store/make_store.cc") continue;
    INFO(source);
    CHECK_FALSE(std::regex_search(Read(kRoot / source), names));
  }
}

TEST_CASE("Below and above the broker nobody asks what its directory may be used for") {
  // It refuses changes of a directory that it follows, and keeps no places of topics in memory. A
  // segment in memory has no file that grows, and no checksums to look for frames by.
  const std::regex asks("(\\.|->)is_(read_only|in_memory)\\b");
  const std::regex may(
      "src/(broker/.*|log/store/make_store\\.cc|segment/index/segment_search\\.cc)");
  for (const fs::path& source : Sources({"include", "src"})) {
    if (std::regex_match(source.string(), may)) continue;
    INFO(source);
    CHECK_FALSE(std::regex_search(Read(kRoot / source), asks));
  }
}

TEST_CASE("No folder has more sources than a reader can take in") {
  std::map<fs::path, int> files;
  for (const fs::path& source : Sources(kAllFolders)) ++files[source.parent_path()];
  for (const auto& [folder, count] : files) {
    INFO(folder);
    CHECK(count <= kMaxFilesInFolder);
  }
}

TEST_CASE("No class has more data members than a reader can keep in mind") {
  for (const fs::path& source : Sources({"include", "src"})) {
    for (const ClassSize& size : ClassSizes(Read(kRoot / source))) {
      INFO(size.name << " in " << source);
      CHECK(size.members <= kMaxMembers);
      CHECK(size.lines <= kMaxClassLines);
    }
  }
}

TEST_CASE("Sources are ASCII, without tabs, and keep to the margins") {
  for (const fs::path& source : Sources(kAllFolders)) {
    const std::vector<std::string> lines = Lines(kRoot / source);
    INFO(source);
    CHECK(lines.size() <= kMaxLines);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      INFO("line " << i + 1);
      if (lines[i].size() > kMaxLineLength) FAIL_CHECK("the line is too long");
      for (const char c : lines[i]) {
        if (c < ' ' || c > '~') FAIL_CHECK("a character is not printable ASCII");
      }
    }
  }
}

TEST_CASE("Include guards are named after their files") {
  for (const fs::path& source : Sources(kAllFolders)) {
    if (source.extension() != ".h") continue;
    std::string path = source;
    for (const std::string prefix : {"include/", "src/", "tests/"}) {
      if (path.rfind(prefix, 0) == 0) path = path.substr(prefix.size());
    }
    std::string guard = path.rfind("daybook/", 0) == 0 ? "" : "DAYBOOK_";
    for (const char c : path) {
      const bool is_word = std::isalnum(static_cast<unsigned char>(c)) != 0;
      guard += is_word ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_';
    }
    guard += "_";
    INFO(source << " should have the guard " << guard);
    CHECK(Read(kRoot / source).rfind("#ifndef " + guard + "\n#define " + guard + "\n", 0) == 0);
  }
}

// What stands below the contract is included by who needs it.
const std::set<std::string> kBelow = {"frame.h",          "decode_record.h",
                                      "file_system.h",    "simulated_file_system.h",
                                      "thread_factory.h", "table_view.h"};

TEST_CASE("The umbrella header includes the contract and has nothing else") {
  std::set<std::string> included;
  const std::regex include("#include \"daybook/([a-z_/]+\\.h)\"");
  for (const std::string& line : Lines(kRoot / "include/daybook/daybook.h")) {
    std::smatch match;
    if (std::regex_match(line, match, include)) {
      included.insert(fs::path(match[1].str()).filename());
    } else {
      CHECK((line.empty() || line[0] == '#' || line.rfind("//", 0) == 0));
    }
  }
  for (const fs::path& header : Sources({"include"})) {
    if (header.filename() == "daybook.h") continue;
    INFO(header);
    CHECK(included.count(header.filename()) == 1 - kBelow.count(header.filename()));
  }
}

TEST_CASE("Nothing is marked as unfinished") {
  const std::regex mark(
      "\\b(TO"
      "DO|FIX"
      "ME|X"
      "XX|HA"
      "CK)\\b");
  for (const fs::path& source : Sources(kAllFolders)) {
    INFO(source);
    CHECK_FALSE(std::regex_search(Read(kRoot / source), mark));
  }
}

}  // namespace daybook
