#ifndef DAYBOOK_SUPPORT_NOTES_H_
#define DAYBOOK_SUPPORT_NOTES_H_

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "support/log_fixture.h"

// What threads tell a test, and it them.

namespace daybook {

// Something that happens once, and that threads wait for.
class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    is_open_ = true;
    changed_.NotifyAll();
  }
  // Not for ever: a test that failed before it opened ends, too.
  void Pass() {
    const auto deadline = Soon();
    MutexLock lock(mutex_);
    while (!is_open_ && changed_.WaitUntil(mutex_, deadline)) {
    }
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool is_open_ ABSL_GUARDED_BY(mutex_) = false;
};

// What handlers note and tests wait for: lines, in the order in which they came. Thread-safe.
class Notes {
 public:
  void Add(std::string line) {
    MutexLock lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.NotifyAll();
  }
  // Waits until there are so many; false when that takes too long.
  bool Await(std::size_t count) {
    const auto deadline = Soon();
    MutexLock lock(mutex_);
    while (lines_.size() < count) {
      if (!changed_.WaitUntil(mutex_, deadline)) return lines_.size() >= count;
    }
    return true;
  }
  std::vector<std::string> lines() {
    MutexLock lock(mutex_);
    return lines_;
  }
  std::multiset<std::string> sorted() {
    const std::vector<std::string> all = lines();
    return {all.begin(), all.end()};
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_NOTES_H_
