#include "daybook/system/thread_factory.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {
namespace {

class SystemThreadFactory final : public ThreadFactory {
 public:
  absl::StatusOr<std::thread> Start(std::function<void()> body) override {
    try {
      return std::thread(std::move(body));
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot start a thread: ", error.what(),
                       "; raise the limit of threads, or run with fewer"));
    }
  }
};

}  // namespace

ThreadFactory& ThreadFactory::System() {
  static SystemThreadFactory factory;
  return factory;
}

}  // namespace daybook::inline v1
