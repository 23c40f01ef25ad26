#ifndef DAYBOOK_EXAMPLES_LIVE_EVENTS_OPTIONS_H_
#define DAYBOOK_EXAMPLES_LIVE_EVENTS_OPTIONS_H_

#include <cstdint>
#include <string>

namespace live_events {

struct Options {
  std::int64_t events = 500'000;
  int kill_at = 50;  // percent delivered
  std::uint64_t seed = 1;
  std::string directory = "build/demo";
  std::string data;  // folder of the *.ndjson files
  bool keep = false;
  int worker_run = 0;  // 0: this process is the supervisor

  std::string LogDirectory() const { return directory + "/log"; }
  std::string ScoreboardPath() const { return directory + "/scoreboard"; }
};

}  // namespace live_events

#endif  // DAYBOOK_EXAMPLES_LIVE_EVENTS_OPTIONS_H_
