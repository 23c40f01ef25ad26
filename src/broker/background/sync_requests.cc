#include "broker/background/sync_requests.h"

#include <algorithm>

namespace daybook::inline v1 {
namespace {

// A claim is filled within microseconds; one that is not is looked at less and less often.
constexpr std::chrono::milliseconds kFirstRetry{1};
constexpr std::chrono::milliseconds kLastRetry{64};

bool ComesBefore(const SyncRequest& one, const SyncRequest& other) {
  if (one.log != other.log) return std::less<>()(one.log.get(), other.log.get());
  return one.end < other.end;
}

}  // namespace

void SyncRequests::PutBack(List blocked) {
  blocked_.splice(blocked_.end(), blocked);
  blocked_.sort(ComesBefore);
}

SyncRequests::List SyncRequests::TakeAll() {
  List taken;
  taken.swap(new_);
  taken.sort(ComesBefore);
  taken.merge(pass_, ComesBefore);
  taken.merge(blocked_, ComesBefore);
  return taken;
}

SyncRequests::List SyncRequests::TakeGroup(List& requests) {
  const auto other = std::find_if(requests.begin(), requests.end(), [&](const SyncRequest& one) {
    return one.log != requests.front().log;
  });
  List group;
  group.splice(group.begin(), requests, requests.begin(), other);
  return group;
}

SyncRequests::List SyncRequests::TakeGroup(SteadyTime now) {
  const bool is_retry = retry_at() <= now;
  if (pass_.empty() && (is_retry || !new_.empty())) {
    const std::chrono::nanoseconds longer =
        std::max<std::chrono::nanoseconds>(2 * retry_wait_, kFirstRetry);
    retry_wait_ = is_retry ? std::min<std::chrono::nanoseconds>(longer, kLastRetry) : kFirstRetry;
    retry_at_ = Later(now, retry_wait_);
    pass_ = TakeAll();
  }
  return TakeGroup(pass_);
}

}  // namespace daybook::inline v1
