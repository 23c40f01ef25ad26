#include <utility>

#include "absl/strings/str_cat.h"
#include "base/callback_scope.h"
#include "broker/access.h"
#include "broker/broker_core.h"

// How a broker ends: first all that could begin something new, then what is under way, and last the
// directory's lock, which lets another process in.

namespace daybook::inline v1 {

absl::Status BrokerCore::Close() {
  if (CallbackScope::IsWithin(this)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the broker of ", directory(),
                     " cannot be closed by a callback or a handler of its own, which "
                     "it would wait for; let another thread close it"));
  }
  absl::Status status = lease_.Close([this] { return End(); });
  if (own_offsets_ != nullptr) status.Update(own_offsets_->Close());
  return status;
}

DirectoryLease::Ended BrokerCore::End() {
  DirectoryLease::Ended ended{.synced = background_.syncs().RunNow(), .logs = {}};
  background_.Stop();
  const auto closed = absl::FailedPreconditionError(
      absl::StrCat("the broker of ", directory(), " is closed; open it again"));
  // From here on nothing is made, changed or appended.
  const std::vector<std::shared_ptr<TopicState>> topics = catalog_.Close(closed);
  for (const std::shared_ptr<TopicState>& topic : topics) {
    for (Partition& partition : topic->partitions()) Access::Log(partition).Delete(closed);
  }
  offsets_.Close(closed);
  if (listener_ != nullptr) listener_->TopicsChanged();  // what waits looks again
  for (const std::shared_ptr<TopicState>& topic : topics) {
    for (Partition& partition : topic->partitions()) {
      ended.logs.push_back(Access::Log(partition).shared_from_this());
    }
  }
  return ended;
}

}  // namespace daybook::inline v1
