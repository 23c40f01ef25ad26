#include "base/lock_order.h"

#include "base/mutex.h"
#include "catch.h"

namespace daybook {
namespace {

constexpr std::uint32_t Held(LockOrder order) {
  return std::uint32_t{1} << static_cast<unsigned>(order);
}

}  // namespace

TEST_CASE("Behind a lock that is held only later ones are taken, and none twice") {
  CHECK(MayTake(0, LockOrder::kLog));
  CHECK(MayTake(Held(LockOrder::kOffsets), LockOrder::kLog));
  CHECK_FALSE(MayTake(Held(LockOrder::kLog), LockOrder::kOffsets));
  CHECK_FALSE(MayTake(Held(LockOrder::kLog), LockOrder::kLog));
  CHECK_FALSE(MayTake(Held(LockOrder::kGroup) | Held(LockOrder::kSegmentFile), LockOrder::kLog));
  CHECK(MayTake(Held(LockOrder::kSegmentFile), LockOrder::kUnchecked));
}

TEST_CASE("Locks that are given back in any order leave nothing held") {
  Mutex log(LockOrder::kLog);
  Mutex file(LockOrder::kSegmentFile);
  log.Lock();
  file.Lock();
  log.Unlock();
  file.Unlock();
  MutexLock again(log);
  MutexLock behind(file);
}

}  // namespace daybook
