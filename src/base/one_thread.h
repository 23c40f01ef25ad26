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
    explicit Scope(OneThread& one) : one_(one) {
      const std::thread::id self = std::this_thread::get_id();
      std::thread::id nobody;
      // Acquires what the thread before did within.
      has_entered_ = one_.inside_.compare_exchange_strong(nobody, self, std::memory_order_acquire,
                                                          std::memory_order_relaxed);
      // Only this thread stores its own id.
      is_ok_ = has_entered_ || nobody == self;
    }
    ~Scope() {
      if (has_entered_) one_.inside_.store(std::thread::id(), std::memory_order_release);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    // False: another thread is in it.
    bool ok() const { return is_ok_; }

   private:
    OneThread& one_;
    bool has_entered_;  // and not an outer scope of this thread
    bool is_ok_;
  };

 private:
  std::atomic<std::thread::id> inside_{};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_ONE_THREAD_H_
