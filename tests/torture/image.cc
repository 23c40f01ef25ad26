#include "torture/image.h"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daybook/consumer_group.h"
#include "format/scan.h"
#include "format/segment_header.h"
#include "io/atomic_replace.h"

namespace daybook::torture {
namespace {

constexpr std::size_t kMostFileBytes = std::size_t{1} << 24;
constexpr std::uint64_t kRoomForOffsets = 64 << 10;

// Everything here is made on a disk without faults, so an error is one of the program.
template <typename T>
T Must(absl::StatusOr<T> result) {
  if (!result.ok()) std::abort();
  return *std::move(result);
}
void Must(const absl::Status& status) {
  if (!status.ok()) std::abort();
}

std::string ValueOf(std::size_t offset, std::size_t bytes) {
  std::string value = absl::StrCat(offset, " ");
  while (value.size() < bytes)
    value.push_back(static_cast<char>('a' + (value.size() + offset) % 26));
  return value;
}

// Records of all kinds: values alone, with keys, with headers and times, and batches.
void AppendSome(Partition& partition, std::size_t value_bytes, std::vector<std::string>& values) {
  const std::size_t first = values.size();
  const auto make = [&] { return values.emplace_back(ValueOf(values.size(), value_bytes)); };
  const Header headers[] = {{.name = "source", .value = "torture"}, {.name = "none", .value = {}}};
  switch (first % 7) {
    case 3: {
      Record record;
      const std::string value = make();
      record.key = "a key";
      record.value = value;
      record.headers = headers;
      record.timestamp = Timestamp(std::chrono::seconds(5));
      Must(partition.Append(record).status());
      return;
    }
    case 5: {
      std::vector<std::string> texts;
      for (int i = 0; i < 3; ++i) texts.push_back(make());
      std::vector<Record> records(texts.size());
      for (std::size_t i = 0; i < texts.size(); ++i) {
        records[i].key = "k";
        records[i].value = texts[i];
      }
      Must(partition.AppendBatch(records).status());
      return;
    }
    default: {
      Record record;
      const std::string value = make();
      record.value = value;
      Must(partition.Append(record).status());
    }
  }
}

void FindPlaces(Image& image) {
  image.places.resize(image.values.size());
  for (const std::string& path : image.disk->Files()) {
    if (path.rfind(kImagePartition, 0) != 0 || path.substr(path.size() - 4) != ".log") continue;
    image.segments.push_back(path);
  }
  std::sort(image.segments.begin(), image.segments.end());
  for (const std::string& path : image.segments) {
    const std::string text = ReadFileOf(*image.disk, path);
    // Frames are aligned, and the bytes of a string may not be.
    std::vector<std::uint64_t> words(text.size() / 8);
    std::copy_n(text.data(), words.size() * 8, reinterpret_cast<char*>(words.data()));
    const auto bytes = std::as_bytes(std::span(words));
    const auto header = Must(frame::DecodeSegmentHeader(bytes.first(frame::kSegmentHeaderBytes)));
    image.bases.push_back(header.base_offset);
    frame::Scan(
        {.bytes = bytes,
         .segment_id = header.segment_id,
         .max_frame_bytes = header.max_frame_bytes},
        {}, [&](std::uint64_t position, const frame::FrameHeader& frame) {
          for (std::uint32_t i = 0; i < frame::OffsetCount(frame); ++i) {
            image.places[static_cast<std::size_t>(header.base_offset) + frame.offset_delta + i] = {
                .file = path,
                .begin = position,
                .end = position + frame::LengthOf(frame.length_word)};
          }
        });
  }
}

}  // namespace

std::string ReadFileOf(SimulatedFileSystem& disk, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const auto directory = disk.OpenDirectory(path.substr(0, slash), DirectoryMode::kMustExist);
  if (!directory.ok()) return "";
  return ReadFile(**directory, path.substr(slash + 1), kMostFileBytes).value_or("");
}

void RemoveFile(SimulatedFileSystem& disk, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const auto directory = Must(disk.OpenDirectory(path.substr(0, slash), DirectoryMode::kMustExist));
  directory->RemoveFile(path.substr(slash + 1)).IgnoreError();  // it may not be there
}

void ReplaceFile(SimulatedFileSystem& disk, const std::string& path, const std::string& text) {
  RemoveFile(disk, path);
  const std::size_t slash = path.rfind('/');
  const auto directory = Must(disk.OpenDirectory(path.substr(0, slash), DirectoryMode::kMustExist));
  const auto file = Must(directory->OpenFile(path.substr(slash + 1), FileMode::kCreate));
  Must(file->WriteAt(0, std::as_bytes(std::span(text))));
}

std::pair<std::int64_t, std::int64_t> Image::HitBy(const std::string& file,
                                                   std::uint64_t position) const {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i].file != file || position < places[i].begin || position >= places[i].end) continue;
    if (end == 0) begin = static_cast<std::int64_t>(i);
    end = static_cast<std::int64_t>(i) + 1;
  }
  return {begin, end};
}

namespace {

// Of all files, in whole pages.
std::uint64_t BytesOf(SimulatedFileSystem& disk) {
  constexpr std::uint64_t kPage = 4096;
  std::uint64_t bytes = 0;
  for (const std::string& path : disk.Files()) {
    bytes += (ReadFileOf(disk, path).size() + kPage - 1) / kPage * kPage;
  }
  return bytes;
}

}  // namespace

Image MakeImage(int segments, ImageEnd end, std::size_t value_bytes, std::uint64_t seed) {
  Image image;
  image.disk = std::make_unique<SimulatedFileSystem>();
  {
    auto broker = Must(Broker::Open(kImageDirectory, {.access = BrokerAccess::kReadWrite,
                                                      .background = Background::kCaller,
                                                      .file_system = image.disk.get()}));
    TopicOptions options;
    options.segment_bytes = kImageSegmentBytes;
    options.max_record_bytes = kImageSegmentBytes / 4;
    Must(broker->CreateTopic("orders", options));
    const Topic topic = Must(broker->OpenTopic("orders"));
    Partition& partition = topic.partition(0);
    const auto count = [&] {
      std::int64_t logs = 0;
      for (const std::string& path : image.disk->Files()) {
        logs += path.rfind(kImagePartition, 0) == 0 && path.substr(path.size() - 4) == ".log";
      }
      return logs;
    };
    while (image.values.size() % 16 != 0 || count() < segments) {
      AppendSome(partition, value_bytes, image.values);
      AppendSome(partition, value_bytes, image.values);
    }
    // The last one has something in it, too.
    for (int i = 0; i < 20; ++i) AppendSome(partition, value_bytes, image.values);
    ConsumerGroup group(*broker, "group");
    const auto consumer = Must(group.Join({"orders"}));
    Must(consumer->Poll({}).status());
    // Without room for its reserve the log of offsets stays small: it is copied for every fault.
    image.disk->SetCapacity(BytesOf(*image.disk) + kRoomForOffsets);
    Must(consumer->Commit());
    image.disk->SetCapacity(~std::uint64_t{0});
    if (end == ImageEnd::kPowerCut) {
      // What a sync made durable is noted after it, and that note is on the disk with the next one.
      image.known_durable = static_cast<std::int64_t>(image.values.size());
      Must(partition.WaitDurable(Offset(image.known_durable)));
      AppendSome(partition, value_bytes, image.values);
      Must(partition.WaitDurable(Offset(static_cast<std::int64_t>(image.values.size()))));
    }
  }
  if (end == ImageEnd::kPowerCut) image.disk = image.disk->CutPower(seed);
  FindPlaces(image);
  return image;
}

bool ReadOut::IsDamaged(std::int64_t offset) const {
  return std::any_of(damaged.begin(), damaged.end(), [&](const auto& range) {
    return range.first <= offset && offset < range.second;
  });
}

ReadOut ReadAll(FileSystem& disk, BrokerAccess access, bool appends, ReadFrom from) {
  ReadOut out;
  auto broker = Broker::Open(
      kImageDirectory, {.access = access, .background = Background::kCaller, .file_system = &disk});
  if (!broker.ok()) {
    out.status = broker.status();
    return out;
  }
  const auto topic = (*broker)->OpenTopic("orders");
  if (!topic.ok()) {
    out.status = topic.status();
    return out;
  }
  Partition& partition = topic->partition(0);
  const auto end = partition.end_offset();
  if (!end.ok()) {
    out.status = end.status();
    return out;
  }
  out.end = end->value();
  if (from == ReadFrom::kBegin) {
    const auto begin = partition.begin_offset();
    if (!begin.ok()) {
      out.status = begin.status();
      return out;
    }
    out.begin = begin->value();
  }
  for (Offset at(out.begin); at < *end;) {
    const auto batch = partition.Read(at);
    if (batch.ok()) {
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        out.values[record.offset.value()] = std::string(record.value);
      }
      at = batch->next_offset();
      continue;
    }
    if (!absl::IsDataLoss(batch.status())) {
      out.status = batch.status();
      return out;
    }
    const auto next = partition.NextReadable(at);
    if (!next.ok() || *next <= at) {
      out.status = next.ok() ? batch.status() : next.status();
      return out;
    }
    out.damaged.emplace_back(at.value(), next->value());
    at = *next;
  }
  // The end may be where something damaged begins.
  if (absl::IsDataLoss(partition.Read(*end).status())) {
    out.damaged.emplace_back(out.end, std::numeric_limits<std::int64_t>::max());
  }
  if (appends) {
    Record record;
    record.value = "more";
    out.status = partition.Append(record).status();
  }
  return out;
}

bool IsTyped(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnimplemented:
      return false;
    default:
      return !status.message().empty();
  }
}

}  // namespace daybook::torture
