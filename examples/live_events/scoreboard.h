#ifndef DAYBOOK_EXAMPLES_LIVE_EVENTS_SCOREBOARD_H_
#define DAYBOOK_EXAMPLES_LIVE_EVENTS_SCOREBOARD_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "source.h"

// What the worker has done, in memory that the supervisor shares with it (a mapped file), so that
// it survives the worker's death: the account against which the log is checked. It has nothing to
// do with Daybook and is not read by the worker to find its place.
namespace live_events {

// Written by the one producer, and by the one consumer at a time, that has the stream; a line of
// the cache each, so that they do not slow each other down.
struct alignas(64) StreamScore {
  std::atomic<std::int64_t> acknowledged{0};    // events for which Send has returned OK
  std::atomic<std::int64_t> next_delivered{0};  // one past the number delivered last
  std::atomic<std::int32_t> run{0};             // in which that was
};

// Written by the one consumer that has the partition.
struct alignas(64) PartitionScore {
  std::atomic<std::int64_t> committed{0};  // an offset for which Commit has returned OK
  std::atomic<std::int32_t> run{0};        // in which a record was last delivered
};

struct Totals {
  // Approximate while a worker runs and exact when it has ended by itself: threads add to them
  // batch by batch, and a kill may come in between.
  std::atomic<std::int64_t> appended{0};  // events in the log
  std::atomic<std::int64_t> appended_bytes{0};
  std::atomic<std::int64_t> delivered{0};   // different ones
  std::atomic<std::int64_t> deliveries{0};  // all, the repeated ones too
  std::atomic<std::int64_t> delivered_bytes{0};

  // Violations. Zero, or the library broke a promise.
  std::atomic<std::int64_t> damaged{0};            // not the event that it says it is
  std::atomic<std::int64_t> acknowledged_lost{0};  // Send said OK, not in the log after the kill
  std::atomic<std::int64_t> commits_lost{0};       // partitions that went on before their commit
  std::array<std::atomic<std::int64_t>, kTopicCount> out_of_order{};

  // What the worker found when it started.
  std::atomic<std::int64_t> replayed{0};
  std::atomic<std::int64_t> replay_nanos{0};
  std::atomic<std::int64_t> open_nanos{0};
  std::atomic<std::int64_t> claims_padded{0};
};

static_assert(std::atomic<std::int64_t>::is_always_lock_free &&
              std::atomic<std::uint8_t>::is_always_lock_free);

class Scoreboard {
 public:
  // `events` counters and `streams` streams, all zero.
  static absl::StatusOr<std::unique_ptr<Scoreboard>> Create(const std::string& path,
                                                            std::int64_t events, int streams);
  // One that was made with the same numbers.
  static absl::StatusOr<std::unique_ptr<Scoreboard>> Open(const std::string& path,
                                                          std::int64_t events, int streams);
  ~Scoreboard();
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;

  Totals& totals() { return *totals_; }
  StreamScore& stream(int stream) { return streams_[stream]; }
  PartitionScore& partition(int topic, int partition) {
    return partitions_[topic * kPartitions + partition];
  }

  // Counts one delivery of the event; true if it was the first.
  bool CountDelivery(std::int64_t event) {
    return deliveries_[event].fetch_add(1, std::memory_order_relaxed) == 0;
  }
  int DeliveriesOf(std::int64_t event) const {
    return deliveries_[event].load(std::memory_order_relaxed);
  }
  std::int64_t events() const { return events_; }

  // Makes totals().delivered exact again after a kill. Nobody may be counting.
  void Recount();

 private:
  Scoreboard() = default;
  static absl::StatusOr<std::unique_ptr<Scoreboard>> Map(const std::string& path, int flags,
                                                         std::int64_t events, int streams);

  void* map_ = nullptr;
  std::size_t map_bytes_ = 0;
  std::int64_t events_ = 0;
  Totals* totals_ = nullptr;
  StreamScore* streams_ = nullptr;
  PartitionScore* partitions_ = nullptr;
  std::atomic<std::uint8_t>* deliveries_ = nullptr;
};

}  // namespace live_events

#endif  // DAYBOOK_EXAMPLES_LIVE_EVENTS_SCOREBOARD_H_
