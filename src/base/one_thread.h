#ifndef DAYBOOK_BASE_ONE_THREAD_H_
#define DAYBOOK_BASE_ONE_THREAD_H_

#include <atomic>
#include <thread>

namespace daybook::inline v1 {

// Notices two threads at once in what takes one at a time. A thread that is in it may enter again
// (a listener that calls its consumer). One compare-and-exchange to enter, one store to leave.
class OneThread {
 public:
  class Scope {
   public:
    explicit Scope(OneThread& one) : one_(one.Enter() ? &one : nullptr) {}
    ~Scope() {
      if (one_ != nullptr) one_->Leave();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    // False: another thread is in it.
    bool ok() const { return one_ != nullptr; }

   private:
    OneThread* const one_;
  };

 private:
  bool Enter() {
    const std::thread::id self = std::this_thread::get_id();
    // Only this thread stores its own id.
    if (inside_.load(std::memory_order_relaxed) != self) {
      std::thread::id nobody;
      // Acquires what the thread before did within.
      if (!inside_.compare_exchange_strong(nobody, self, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
        return false;
      }
    }
    ++depth_;
    return true;
  }
  void Leave() {
    if (--depth_ == 0) inside_.store(std::thread::id(), std::memory_order_release);
  }

  std::atomic<std::thread::id> inside_{};
  int depth_ = 0;  // of the thread that is inside
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_ONE_THREAD_H_
