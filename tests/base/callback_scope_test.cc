#include "base/callback_scope.h"

#include <thread>

#include "catch.h"

namespace daybook {

TEST_CASE("A thread knows for whom it runs a callback, also in one within another") {
  const int one = 0;
  const int other = 0;
  using Kind = CallbackScope::Kind;
  CHECK_FALSE(CallbackScope::IsWithin(&one));
  {
    const CallbackScope outer(&one, Kind::kDelivery);
    const CallbackScope inner(&other, Kind::kHandler);
    CHECK(CallbackScope::IsWithin(&one));
    CHECK(CallbackScope::IsWithin(&one, Kind::kDelivery));
    CHECK_FALSE(CallbackScope::IsWithin(&one, Kind::kHandler));
    CHECK(CallbackScope::IsWithin(&other, Kind::kHandler));
    bool is_elsewhere = true;
    std::thread([&] { is_elsewhere = CallbackScope::IsWithin(&one); }).join();
    CHECK_FALSE(is_elsewhere);
  }
  CHECK_FALSE(CallbackScope::IsWithin(&one));
  CHECK_FALSE(CallbackScope::IsWithin(&other));
}

}  // namespace daybook
