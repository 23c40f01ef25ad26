#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daybook/consumer_group.h"
#include "format/batch_codec.h"
#include "fuzz/directory_image.h"
#include "fuzz/observe.h"
#include "fuzz/repair.h"
#include "fuzz/segment_input.h"

// Writes the seeds of the corpora below a directory: what the library itself makes of a few topics.
//
//   fuzz_make_seeds tests/fuzz/corpus

namespace daybook::fuzz {
namespace {

namespace fs = std::filesystem;

class Seeds {
 public:
  explicit Seeds(fs::path root) : root_(std::move(root)) {}

  void Write(std::string_view target, std::string_view bytes) {
    const fs::path folder = root_ / target;
    fs::create_directories(folder);
    const std::string name = absl::StrCat("seed-", ++numbers_[std::string(target)]);
    std::ofstream(folder / name, std::ios::binary) << bytes;
  }
  void Write(std::string_view target, Input bytes) { Write(target, TextOf(bytes)); }

 private:
  const fs::path root_;
  std::map<std::string, int> numbers_;
};

Record RecordOf(std::optional<std::string_view> key, std::optional<std::string_view> value,
                std::span<const Header> headers = {}, std::optional<Timestamp> time = {}) {
  return {.key = key, .value = value, .headers = headers, .timestamp = time, .partition = {}};
}

// One of each kind of record, then batches, a claim that was given up, and so many rolls.
void Fill(Broker& broker, std::string_view name, TopicOptions options, int rolls) {
  options.segment_bytes = 64 << 10;
  ExpectOk(broker.CreateTopic(name, options), name);
  const Topic topic = broker.OpenTopic(name).value();
  Partition& partition = topic.partition(0);
  const std::vector<Header> headers = {{"trace", "0123"}, {"absent", std::nullopt}};
  const std::vector<Record> records = {
      RecordOf({}, "value"), RecordOf("key", "value of a key"), RecordOf("key", std::nullopt),
      RecordOf("", "", headers),
      RecordOf("key", "of another time", headers, Timestamp(std::chrono::seconds(1)))};
  for (const Record& record : records) ExpectOk(partition.Append(record).status(), name);
  ExpectOk(partition.AppendBatch(records).status(), name);
  ClaimOptions claim;
  claim.value_bytes = 40;
  ExpectOk(partition.Claim(claim).status(), name);
  const std::string zeros(15'000, '\0');  // next to nothing in an image
  for (int i = 0; i < 5 * rolls; ++i) {
    ExpectOk(partition.Append(RecordOf({}, zeros)).status(), name);
  }
  const std::string alike(300, 'a');
  const std::vector<Record> packed(4, RecordOf("key", alike));
  ExpectOk(partition.AppendBatch(packed).status(), name);
  ExpectOk(partition.Append(RecordOf({}, "the last one")).status(), name);
}

void Commit(Broker& broker, std::string topic) {
  ConsumerGroup group(broker, "group");
  const auto consumer = group.Join({std::move(topic)}).value();
  for (int i = 0; i < 2; ++i) ExpectOk(consumer->Poll({}).status(), "poll");
  ExpectOk(consumer->Commit(), "commit");
}

// A directory that was closed, one whose process was killed, and one that lost its power.
std::vector<DirectoryImage> Directories() {
  std::vector<DirectoryImage> images;
  for (const int rolls : {0, 2}) {
    SimulatedFileSystem disk;
    auto broker = OpenBroker(disk, BrokerAccess::kReadWrite).value();
    Fill(*broker, "t", {.partitions = 2}, rolls);
    const std::unique_ptr<SimulatedFileSystem> first = disk.Kill();
    images.push_back(ImageOf(*first));
    Fill(*broker, "u",
         {.durability = Durability::kDisk,
          .compression = Compression::kZstd,
          .dictionary_bytes = 256},
         rolls);
    const Topic topic = broker->OpenTopic("u").value();
    for (int i = 0; i < 400; ++i) {
      const std::string value = absl::StrCat("{\"order\":", i * 7919 % 10'007, "}");
      if (i == 350) ExpectOk(broker->RunBackgroundWork(), "training");
      if (i < 350 || i > 390)
        ExpectOk(topic.partition(0).Append(RecordOf({}, value)).status(), "u");
    }
    Commit(*broker, "t");
    ExpectOk(broker->RunBackgroundWork(), "background work");
    const std::unique_ptr<SimulatedFileSystem> killed = disk.Kill();
    const std::unique_ptr<SimulatedFileSystem> cut = disk.CutPower(7);
    ExpectOk(broker->Close(), "close");
    for (SimulatedFileSystem* left : {&disk, killed.get(), cut.get()}) {
      images.push_back(ImageOf(*left));
      images.back().is_of_earlier_boot = left != killed.get();
    }
  }
  return images;
}

void WriteSegment(Seeds& seeds, std::string file) {
  auto* const bytes = reinterpret_cast<const std::uint8_t*>(file.data());
  std::string header;
  for (const auto& [position, size] : {std::pair<std::uint64_t, std::size_t>{0, 64},
                                       {frame::kCheckpointPositions[0], 64},
                                       {frame::kCheckpointPositions[1], 64},
                                       {frame::kClaimBoundPosition, 8}}) {
    header += TextOf({bytes + position, size});
  }
  const auto size = static_cast<std::uint32_t>(file.size());
  header.append(reinterpret_cast<const char*>(&size), sizeof size);
  seeds.Write("segment_header", header);
  if (file.size() > 16 << 10) file.resize(16 << 10);
  RepairFrames(std::as_writable_bytes(std::span(file.data(), file.size())), kSegmentId);
  file.resize(std::max<std::size_t>(file.find_last_not_of('\0') + 1, frame::kSegmentHeaderBytes));
  seeds.Write("segment", std::string_view(file).substr(frame::kSegmentHeaderBytes));
}

void WriteIndex(Seeds& seeds, std::string file) {
  std::memcpy(file.data() + 8, &kSegmentId, sizeof kSegmentId);
  seeds.Write("offset_index", std::string("\x64\0\0\0\x20\0", 6) + file);
}

void WriteBatches(Seeds& seeds) {
  const std::vector<Header> headers = {{"trace", "0123"}, {"absent", std::nullopt}};
  const std::string alike(200, 'a');
  const std::vector<Record> records = {
      RecordOf({}, "value"), RecordOf("key", std::nullopt), RecordOf("", "", headers),
      RecordOf("key", alike, headers, Timestamp(std::chrono::seconds(1)))};
  std::string entries;
  int count = 0;
  for (const Record& record : records) {
    std::string entry(frame::EntryBytes(record), '\0');
    frame::PutEntry(reinterpret_cast<std::byte*>(entry.data()), record);
    entries += entry;
    ++count;
  }
  const auto write = [&](char how, std::string_view body) {
    std::string seed{how, static_cast<char>(count), '\0'};
    seeds.Write("batch", seed.append(body));
  };
  write(0, entries);
  Compressor compressor;
  std::string packed;
  ExpectOk(compressor.Compress(std::as_bytes(std::span(entries)), nullptr, 3, &packed), "pack");
  write(1, packed);
  ExpectOk(compressor.Compress(std::as_bytes(std::span(entries)), &KnownDictionary(), 3, &packed),
           "pack");
  write(2, packed);
  write(3, KnownDictionary().bytes());
  // Sixteen mebibytes of zeros in a few hundred bytes.
  const std::string zeros(16 << 20, '\0');
  ExpectOk(compressor.Compress(std::as_bytes(std::span(zeros)), nullptr, 3, &packed), "pack");
  write(1, packed);
}

void WriteCommandLines(Seeds& seeds) {
  for (const std::string_view line :
       {R"({"topic":"t","partition":3,"offset":7,"ts":5,"headers":["a","b","c",null],"key":"k",)"
        R"("payload":"v"})",
        R"({"ts_ns":-1,"key":{"base64":"/w=="},"payload":null})", R"({"payload":"\u00e4"})"}) {
    seeds.Write("command_line", std::string(1, '\0') + std::string(line));
  }
  seeds.Write("command_line", std::string("\1\x0c%t %k\\n%s %%\xff\xc3\xa4"));
  for (const std::string_view start : {"beginning", "end", "-5", "17", "s@1700000000000"}) {
    seeds.Write("command_line", "\2" + std::string(start));
  }
}

void WriteAll(Seeds& seeds) {
  for (const DirectoryImage& image : Directories()) {
    seeds.Write("directory", EncodeImage(image));
    for (const FileImage& file : image.files) {
      const std::string& path = file.path;
      if (absl::EndsWith(path, ".log")) WriteSegment(seeds, file.content);
      if (absl::EndsWith(path, ".index")) WriteIndex(seeds, file.content);
      if (absl::EndsWith(path, ".topic") || absl::EndsWith(path, ".properties")) {
        seeds.Write("properties", file.content);
      }
    }
  }
  WriteBatches(seeds);
  WriteCommandLines(seeds);
  std::mt19937 random(1);
  for (int i = 0; i < 8; ++i) {
    std::string bytes(40 * (i + 1), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    seeds.Write("operations", bytes);
    seeds.Write("offset_store", bytes);
  }
}

}  // namespace
}  // namespace daybook::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_make_seeds DIRECTORY\n";
    return 2;
  }
  daybook::fuzz::Seeds seeds(argv[1]);
  daybook::fuzz::WriteAll(seeds);
  return 0;
}
