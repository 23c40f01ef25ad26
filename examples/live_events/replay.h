#ifndef DAYBOOK_EXAMPLES_LIVE_EVENTS_REPLAY_H_
#define DAYBOOK_EXAMPLES_LIVE_EVENTS_REPLAY_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "source.h"

namespace live_events {

// What stands in the log, found by reading all of it.
struct Replay {
  std::vector<std::int64_t> next_number;  // by stream: one past the last event in the log
  std::array<std::int64_t, kTopicCount> events{};
  std::int64_t total = 0;
  std::int64_t bytes = 0;    // of keys and values
  std::int64_t damaged = 0;  // records that are not the event that they say they are
  // Records that do not follow the one before them in their stream: repeated, or something is
  // missing before them. With none, and none damaged, every stream is exactly 0, 1, ..., next - 1.
  std::int64_t out_of_place = 0;
};

// Reads every topic from its beginning to its end, as of now. Topics must be there.
absl::StatusOr<Replay> ReplayLog(daybook::Broker& broker, const Source& source,
                                 std::int64_t events);

}  // namespace live_events

#endif  // DAYBOOK_EXAMPLES_LIVE_EVENTS_REPLAY_H_
