#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "catch.h"
#include "format/segment_header.h"
#include "fuzz/directory_image.h"
#include "fuzz/forgery.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/repair.h"
#include "fuzz/segment_input.h"
#include "support/paths.h"
#include "support/segment_bytes.h"

// Runs the fuzz targets on their corpora: what was found stays found.

namespace daybook::fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> FilesOf(std::string_view target) {
  std::vector<fs::path> files;
  const fs::path folder = fs::path(DAYBOOK_SOURCE_DIR) / "tests/fuzz/corpus" / target;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::uint8_t> BytesOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void Replay(std::string_view name) {
  const auto target = std::find_if(Targets().begin(), Targets().end(),
                                   [&](const Target& known) { return known.name == name; });
  REQUIRE(target != Targets().end());
  const std::vector<fs::path> files = FilesOf(name);
  REQUIRE_FALSE(files.empty());
  for (const fs::path& file : files) {
    INFO(file);
    const std::vector<std::uint8_t> bytes = BytesOf(file);
    REQUIRE_NOTHROW(target->run(bytes));
  }
}

}  // namespace

TEST_CASE("The corpus of segments is read as it should be", "[fuzz]") { Replay("segment"); }
TEST_CASE("The corpus of segment headers is read as it should be", "[fuzz]") {
  Replay("segment_header");
}
TEST_CASE("The corpus of batches is read as it should be", "[fuzz]") { Replay("batch"); }
TEST_CASE("The corpus of offset indexes is read as it should be", "[fuzz]") {
  Replay("offset_index");
}
TEST_CASE("The corpus of settings files is read as it should be", "[fuzz]") {
  Replay("properties");
}
TEST_CASE("The corpus of offset stores is read as it should be", "[fuzz]") {
  Replay("offset_store");
}
TEST_CASE("The corpus of directories is opened as it should be", "[fuzz]") { Replay("directory"); }
TEST_CASE("The corpus of operations does what the model says", "[fuzz]") { Replay("operations"); }
TEST_CASE("The corpus of command lines is parsed as it should be", "[fuzz]") {
  Replay("command_line");
}

TEST_CASE("Every fuzz target has a corpus, and every corpus a target", "[fuzz]") {
  std::size_t folders = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(DAYBOOK_SOURCE_DIR) / "tests/fuzz/corpus")) {
    INFO(entry.path());
    CHECK(std::any_of(Targets().begin(), Targets().end(), [&](const Target& target) {
      return target.name == entry.path().filename().string();
    }));
    ++folders;
  }
  CHECK(folders == Targets().size());
}

TEST_CASE("A directory that is encoded for the fuzzer is decoded to the same files", "[fuzz]") {
  for (const fs::path& file : FilesOf("directory")) {
    const DirectoryImage image = DecodeImage(BytesOf(file));
    const DirectoryImage again = DecodeImage(EncodeImage(image));
    REQUIRE(again.files.size() == image.files.size());
    for (std::size_t i = 0; i < image.files.size(); ++i) {
      CHECK(again.files[i].path == image.files[i].path);
      CHECK((again.files[i].content == image.files[i].content));
    }
  }
}

TEST_CASE("A partition with a frame where none can be is known as forged, and no other", "[fuzz]") {
  SegmentInMemory segment;
  frame::SegmentHeader header{};
  header.segment_id = SegmentInMemory::kId;
  header.max_frame_bytes = 1 << 20;
  header.capacity = 64 << 10;
  frame::EncodeSegmentHeader(header, {segment.at(0), frame::kSegmentHeaderBytes});
  segment.Write("a");
  const std::uint64_t second = segment.Write("b");
  bool is_forged = false;
  SECTION("damaged alone") { segment.Flip(second + 20); }
  SECTION("with an offset behind higher ones") {
    segment.GoOnAt(5);
    segment.Write("c");
    segment.GoOnAt(2);
    segment.Write("d");
    segment.GoOnAt(6);
    is_forged = true;
  }
  segment.Write("e");
  const auto bytes = segment.View().bytes;
  const std::string content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const DirectoryImage image{.is_of_earlier_boot = false,
                             .files = {{"u-0/00000000000000000000.log", content}}};
  CHECK(ForgedPartitions(image).contains("u-0") == is_forged);
}

TEST_CASE("The mutator of segments repairs the checksums that it broke", "[fuzz]") {
  SegmentInMemory segment(8 << 10);
  for (int i = 0; i < 10; ++i) segment.Write("value");
  const auto bytes = segment.View().bytes.subspan(frame::kSegmentHeaderBytes);
  std::vector<std::uint8_t> input(
      reinterpret_cast<const std::uint8_t*>(bytes.data()),
      reinterpret_cast<const std::uint8_t*>(bytes.data()) + bytes.size());
  const auto flip = [](std::uint8_t* data, std::size_t size, std::size_t) {
    data[frame::kFrameHeaderBytes] ^= 1;  // of the first value
    return size;
  };
  const std::size_t size = MutateSegment(input, input.size(), 1, flip);
  REQUIRE(size == input.size());
  const std::vector<std::byte> mutated = SegmentOf(input);
  const frame::ScanResult scan =
      frame::Scan({.bytes = mutated, .segment_id = kSegmentId, .max_frame_bytes = 1 << 20}, {});
  CHECK(scan.records == 10);
  CHECK(scan.gaps.empty());
}

}  // namespace daybook::fuzz
