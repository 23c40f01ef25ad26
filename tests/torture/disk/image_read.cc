#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "absl/strings/str_cat.h"
#include "torture/disk/image.h"

// Reading an image that was damaged, and what that may cost.

namespace daybook::torture {
namespace {

// So much may be looked at to recover it, for each byte of the files: what looks like the frames of
// a damaged segment is hashed up to 64 times (frame_search.h).
constexpr std::int64_t kMostScannedPerByte = 68;
// So much memory may be touched for each of them. The simulated disk itself keeps what was synced
// apart, so that recovery copies the files there twice.
constexpr std::int64_t kMostTouchedPerByte = 4;
constexpr std::int64_t kTouchedByAny = std::int64_t{64} << 20;

std::int64_t BytesTouched() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt * sysconf(_SC_PAGESIZE);
}

std::int64_t BytesOfFiles(SimulatedFileSystem& disk) {
  std::int64_t bytes = 0;
  for (const std::string& path : disk.Files()) {
    bytes += static_cast<std::int64_t>(SizeOf(disk, path));
  }
  return bytes;
}

class Reading {
 public:
  Reading(const Image& image, SimulatedFileSystem& disk, Tally& tally)
      : image_(image), disk_(disk), tally_(tally) {
    out_.there.resize(image.values.size());
  }

  ReadOut Run(BrokerAccess access, bool appends, ReadFrom from) {
    const std::int64_t touched = BytesTouched();
    {
      auto broker = Broker::Open(
          kImageDirectory,
          {.access = access,
           .background = image_.shape == Shape::kSmall ? Background::kCaller : Background::kThread,
           .file_system = &disk_});
      out_.status = broker.status();
      if (broker.ok()) {
        ReadTopic(**broker, appends, from);
        scanned_ = (*broker)->recovery_report().bytes_scanned;
      }
    }
    CheckCost(BytesTouched() - touched);
    return std::move(out_);
  }

 private:
  void ReadTopic(Broker& broker, bool appends, ReadFrom from) {
    const auto topic = broker.OpenTopic("orders");
    out_.status = topic.status();
    if (!topic.ok()) return;
    Partition& partition = topic->partition(0);
    out_.status = ReadPartition(partition, from);
    if (!out_.status.ok() || !appends) return;
    Record record;
    record.value = "more";
    out_.status = partition.Append(record).status();
  }

  absl::Status ReadPartition(Partition& partition, ReadFrom from) {
    const auto end = partition.end_offset();
    if (!end.ok()) return end.status();
    out_.end = end->value();
    if (from == ReadFrom::kBegin) {
      const auto begin = partition.begin_offset();
      if (!begin.ok()) return begin.status();
      out_.begin = begin->value();
    }
    for (Offset at(out_.begin); at < *end;) {
      const auto batch = partition.Read(at);
      if (batch.ok()) {
        if (batch->empty()) break;
        for (const RecordView& record : *batch) Note(record);
        at = batch->next_offset();
        continue;
      }
      if (!absl::IsDataLoss(batch.status())) return batch.status();
      const auto next = partition.NextReadable(at);
      if (!next.ok() || *next <= at) return next.ok() ? batch.status() : next.status();
      out_.damaged.emplace_back(at.value(), next->value());
      at = *next;
    }
    // The end may be where something damaged begins.
    if (absl::IsDataLoss(partition.Read(*end).status())) {
      out_.damaged.emplace_back(out_.end, std::numeric_limits<std::int64_t>::max());
    }
    return absl::OkStatus();
  }

  void Note(const RecordView& record) {
    const auto offset = static_cast<std::size_t>(record.offset.value());
    if (offset < image_.values.size() && record.value == image_.values[offset]) {
      out_.there[offset] = true;
    } else if (!out_.wrong) {
      out_.wrong = record.offset.value();
    }
  }

  void CheckCost(std::int64_t touched) {
    // Small ones cost what any directory costs.
    if (image_.shape == Shape::kSmall) return;
    const std::int64_t bytes = BytesOfFiles(disk_);
    tally_.CountMost("scanned bytes, in percent of the files", 100 * scanned_ / bytes);
    if (scanned_ > kMostScannedPerByte * bytes) {
      tally_.Violate(
          absl::StrCat("to open it, ", scanned_, " bytes were looked at, of files of ", bytes));
    }
    if (kHasShadowMemory) return;
    tally_.CountMost("memory, in percent of the files", 100 * touched / bytes);
    if (touched > kMostTouchedPerByte * bytes + kTouchedByAny) {
      tally_.Violate(absl::StrCat("to open and read it, ", touched,
                                  " bytes of memory were used, for files of ", bytes));
    }
  }

  const Image& image_;
  SimulatedFileSystem& disk_;
  Tally& tally_;
  ReadOut out_;
  std::int64_t scanned_ = 0;
};

}  // namespace

bool ReadOut::IsDamaged(std::int64_t offset) const {
  return std::any_of(damaged.begin(), damaged.end(), [&](const auto& range) {
    return range.first <= offset && offset < range.second;
  });
}

ReadOut ReadAll(const Image& image, SimulatedFileSystem& disk, BrokerAccess access, Tally& tally,
                bool appends, ReadFrom from) {
  return Reading(image, disk, tally).Run(access, appends, from);
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
