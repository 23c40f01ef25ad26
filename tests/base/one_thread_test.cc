#include "base/one_thread.h"

#include "catch.h"

namespace daybook {

TEST_CASE("One thread is let in at a time, and may enter again") {
  OneThread one;
  const auto from_elsewhere = [&one] {
    bool is_in = false;
    std::thread([&] { is_in = OneThread::Scope(one).ok(); }).join();
    return is_in;
  };
  CHECK(from_elsewhere());
  {
    const OneThread::Scope outer(one);
    CHECK(outer.ok());
    CHECK_FALSE(from_elsewhere());
    {
      const OneThread::Scope inner(one);
      CHECK(inner.ok());
    }
    CHECK_FALSE(from_elsewhere());
  }
  CHECK(from_elsewhere());
}

}  // namespace daybook
