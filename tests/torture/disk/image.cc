#include "torture/disk/image.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <iterator>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daybook/consumer_group.h"
#include "format/scan.h"
#include "format/segment_header.h"
#include "io/atomic_replace.h"
#include "torture/hostile.h"

namespace daybook::torture {
namespace {

constexpr std::size_t kMostFileBytes = std::size_t{1} << 28;
constexpr std::uint64_t kRoomForOffsets = 64 << 10;
// What a record has around its value, at the most: its key, and headers.
constexpr std::size_t kMostAround = 1024;
constexpr std::size_t kLeastBytes = 10;
// In the default shape the last segment holds so much.
constexpr std::uint64_t kBytesOfLast = std::uint64_t{20} << 20;

// Everything here is made on a disk without faults, so an error is one of the program.
template <typename T>
T Must(absl::StatusOr<T> result) {
  if (!result.ok()) std::abort();
  return *std::move(result);
}
void Must(const absl::Status& status) {
  if (!status.ok()) std::abort();
}

// Shorter at the end of the file.
std::string ReadPart(SimulatedFileSystem& disk, const std::string& path, std::uint64_t position,
                     std::size_t bytes) {
  const std::size_t slash = path.rfind('/');
  const auto directory = Must(disk.OpenDirectory(path.substr(0, slash), DirectoryMode::kMustExist));
  const auto file = Must(directory->OpenFile(path.substr(slash + 1), FileMode::kRead));
  std::string part(bytes, '\0');
  part.resize(Must(file->ReadAt(position, std::as_writable_bytes(std::span(part)))));
  return part;
}

// Of up to the library's limit.
const HostilePool& Pool() {
  static const HostilePool pool(std::size_t{5} << 18, 29);
  return pool;
}

TopicOptions OptionsOf(Shape shape) {
  TopicOptions options;
  options.max_record_bytes = std::int64_t{1} << 20;  // which it is by default, too
  if (shape == Shape::kSmall) {
    options.segment_bytes = kImageSegmentBytes;
    options.max_record_bytes = kImageSegmentBytes / 4;
  }
  return options;
}

bool IsSegment(const std::string& path) {
  return path.rfind(kImagePartition, 0) == 0 && path.substr(path.size() - 4) == ".log";
}

class ImageWriter {
 public:
  ImageWriter(const ImagePlan& plan, Image& image, Partition& partition)
      : plan_(plan),
        image_(image),
        partition_(partition),
        most_bytes_(static_cast<std::size_t>(OptionsOf(plan.shape).max_record_bytes) - kMostAround),
        random_(plan.seed) {}

  void Fill() {
    // In the small shape the last segment has something in it, too.
    std::size_t more = plan_.shape == Shape::kSmall ? 20 : 1;
    while (CountSegments() < plan_.segments) Append();
    if (plan_.shape == Shape::kDefault) {
      for (filled_ = 0; filled_ < kBytesOfLast;) Append();
    }
    while (more-- != 0) Append();
  }

  // Records of all kinds: values alone, with keys, with headers and times, and batches.
  void Append() {
    const std::size_t first = image_.values.size();
    const Header headers[] = {{.name = "source", .value = "torture"},
                              {.name = "none", .value = {}}};
    switch (first % 7) {
      case 3: {
        Record record;
        const std::string& value = Make(most_bytes_);
        record.key = "a key";
        record.value = value;
        record.headers = headers;
        record.timestamp = Timestamp(std::chrono::seconds(5));
        Must(partition_.Append(record).status());
        return;
      }
      case 5: {
        for (int i = 0; i < 3; ++i) Make(most_bytes_ / 4);
        std::vector<Record> records(3);
        for (std::size_t i = 0; i < records.size(); ++i) {
          records[i].key = "k";
          records[i].value = image_.values[first + i];
        }
        Must(partition_.AppendBatch(records).status());
        return;
      }
      default: {
        Record record;
        const std::string& value = Make(most_bytes_);
        record.value = value;
        Must(partition_.Append(record).status());
      }
    }
  }

 private:
  std::uint64_t Pick(std::uint64_t below) { return random_() % below; }

  int CountSegments() {
    int count = 0;
    for (const std::string& path : image_.disk->Files()) count += IsSegment(path) ? 1 : 0;
    if (count != segments_) filled_ = 0;
    segments_ = count;
    return count;
  }

  std::size_t PickSize(std::size_t most) {
    if (Pick(16) == 0) return most;
    // As many of 10 to 20 bytes as of the largest.
    std::size_t bytes = kLeastBytes;
    for (auto doublings = Pick(std::bit_width(most / kLeastBytes)); doublings != 0; --doublings) {
      bytes *= 2;
    }
    return std::min(most, bytes + Pick(bytes));
  }

  // The next value; the offset makes it one of its own.
  const std::string& Make(std::size_t most) {
    std::string value = absl::StrCat(image_.values.size(), " ");
    const bool is_text = plan_.shape == Shape::kSmall && Pick(4) != 0;
    const std::size_t bytes = is_text ? plan_.value_bytes : PickSize(most);
    if (is_text || bytes <= 16) {
      while (value.size() < bytes) {
        value.push_back(static_cast<char>('a' + (value.size() + image_.values.size()) % 26));
      }
    } else {
      value.resize(8, ' ');  // so that what looks like a frame begins where one could
      if (Pick(5) == 0 && segments_ != 0) {
        value += OwnSegment(bytes - 8);
      } else {
        value += std::string(Pool().Payload(bytes - 8, random_()));
      }
    }
    filled_ += value.size();
    return image_.values.emplace_back(std::move(value));
  }

  // Frames of the segment that is written to, at another place of it.
  std::string OwnSegment(std::size_t bytes) {
    std::string last;
    for (const std::string& path : image_.disk->Files()) {
      if (IsSegment(path)) last = std::max(last, path);
    }
    return ReadPart(*image_.disk, last, Pick(filled_ / 8 + 1) * 8, bytes);
  }

  const ImagePlan& plan_;
  Image& image_;
  Partition& partition_;
  const std::size_t most_bytes_;
  std::mt19937_64 random_;
  int segments_ = 0;
  std::uint64_t filled_ = 0;  // of the segment that is written to, about
};

void FindPlaces(Image& image) {
  image.places.resize(image.values.size());
  for (const std::string& path : image.disk->Files()) {
    if (IsSegment(path)) image.segments.push_back(path);
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

std::uint64_t SizeOf(SimulatedFileSystem& disk, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const auto directory = disk.OpenDirectory(path.substr(0, slash), DirectoryMode::kMustExist);
  if (!directory.ok()) return 0;
  const auto file = (*directory)->OpenFile(path.substr(slash + 1), FileMode::kRead);
  return file.ok() ? (*file)->Size().value_or(0) : 0;
}

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
    bytes += (SizeOf(disk, path) + kPage - 1) / kPage * kPage;
  }
  return bytes;
}

}  // namespace

Image MakeImage(const ImagePlan& plan) {
  Image image;
  image.shape = plan.shape;
  image.disk = std::make_unique<SimulatedFileSystem>();
  {
    auto broker = Must(Broker::Open(kImageDirectory, {.access = BrokerAccess::kReadWrite,
                                                      .background = Background::kCaller,
                                                      .file_system = image.disk.get()}));
    Must(broker->CreateTopic("orders", OptionsOf(plan.shape)));
    const Topic topic = Must(broker->OpenTopic("orders"));
    Partition& partition = topic.partition(0);
    ImageWriter writer(plan, image, partition);
    writer.Fill();
    ConsumerGroup group(*broker, "group");
    const auto consumer = Must(group.Join({"orders"}));
    Must(consumer->Poll({}).status());
    // Without room for its reserve the log of offsets stays small: it is copied for every fault.
    if (plan.shape == Shape::kSmall) {
      image.disk->SetCapacity(BytesOf(*image.disk) + kRoomForOffsets);
    }
    Must(consumer->Commit());
    image.disk->SetCapacity(~std::uint64_t{0});
    if (plan.end == ImageEnd::kPowerCut) {
      // What a sync made durable is noted after it, and that note is on the disk with the next one.
      image.known_durable = static_cast<std::int64_t>(image.values.size());
      Must(partition.WaitDurable(Offset(image.known_durable)));
      writer.Append();
      Must(partition.WaitDurable(Offset(static_cast<std::int64_t>(image.values.size()))));
    }
  }
  if (plan.end == ImageEnd::kPowerCut) image.disk = image.disk->CutPower(plan.seed);
  FindPlaces(image);
  return image;
}

void Image::WithCopy(
    Tally& tally, const std::function<void(SimulatedFileSystem& disk, Tally& tally)>& body) const {
  if (shape == Shape::kSmall) return body(*disk->Kill(), tally);
  RunInChild(tally, [&](Tally& inner) { body(*disk, inner); });
}

Tally RunOnDefaultImages(const RunOptions& options, int segments, std::int64_t times,
                         const DamageImage& damage) {
  if (options.amount != 0) times = std::min(times, options.amount);
  return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
    const std::uint64_t seed = SeedOf(options, number);
    const Image image = MakeImage({.shape = Shape::kDefault,
                                   .segments = segments,
                                   .end = number % 2 == 0 ? ImageEnd::kClosed : ImageEnd::kPowerCut,
                                   .seed = seed});
    std::mt19937_64 random(seed);
    std::int64_t done = 0;
    for (; done < times && tally.violations().empty(); ++done) damage(image, random, tally);
    return done;
  });
}

FilePlace PickPlace(const Image& image, std::mt19937_64& random) {
  const auto pick = [&random](std::uint64_t below) { return random() % below; };
  const RecordPlace& frame = image.places[pick(image.places.size())];
  const std::string& segment = image.segments[pick(image.segments.size())];
  switch (pick(16)) {
    case 0:
    case 1:
    case 2:
      return {frame.file, frame.begin + pick(frame::kFrameHeaderBytes)};
    case 3:
      return {frame.file, frame.begin + pick(4)};  // its length and its kind
    case 4:
    case 5:
      return {frame.file, frame.begin + 4 + pick(4)};  // its checksum
    case 6:
    case 7:
      return {frame.file, frame.end - 1 - pick(8)};
    case 8:
    case 9:
      return {frame.file, frame.begin + pick(frame.end - frame.begin)};
    case 10:
    case 11: {
      // Behind the last frame of a segment: a seal, or where the next claim's mark would be.
      std::uint64_t end = frame::kSegmentHeaderBytes;
      for (const RecordPlace& place : image.places) {
        if (place.file == segment) end = std::max(end, frame::AlignedLength(place.end));
      }
      return {segment, std::min(end + pick(64), SizeOf(*image.disk, segment) - 1)};
    }
    case 12: {
      constexpr std::uint64_t kParts[] = {0, frame::kCheckpointPositions[0],
                                          frame::kCheckpointPositions[1],
                                          frame::kClaimBoundPosition};
      return {segment, kParts[pick(std::size(kParts))] + pick(64)};
    }
    case 13:
      // An earlier damage may have left nothing of it.
      return {segment, pick(std::max<std::uint64_t>(1, SizeOf(*image.disk, segment)))};
    default: {
      std::vector<std::string> others;
      for (const std::string& path : image.disk->Files()) {
        const bool is_other = !IsSegment(path) && path.find(".lock") == std::string::npos;
        if (is_other && SizeOf(*image.disk, path) != 0) others.push_back(path);
      }
      if (others.empty()) return {segment, 0};
      const std::string& other = others[pick(others.size())];
      // Of a log all but its beginning is empty.
      return {other, pick(std::min<std::uint64_t>(SizeOf(*image.disk, other), 8192))};
    }
  }
}

}  // namespace daybook::torture
