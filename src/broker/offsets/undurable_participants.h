#ifndef DAYBOOK_BROKER_OFFSETS_UNDURABLE_PARTICIPANTS_H_
#define DAYBOOK_BROKER_OFFSETS_UNDURABLE_PARTICIPANTS_H_

#include <chrono>
#include <map>

#include "absl/status/status.h"
#include "broker/offsets/offset_record.h"
#include "broker/topics/catalog.h"
#include "broker/transactions/lost_transactions.h"
#include "daybook/offset.h"

namespace daybook::inline v1 {

// Frames of committed transactions that a power cut could still take, though their decisions stay:
// by partition the last one. While there are some, their decisions may not be dropped. One thread
// at a time; copies are independent.
class UndurableParticipants {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void Note(const Participant& one);
  // All are known to be durable.
  void Clear() { last_frames_.clear(); }
  // Those of `others` are durable, unless more was noted since.
  void Remove(const UndurableParticipants& others);

  // Makes all of them durable. Unavailable: something before one of them is not committed yet, so
  // nothing behind that can be.
  absl::Status WaitDurable(Catalog& catalog, Time deadline) const;

 private:
  std::map<LostTransactions::Key, Offset> last_frames_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OFFSETS_UNDURABLE_PARTICIPANTS_H_
