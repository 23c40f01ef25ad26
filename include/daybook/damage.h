#ifndef DAYBOOK_DAMAGE_H_
#define DAYBOOK_DAMAGE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "daybook/export.h"
#include "daybook/offset.h"

namespace daybook::inline v1 {

// Offsets of a partition that cannot be read, because what stores them is damaged or gone.
struct DamagedRange {
  std::string topic;
  int partition = 0;
  Offset begin_offset;
  // The first offset behind it that is known to be whole: seek there to go on. The same as
  // begin_offset where nothing follows yet.
  Offset end_offset;
  // Whole records may be among them: what is damaged there could not be told from payloads that
  // look like records, within the time that a read may take. Repair (admin.h) decides it. With
  // end_offset the same as begin_offset that may be true of all that follows.
  bool may_hold_records = false;

  friend bool operator==(const DamagedRange&, const DamagedRange&) = default;
};

// What cannot be read, of the DataLoss that Partition::Read, ReadBackwards, Reader::Poll,
// PollBackwards or Consumer::Poll answered, and of the OutOfRange by which Consumer::Poll tells
// that records were dropped unread. Nothing for any other error.
//
//   auto batch = consumer->Poll(std::chrono::seconds(1));
//   if (const auto damage = DamageOf(batch.status())) {
//     consumer->Seek({damage->topic, damage->partition}, damage->end_offset).IgnoreError();
//   }
DAYBOOK_EXPORT std::optional<DamagedRange> DamageOf(const absl::Status& status);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_DAMAGE_H_
