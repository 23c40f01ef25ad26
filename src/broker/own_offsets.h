#ifndef DAYBOOK_BROKER_OWN_OFFSETS_H_
#define DAYBOOK_BROKER_OWN_OFFSETS_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "broker/broker_listener.h"
#include "broker/offsets/offset_store.h"
#include "broker/topics/catalog.h"
#include "daybook/broker.h"
#include "daybook/system/file_system.h"
#include "log/store/directory_follower.h"

namespace daybook::inline v1 {

class BrokerCore;

// What a broker that follows another process has of its own: the committed offsets of its groups,
// in BrokerOptions::offsets_directory, which a second broker has open for writing.
//
// An offset counts in the topic in which it was committed, and not in another one that the other
// process has made under its name since, whether anybody was there to see that: the topics' ids are
// noted beside the offsets, as those of a group that nobody can join. A topic is in the catalog
// only when its id is noted, and what was committed in an older one of its name is forgotten.
// Thread-safe.
class OwnOffsets {
 public:
  // What is followed: `root`, and those that look at it. They must outlive this.
  struct Followed {
    Directory& root;
    Catalog& catalog;
    DirectoryFollower& follower;
  };
  // InvalidArgument: offsets_directory is `root` itself. Otherwise as Broker::Open of it;
  // FailedPrecondition, too: there are topics in it, or it belongs to another data directory.
  static absl::StatusOr<std::unique_ptr<OwnOffsets>> Open(const BrokerOptions& options,
                                                          const Followed& followed);
  OwnOffsets(std::shared_ptr<BrokerCore> broker, const Followed& followed);
  ~OwnOffsets();

  OffsetStore& store() { return store_; }

  // Looks which topics have come and gone, and tells the listener, if there is one, as the process
  // that writes tells its own. With no lock held. After an error the next call tries again, and
  // what is new is not there yet.
  absl::Status FollowTopics(BrokerListener* listener) ABSL_LOCKS_EXCLUDED(mutex_);

  // As those of Broker.
  absl::Status RunBackgroundWork();
  absl::Status Close();

 private:
  // Offsets of one data directory mean nothing in another one; from the first time on it is noted
  // which one that is.
  absl::Status CheckBelongsTo(Directory& followed);
  // Takes up all that can be; the first error of the others. `has_all`: false if some topic may be
  // there that could not be looked at now.
  absl::Status TakeUpTopics(BrokerListener* listener, bool* has_all)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<BrokerCore> broker_;
  OffsetStore& store_;
  Catalog& catalog_;
  DirectoryFollower& follower_;
  // Of topic_changes() of the follower, those before this one have been taken up.
  std::atomic<std::uint64_t> next_change_{0};
  Mutex mutex_{LockOrder::kBrokerCreate};                   // one thread at a time takes topics up
  std::uint64_t told_version_ ABSL_GUARDED_BY(mutex_) = 0;  // of the catalog, to the listener
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OWN_OFFSETS_H_
