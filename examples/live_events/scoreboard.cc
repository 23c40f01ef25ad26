#include "scoreboard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace live_events {
namespace {

// Zeroed bytes are the initial state of everything in the file, so that nothing needs to be
// constructed in it and it may be mapped again as it is.
constexpr std::size_t kTotalsBytes = (sizeof(Totals) + 63) & ~std::size_t{63};

absl::Status Failed(const std::string& path, const char* what, int error) {
  return absl::UnavailableError(absl::StrCat(path, ": ", what, ": ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scoreboard>> Scoreboard::Create(const std::string& path,
                                                               std::int64_t events, int streams) {
  return Map(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, events, streams);
}

absl::StatusOr<std::unique_ptr<Scoreboard>> Scoreboard::Open(const std::string& path,
                                                             std::int64_t events, int streams) {
  return Map(path, O_RDWR | O_CLOEXEC, events, streams);
}

absl::StatusOr<std::unique_ptr<Scoreboard>> Scoreboard::Map(const std::string& path, int flags,
                                                            std::int64_t events, int streams) {
  const std::size_t streams_at = kTotalsBytes;
  const std::size_t partitions_at = streams_at + streams * sizeof(StreamScore);
  const std::size_t deliveries_at =
      partitions_at + std::size_t{kTopicCount} * kPartitions * sizeof(PartitionScore);
  const std::size_t bytes = deliveries_at + events;

  const int file = open(path.c_str(), flags, 0600);
  if (file < 0) return Failed(path, "cannot be opened", errno);
  // Real blocks: a full disk is to be an error here, not a SIGBUS later.
  const int error = posix_fallocate(file, 0, static_cast<off_t>(bytes));
  if (error != 0) {
    close(file);
    return Failed(path, "no space", error);
  }
  void* const map = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int map_error = errno;
  close(file);
  if (map == MAP_FAILED) return Failed(path, "cannot be mapped", map_error);

  auto* const base = static_cast<std::byte*>(map);
  std::unique_ptr<Scoreboard> board(new Scoreboard);
  board->map_ = map;
  board->map_bytes_ = bytes;
  board->events_ = events;
  board->totals_ = reinterpret_cast<Totals*>(base);
  board->streams_ = reinterpret_cast<StreamScore*>(base + streams_at);
  board->partitions_ = reinterpret_cast<PartitionScore*>(base + partitions_at);
  board->deliveries_ = reinterpret_cast<std::atomic<std::uint8_t>*>(base + deliveries_at);
  return board;
}

Scoreboard::~Scoreboard() {
  if (map_ != nullptr) munmap(map_, map_bytes_);
}

void Scoreboard::Recount() {
  std::int64_t delivered = 0;
  for (std::int64_t event = 0; event < events_; ++event) {
    if (DeliveriesOf(event) != 0) ++delivered;
  }
  totals_->delivered.store(delivered);
}

}  // namespace live_events
