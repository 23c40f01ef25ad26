#ifndef DAYBOOK_CONSUMER_RUN_PARTITION_PAUSES_H_
#define DAYBOOK_CONSUMER_RUN_PARTITION_PAUSES_H_

#include "absl/status/status.h"
#include "consumer/run/records_in_flight.h"
#include "daybook/consumer_group.h"

namespace daybook::inline v1 {

// Which partitions of a member are not polled, for one of two reasons: there is no room for more
// records of any, or this one is ahead: too many were handed out from its first unfinished record
// on. A partition is resumed when neither holds. In the member's thread alone.
class PartitionPauses {
 public:
  // The member has more partitions, which are not paused.
  void OnAssigned() { is_some_new_ = true; }

  bool is_all_paused() const { return is_all_paused_; }
  bool is_some_ahead() const { return is_some_ahead_; }

  // Pauses those that got ahead, resumes those that are not any more.
  absl::Status HoldBack(Consumer& consumer, RecordsInFlight& records);
  // For want of room, and when there is some again. Nothing if that was done.
  absl::Status PauseAll(Consumer& consumer);
  absl::Status ResumeAll(Consumer& consumer, const RecordsInFlight& records);

 private:
  bool is_all_paused_ = false;
  bool is_some_new_ = false;  // assigned since PauseAll
  bool is_some_ahead_ = false;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_PARTITION_PAUSES_H_
