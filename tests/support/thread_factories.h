#ifndef DAYBOOK_SUPPORT_THREAD_FACTORIES_H_
#define DAYBOOK_SUPPORT_THREAD_FACTORIES_H_

#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "daybook/system/thread_factory.h"

namespace daybook {

// As the system would be that starts so many threads and no more, until it is allowed others.
class FewThreads : public ThreadFactory {
 public:
  explicit FewThreads(int left) : left_(left) {}

  absl::StatusOr<std::thread> Start(std::function<void()> body) override {
    ++asked_;
    if (left_.fetch_sub(1) <= 0) return absl::ResourceExhaustedError("no more threads");
    return ThreadFactory::System().Start(std::move(body));
  }
  void Allow(int more) { left_ = more; }
  int asked() const { return asked_; }

 private:
  std::atomic<int> left_;
  std::atomic<int> asked_{0};
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_THREAD_FACTORIES_H_
