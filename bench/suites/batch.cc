#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/format/frame.h"
#include "scratch.h"
#include "suites.h"

// One thread appends batches of 100 records of 100 bytes. The limit writes as many bytes with
// write(2) in blocks of 1 MiB, into files of the same size.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kBatch = 100;
constexpr std::size_t kBlock = std::size_t{1} << 20;

class BatchContest final : public Contest {
 public:
  explicit BatchContest(const Settings& settings)
      : settings_(settings),
        batches_(std::max<std::int64_t>(
            1, static_cast<std::int64_t>(settings.log_bytes / (kBatch * kValueBytes)))) {}

  std::vector<double> Measure() override {
    ScratchBroker scratch(settings_);
    const Topic topic = scratch.NewTopic("batch");
    Partition& partition = topic.partition(0);
    const std::string value(kValueBytes, 'v');
    Record record;
    record.value = value;
    const std::vector<Record> records(kBatch, record);
    WarmMemory memory(static_cast<std::uint64_t>(batches_) * kFrameBytes);
    Check(partition.AppendBatch(records).status());  // opens it
    const Stopwatch watch(settings_.timing);
    for (std::int64_t i = 0; i < batches_; ++i) {
      memory.Filled(static_cast<std::uint64_t>(i) * kFrameBytes);
      const auto offset = partition.AppendBatch(records);
      if (!offset.ok()) [[unlikely]]
        Check(offset.status());
    }
    return {Rate(watch.seconds())};
  }

  std::vector<double> MeasureLimit() override {
    const ScratchDirectory directory(settings_);
    const auto file_bytes = static_cast<std::uint64_t>(TopicOptions().segment_bytes);
    const std::string block(kBlock, 'v');
    const std::uint64_t total = static_cast<std::uint64_t>(batches_) * kFrameBytes;
    WarmMemory memory(total);
    const Stopwatch watch(settings_.timing);
    int descriptor = -1;
    for (std::uint64_t done = 0; done < total; done += kBlock) {
      memory.Filled(done);
      if (done % file_bytes == 0) {
        if (descriptor >= 0) close(descriptor);
        const std::string path = absl::StrCat(directory.path(), "/", done);
        descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fallocate(descriptor, 0, 0, static_cast<off_t>(file_bytes)) != 0) {
          Check(absl::ErrnoToStatus(errno, path));
        }
      }
      const std::size_t size = std::min<std::uint64_t>(kBlock, total - done);
      if (write(descriptor, block.data(), size) != static_cast<ssize_t>(size)) {
        Check(absl::ErrnoToStatus(errno, "write"));
      }
    }
    close(descriptor);
    return {Rate(watch.seconds())};
  }

 private:
  static constexpr std::uint64_t kFrameBytes =
      frame::AlignedLength(frame::kFrameHeaderBytes + kBatch * (4 + kValueBytes));

  double Rate(double seconds) const {
    return 1e-6 * static_cast<double>(batches_) * kBatch / seconds;
  }

  const Settings settings_;
  const std::int64_t batches_;
};

}  // namespace

Suite BatchSuite() {
  return {
      .name = "batch_100b",
      .rows = {{.name = "batch_100b", .unit = "M/s", .note = "", .bars = {RatioAtLeast(0.8)}}},
      .open = [](const Settings& settings) { return std::make_unique<BatchContest>(settings); }};
}

}  // namespace daybook::bench
