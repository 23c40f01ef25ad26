#ifndef DAYBOOK_BROKER_OFFSETS_COMMITTED_OFFSETS_H_
#define DAYBOOK_BROKER_OFFSETS_COMMITTED_OFFSETS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sweep_threshold.h"
#include "broker/offsets/offset_record.h"
#include "daybook/committed_offset.h"
#include "daybook/system/clock.h"

namespace daybook::inline v1 {

// The committed offsets of all groups, in memory. Its owner's lock guards it, and all entries.
//
// Entries are those that are committed, or that somebody has; others go when they are many.
class CommittedOffsets {
 public:
  using Key = PlaceKey;

  // A group's committed offset in a partition, and what it takes to append it again.
  struct Entry {
    Key key;
    std::string encoded_key;
    std::optional<CommittedOffset> committed = std::nullopt;
    Timestamp when = {};  // it was committed
    // Of a memory topic: gone when the process is, so nothing is appended. Unknown until it
    // matters.
    std::optional<bool> is_in_memory = std::nullopt;
  };
  using EntryPtr = std::shared_ptr<Entry>;

  std::size_t size() const { return entries_.size(); }
  const std::map<Key, EntryPtr>& entries() const { return entries_; }

  EntryPtr FindOrAdd(const Key& key);
  std::optional<CommittedOffset> Find(const Key& key) const;
  // Those of a group that are committed, by topic and partition.
  std::vector<EntryPtr> OfGroup(std::string_view group) const;
  // What is before it in a partition every group has read that has committed in the topic; absent:
  // none has. Where such a group has committed nothing, it has read nothing.
  std::optional<Offset> ReadByAll(std::string_view topic, int partition) const;
  // Groups that have committed.
  std::vector<std::string> Groups() const;

  // What a record says.
  void Set(PlaceRecord record, Timestamp when);
  // Nothing is committed any more; entries that somebody has stay.
  void Clear();

 private:
  bool HasCommitted(const std::string& group, const std::string& topic) const;
  static EntryPtr MakeEntry(const Key& key);

  std::map<Key, EntryPtr> entries_;
  SweepThreshold sweep_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OFFSETS_COMMITTED_OFFSETS_H_
