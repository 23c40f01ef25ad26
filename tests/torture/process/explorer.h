#ifndef DAYBOOK_TORTURE_PROCESS_EXPLORER_H_
#define DAYBOOK_TORTURE_PROCESS_EXPLORER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace daybook::torture {

// A few threads, and what must hold when all have ended. Made anew for every schedule, and always
// the same.
class Scenario {
 public:
  virtual ~Scenario() = default;
  virtual std::vector<std::function<void()>> Threads() = 0;
  // What does not hold; empty if all does.
  virtual std::string Verdict() = 0;
};

struct ExploreOptions {
  // A thread is interrupted so many times at most, where it could have gone on. What goes wrong in
  // an order of events mostly does so with two (Musuvathi and Qadeer, "Iterative context bounding
  // for systematic testing of multithreaded programs", PLDI 2007).
  int preemptions = 2;
  // One of so many parts of all schedules, each about the same number.
  std::size_t part = 0;
  std::size_t parts = 1;
  // It ends then, done or not.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

struct Exploration {
  std::int64_t schedules = 0;
  std::int64_t most_points = 0;  // of one schedule: places where another thread could go on
  bool is_complete = false;      // these are all schedules of the part
  std::string violation;         // of the last schedule; empty: there was none
};

// Runs every schedule of the scenario's threads there is within the bound, depth first, one step of
// one thread at a time: each step is an access to an Atomic, a lock or a wait (base/scheduler.h).
// That is all that sequential consistency allows; what weaker orders add is for ThreadSanitizer. A
// schedule in which nobody can go on is a violation: a deadlock, or a wake that was lost.
Exploration Explore(const std::function<std::unique_ptr<Scenario>()>& make,
                    const ExploreOptions& options);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_PROCESS_EXPLORER_H_
