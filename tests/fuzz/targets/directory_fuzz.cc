#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/consumer_group.h"
#include "fuzz/directory_image.h"
#include "fuzz/forgery.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/observe.h"
#include "fuzz/repair.h"
#include "fuzz/segment_input.h"

// Opening a directory whose files hold anything: read-only, then to write. All is read, appended
// to, closed and opened again: the errors are typed, what can be read stays readable, what is
// appended is there, and the state after the first open is the state from then on.

namespace daybook::fuzz {
namespace {

Record RecordOf(std::string_view value) {
  return {.key = "key", .value = value, .headers = {}, .timestamp = {}, .partition = {}};
}

// Appends are refused with an error, or can be read.
void AppendTo(Partition& partition, bool is_forged) {
  const std::string value = "appended to what was found";
  const std::vector<Record> records(3, RecordOf(value));
  for (const auto& offset : {partition.Append(records[0]), partition.AppendBatch(records),
                             partition.Append(records[0], {.durability = Durability::kDisk})}) {
    ExpectTyped(offset.status());
    if (!offset.ok() || is_forged) continue;
    const auto batch = partition.Read(*offset, {.max_records = 1});
    ExpectOk(batch.status(), "what was appended cannot be read");
    Expect(!batch->empty() && batch->begin()->offset == *offset && batch->begin()->value == value,
           "what was appended is not there");
  }
}

void UseGroup(Broker& broker, const std::vector<std::string>& topics) {
  if (topics.empty()) return;
  ConsumerGroup group(broker, "group");
  const auto consumer = group.Join(topics);
  ExpectTyped(consumer.status());
  if (!consumer.ok()) return;
  for (int i = 0; i < 3; ++i) ExpectTyped((*consumer)->Poll({}).status());
  ExpectTyped((*consumer)->Commit());
}

void AppendToAll(Broker& broker, const std::vector<std::string>& found) {
  const auto names = broker.ListTopics();
  if (!names.ok()) return ExpectTyped(names.status());
  std::vector<std::string> small;
  for (const std::string& name : *names) {
    const auto topic = broker.OpenTopic(name);
    ExpectOk(topic.status(), "a topic that is listed");
    const int partitions = std::min(topic->partitions(), kObservedPartitions);
    for (int id = 0; id < partitions; ++id) {
      AppendTo(topic->partition(id), IsForged(found, absl::StrCat(name, "-", id)));
    }
    if (topic->partitions() <= kObservedPartitions) small.push_back(name);
  }
  UseGroup(broker, small);
  ExpectTyped(broker.RunBackgroundWork());
}

// Whether the line is of a record that must stay.
bool MustStay(const std::string& line, const std::vector<std::string>& found) {
  const std::size_t name = line.find(" record ");
  return name != line.npos && !IsForged(found, std::string_view(line).substr(0, name));
}

}  // namespace

void FuzzDirectory(Input input) {
  const DirectoryImage image = DecodeImage(input);
  const std::set<std::string> forged = ForgedPartitions(image);
  const std::unique_ptr<SimulatedFileSystem> disk = MakeDisk(image);
  if (const auto reader = OpenBroker(*disk, BrokerAccess::kReadOnly); reader.ok()) {
    Observe(**reader, forged);
  } else {
    ExpectTyped(reader.status());
  }

  auto broker = OpenBroker(*disk, BrokerAccess::kReadWrite);
  if (!broker.ok()) return ExpectTyped(broker.status());
  const std::vector<std::string> found = Observe(**broker, forged);
  AppendToAll(**broker, found);
  const std::vector<std::string> all = Observe(**broker, forged);
  std::vector<std::string> records = found;
  std::erase_if(records, [&](const std::string& line) { return !MustStay(line, found); });
  const std::string lost = MissingFrom(all, records);
  Expect(lost.empty(), absl::StrCat("appending lost \"", lost, "\""));
  const std::unique_ptr<SimulatedFileSystem> killed = disk->Kill();
  ExpectTyped((*broker)->Close());
  broker->reset();

  for (SimulatedFileSystem* left : {disk.get(), killed.get()}) {
    for (const char* when : {"opened again", "and again"}) {
      const auto reopened = OpenBroker(*left, BrokerAccess::kReadWrite);
      ExpectOk(reopened.status(), when);
      ExpectSame(all, Observe(**reopened, forged), when);
    }
  }
}

std::size_t MutateDirectory(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t seed,
                            Mutate mutate) {
  // A piece of one file most times, or else the input itself, which moves whole files about.
  if (seed % 4 == 0) return mutate(buffer.data(), size, buffer.size());
  DirectoryImage image = DecodeImage(Input(buffer.first(size)));
  if (image.files.empty()) return mutate(buffer.data(), size, buffer.size());
  FileImage& file = image.files[seed / 4 % image.files.size()];
  std::vector<std::size_t> places;  // where there is something
  for (std::size_t at = 0; at < file.content.size(); at += 8) {
    if (file.content[at] != '\0') places.push_back(at);
  }
  std::size_t at = places.empty() ? 0 : places[seed / 256 % places.size()];
  at -= at % 8;
  std::string window = file.content.substr(at, 64);
  const std::size_t room = window.size();
  window.resize(64);
  // Text may become shorter or longer; elsewhere what follows stays where it is.
  const bool is_text = file.path.find('/') == file.path.npos;
  auto* const data = reinterpret_cast<std::uint8_t*>(window.data());
  const std::size_t mutated = mutate(data, room, window.size());
  window.resize(is_text ? mutated : room);
  file.content.replace(at, room, window);
  if (seed / 64 % 8 != 0) RepairFile(file.path, &file.content);
  const std::vector<std::uint8_t> encoded = EncodeImage(image);
  if (encoded.size() > buffer.size()) return size;
  std::copy(encoded.begin(), encoded.end(), buffer.begin());
  return encoded.size();
}

}  // namespace daybook::fuzz
