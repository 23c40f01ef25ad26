#include "scratch.h"

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daybook/format/frame.h"

namespace daybook::bench {
namespace {

constexpr std::string_view kBrokerDirectory = "broker";

void CheckCall(bool ok, std::string_view what, const std::string& path) {
  if (ok) return;
  Check(absl::ErrnoToStatus(errno, absl::StrCat("cannot ", std::string(what), " ", path)));
}

}  // namespace

WarmMemory::WarmMemory(std::uint64_t bytes) : size_((bytes + kStep - 1) / kStep * kStep) {
  void* const data =
      mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CheckCall(data != MAP_FAILED, "map", "memory");
  data_ = static_cast<std::byte*>(data);
  madvise(data_, size_, MADV_HUGEPAGE);
  std::memset(data_, 1, size_);
  while (given_ < std::min(kLead, size_)) GiveBack();
}

WarmMemory::~WarmMemory() {
  if (given_ < size_) munmap(data_ + given_, size_ - given_);
}

void WarmMemory::GiveBack() {
  munmap(data_ + given_, kStep);
  given_ += kStep;
}

ScratchDirectory::ScratchDirectory(const Settings& settings) {
  std::filesystem::create_directories(settings.directory);
  path_ = settings.directory + "/run-XXXXXX";
  CheckCall(mkdtemp(path_.data()) != nullptr, "make", path_);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Map::Map(int descriptor, std::uint64_t bytes, int protection) : size_(bytes) {
  void* data = mmap(nullptr, bytes, protection, MAP_SHARED, descriptor, 0);
  CheckCall(data != MAP_FAILED, "map", "a file");
  data_ = static_cast<std::byte*>(data);
  close(descriptor);
}

Map Map::Create(const std::string& path, std::uint64_t bytes) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CheckCall(descriptor >= 0, "make", path);
  CheckCall(fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)) == 0, "allocate", path);
  return Map(descriptor, bytes, PROT_READ | PROT_WRITE);
}

Map Map::Open(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  CheckCall(descriptor >= 0, "open", path);
  struct stat status;
  CheckCall(fstat(descriptor, &status) == 0, "look at", path);
  return Map(descriptor, static_cast<std::uint64_t>(status.st_size), PROT_READ);
}

Map::Map(Map&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}

Map::~Map() {
  if (data_ != nullptr) munmap(data_, size_);
}

std::vector<Map> OpenSegments(const std::string& directory) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".log") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Map> maps;
  for (const std::string& path : paths) maps.push_back(Map::Open(path));
  return maps;
}

ScratchBroker::ScratchBroker(const Settings& settings, BrokerOptions options)
    : directory_(settings), options_(options) {
  Reopen();
}

void ScratchBroker::Reopen() {
  broker_.reset();
  broker_ = Check(
      Broker::Open(absl::StrCat(directory_.path(), "/", std::string(kBrokerDirectory)), options_));
}

Topic ScratchBroker::NewTopic(const std::string& name, const TopicOptions& options) {
  Check(broker_->CreateTopic(name, options));
  return Check(broker_->OpenTopic(name));
}

std::int64_t ScratchBroker::Fill(Partition& partition, std::uint64_t log_bytes,
                                 std::size_t value_bytes) {
  const std::string value(value_bytes, 'v');
  Record record;
  record.value = value;
  const std::int64_t records = RecordsIn(log_bytes, value_bytes);
  for (std::int64_t i = 0; i < records; ++i) Check(partition.Append(record).status());
  return records;
}

std::string ScratchBroker::PartitionDirectory(const std::string& topic) const {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(broker_->directory())) {
    if (entry.is_directory() && entry.path().filename() == topic + "-0") {
      return entry.path().string();
    }
  }
  Check(absl::NotFoundError(absl::StrCat(topic, " has no files")));
  return "";
}

void ReadAll(Reader& reader, std::int64_t records) {
  std::size_t sum = 0;
  for (std::int64_t seen = 0; seen < records;) {
    const RecordBatch batch = Check(reader.Poll(std::chrono::seconds(1)));
    for (const RecordView& record : batch) {
      sum += static_cast<unsigned char>(record.value.front());
      ++seen;
    }
  }
  benchmark::DoNotOptimize(sum);
}

std::uint64_t FrameBytes(std::size_t value_bytes) {
  return frame::AlignedLength(frame::kFrameHeaderBytes + value_bytes);
}

std::int64_t RecordsIn(std::uint64_t log_bytes, std::size_t value_bytes) {
  return static_cast<std::int64_t>(log_bytes / FrameBytes(value_bytes));
}

}  // namespace daybook::bench
