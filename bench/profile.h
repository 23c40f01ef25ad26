#ifndef DAYBOOK_BENCH_PROFILE_H_
#define DAYBOOK_BENCH_PROFILE_H_

#include <string>

#include "harness.h"

namespace daybook::bench {

// Runs one loop over Settings::log_bytes of records of 100 bytes and says how many they were:
// "append", "claim" and "send" (by a topic's name) write them, "poll" reads them. The loop is a
// function of its own, ProfiledLoop, so that a profiler can be told to count that alone.
void Profile(const std::string& what, const Settings& settings);

}  // namespace daybook::bench

#endif  // DAYBOOK_BENCH_PROFILE_H_
