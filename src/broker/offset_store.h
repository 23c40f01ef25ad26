#ifndef DAYBOOK_BROKER_OFFSET_STORE_H_
#define DAYBOOK_BROKER_OFFSET_STORE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "broker/catalog.h"
#include "daybook/offset.h"

namespace daybook::inline v1 {

inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";

// The committed offsets of all groups. Durable as a topic of the log's own, __consumer_offsets,
// with one partition: a commit appends a record, and opening reads them all; the last one of a key
// counts. Key: group, NUL, topic, NUL, partition in decimal. Value: the committed offset in
// decimal; a tombstone forgets it. Thread-safe.
class OffsetStore {
 public:
  // `catalog` must outlive the store.
  explicit OffsetStore(Catalog& catalog) : catalog_(catalog) {}

  struct Key {
    std::string group;
    std::string topic;
    int partition = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  // Survives kill -9 when it returns OK.
  absl::Status Commit(const Key& key, Offset offset) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::optional<Offset>> Find(const Key& key) ABSL_LOCKS_EXCLUDED(mutex_);
  // All of a group, by topic and partition.
  absl::StatusOr<std::map<Key, Offset>> FindGroup(std::string_view group)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<std::string>> Groups() ABSL_LOCKS_EXCLUDED(mutex_);
  // Forgets every group's place in the topic.
  absl::Status ForgetTopic(std::string_view topic) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Reads what is new in the topic; all of it the first time. Only a read-only broker finds
  // anything later: what another process has committed.
  absl::Status Refresh() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Append(const Key& key, std::optional<Offset> offset)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Catalog& catalog_;
  Mutex mutex_;
  std::optional<Topic> topic_ ABSL_GUARDED_BY(mutex_);
  Cursor cursor_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, Offset> offsets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OFFSET_STORE_H_
