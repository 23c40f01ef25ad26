#ifndef DAYBOOK_BROKER_TRANSACTIONS_LOST_TRANSACTIONS_H_
#define DAYBOOK_BROKER_TRANSACTIONS_LOST_TRANSACTIONS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/offsets/offset_record.h"
#include "broker/topics/catalog.h"

namespace daybook::inline v1 {

// Which of the transactions that an earlier boot of the machine decided have lost records to a
// power cut. A power cut takes what it takes of a partition from some place to its end, so the
// partitions are asked from their last transaction on, back to the first one that is there: the
// work follows what is lost and not what was written. One thread at a time.
class LostTransactions {
 public:
  // A partition that a transaction wrote to, of one topic among all that ever had its name.
  struct Key {
    std::string topic;
    std::uint64_t topic_id = 0;  // 0: not known
    int partition = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  static Key KeyOf(const Participant& one) { return {one.topic, one.topic_id, one.partition}; }
  // Its log; null if there is none any more.
  static absl::StatusOr<std::shared_ptr<PartitionLog>> LogOf(Catalog& catalog, const Key& key);

  // A decision of another boot, in the order of the log. Drops nothing by itself.
  void Note(const DecisionRecord& decision);
  // The decisions so far are in a snapshot, which says of each whether it counts.
  void ForgetAll() { frames_.clear(); }

  // Asks the partitions about all that was noted.
  absl::Status Find(Catalog& catalog);
  // After Find: whether some records of a transaction that was noted are gone.
  bool Contains(const DecisionRecord& decision) const;

  // Whether the frame where the transaction ended is there; also if the partition, or that part of
  // it, was deleted since then.
  static absl::StatusOr<bool> IsThere(Catalog& catalog, const Participant& where, std::uint64_t id);

 private:
  std::map<Key, std::vector<std::pair<Offset, std::uint64_t>>> frames_;  // the last ones, and ids
  std::map<Key, Offset> lost_from_;  // of partitions that have lost some
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TRANSACTIONS_LOST_TRANSACTIONS_H_
