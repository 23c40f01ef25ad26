#ifndef DAYBOOK_EXAMPLES_LIVE_EVENTS_TIMELINE_H_
#define DAYBOOK_EXAMPLES_LIVE_EVENTS_TIMELINE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace live_events {

// The counters at one moment, as the supervisor saw them.
struct Sample {
  double seconds = 0;  // since the start
  std::int64_t appended = 0;
  std::int64_t appended_bytes = 0;
  std::int64_t delivered = 0;
  std::int64_t deliveries = 0;
  std::int64_t delivered_bytes = 0;
};

// How fast the worker was from one moment to another.
struct Rate {
  double events_in = 0;  // a second
  double events_out = 0;
  double megabytes_in = 0;  // a second; of 10^6 bytes
  double megabytes_out = 0;
};
Rate RateBetween(const Sample& from, const Sample& to);

// 1234567 as "1,234,567".
std::string Grouped(std::int64_t number);

// [######-----        ]: delivered, appended but not delivered yet, to come.
std::string Bar(std::int64_t delivered, std::int64_t appended, std::int64_t events, int width);

// `samples`, in order of time, as a graph of one line and `width` columns: the growth of `member`
// in each column as one of " .:-=+*#", the most of all columns as '#'.
std::string Graph(const std::vector<Sample>& samples, std::int64_t Sample::*member, int width);

}  // namespace live_events

#endif  // DAYBOOK_EXAMPLES_LIVE_EVENTS_TIMELINE_H_
