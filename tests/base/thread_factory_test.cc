#include "daybook/system/thread_factory.h"

#include "catch.h"

namespace daybook {

TEST_CASE("The system starts threads") {
  bool has_run = false;
  auto thread = ThreadFactory::System().Start([&] { has_run = true; });
  REQUIRE(thread.ok());
  thread->join();
  CHECK(has_run);
}

}  // namespace daybook
