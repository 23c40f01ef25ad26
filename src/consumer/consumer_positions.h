#ifndef DAYBOOK_CONSUMER_CONSUMER_POSITIONS_H_
#define DAYBOOK_CONSUMER_CONSUMER_POSITIONS_H_

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker_core.h"
#include "broker/offsets/offset_store.h"
#include "consumer/consumer_membership.h"
#include "coordination/cursor_set.h"
#include "daybook/consumer_group.h"
#include "daybook/topic_partition.h"

namespace daybook::inline v1 {

// The partitions that a member has: where it stands in each, and which are not read, since they are
// paused or nobody knows where to begin. The calls of Consumer that move and tell positions.
//
// An entry is held exactly if it is paused or has no place (UpdateHeld). In the consumer's thread
// alone, but CursorSet::Wakeup.
class ConsumerPositions {
 public:
  using Entry = CursorSet::Entry;
  using ChooseOffset = std::function<absl::StatusOr<Offset>(PartitionLog&)>;
  static TopicPartition NameOf(const Entry& entry) { return {entry.topic.name(), entry.partition}; }

  // Both must outlive it.
  ConsumerPositions(BrokerCore& broker, const ConsumerMembership& member)
      : offsets_(broker.group_offsets()), member_(member), cursors_(&broker) {}

  CursorSet& cursors() { return cursors_; }
  std::vector<Entry>& entries() { return cursors_.entries(); }
  void Remove(const std::set<TopicPartition>& partitions);
  // To be called after places were found or lost, or pauses changed.
  void UpdateHeld();
  // Somewhere there is no place to begin, and nothing says which: the error that says where.
  bool lacks_place() const { return lacks_place_; }
  absl::Status NoPlace();

  std::vector<TopicPartition> Assignment();
  GroupOffsets Positions();
  absl::StatusOr<Offset> Position(const TopicPartition& partition);
  absl::StatusOr<std::int64_t> Lag(const TopicPartition& partition);

  absl::Status Seek(const TopicPartition& partition, Offset offset);
  // To where `choose` says, for each; without partitions, for all that there are.
  absl::Status SeekAll(const std::vector<TopicPartition>& partitions, const ChooseOffset& choose);
  absl::Status SeekToCommitted();

  absl::Status SetPaused(const std::vector<TopicPartition>& partitions, bool is_paused);
  std::vector<TopicPartition> Paused();

 private:
  absl::StatusOr<Entry*> Find(const TopicPartition& partition);
  // Empty: all.
  absl::StatusOr<std::vector<Entry*>> Find(const std::vector<TopicPartition>& partitions);
  absl::Status NoPlaceIn(const TopicPartition& partition) const;

  OffsetStore& offsets_;
  const ConsumerMembership& member_;
  CursorSet cursors_;
  bool lacks_place_ = false;  // some entry does
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_CONSUMER_POSITIONS_H_
