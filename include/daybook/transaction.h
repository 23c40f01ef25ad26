#ifndef DAYBOOK_TRANSACTION_H_
#define DAYBOOK_TRANSACTION_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/export.h"
#include "daybook/record.h"
#include "daybook/storage.h"

namespace daybook::inline v1 {

class Consumer;
struct GroupOffsets;

struct TransactionOptions {
  // transactional.id: of all transactions of one name only the one that began last can commit. Give
  // one to each worker that may be replaced while it hangs. Empty: none.
  std::string name = {};
  // Bytes of records, with what is kept beside them, that it may hold in memory.
  std::int64_t max_bytes = 16 << 20;
  // What a commit survives. Absent: the highest level of the topics that it wrote to.
  std::optional<Durability> durability = {};
};

// Records to any number of topics and partitions, and a group's places, all or nothing: after any
// crash, and for every reader at the same moment.
//
//   auto consumer = group.Join({"orders"}).value();
//   for (;;) {
//     auto batch = consumer->Poll(std::chrono::seconds(1)).value();
//     auto transaction = Transaction::Begin(*broker, {.name = "biller-1"}).value();
//     absl::Status status;
//     for (const RecordView& order : batch) status.Update(transaction.Send("bills", Bill(order)));
//     status.Update(transaction.AddOffsets(*consumer));
//     if (status.ok()) status = transaction.Commit();
//     if (!status.ok()) consumer->SeekToCommitted().IgnoreError();  // the same records again
//   }
//
// ConsumerGroup::Run is this loop in several threads, with retries and a dead-letter topic.
//
// It holds what it is given in memory until Commit, so an open transaction is in nobody's way and
// an aborted one never reached a log. Commit writes each partition's records as prepared frames,
// and then one record that decides for all of them (format: daybook/format/frame.h, kind 5; the
// decision: src/broker/offsets/offset_record.h). For the microseconds between, readers that have
// come that far wait; if the process dies there, nothing was committed, and readers pass over the
// frames.
//
// What can happen: a crash before Commit returned leaves all of it or nothing; the group's place
// says which. What cannot: a part of it; a record or a place of an aborted one; the places without
// the records or the records without the places; two commits of what the same consumer has polled,
// since a member that lost its partitions is refused, and so is a transaction whose name another
// one has taken. Not covered: what the program does outside of Daybook between; keep the offset in
// that store's own transaction instead (examples/exactly_once_sqlite.cc).
//
// After a power cut a commit at kProcess may be gone, as records are, but as a whole.
//
// Move-only. One thread at a time: a call that answers a status notices another thread in one, and
// answers FailedPrecondition. Once the Broker is closed or gone, all but Abort answers that, too.
class DAYBOOK_EXPORT Transaction {
 public:
  //   FailedPrecondition  the broker is read-only or closed
  //   InvalidArgument     there is no such durability, or max_bytes is not over 0
  static absl::StatusOr<Transaction> Begin(Broker& broker, TransactionOptions options = {});
  // Aborts, unless it was committed.
  ~Transaction();
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;

  // Adds a copy of the record. Its partition is chosen as Producer does.
  //   NotFound            no such topic
  //   InvalidArgument     the record names a partition that the topic has not, or is too large
  //   ResourceExhausted   the transaction would hold more than max_bytes: commit what it has, or
  //                       begin one with a higher bound
  //   FailedPrecondition  it has ended
  // After an error the record is not part of it; the others are.
  absl::Status Send(std::string_view topic, const Record& record);
  absl::Status Send(const Topic& topic, const Record& record);

  // Adds the group's places: all that Poll has returned to `consumer` is done with. Taken when it
  // is called; the last call counts for each partition. Its group must be of this broker.
  //   InvalidArgument     a position is behind the end of its partition, by a Seek; or it has the
  //                       places of another member already. Then none was added
  absl::Status AddOffsets(const Consumer& consumer);
  // The same of these places alone, with their metadata, for a batch that was handled in part:
  //   GroupOffsets done = consumer->Positions();
  //   done.offsets[{"orders", 0}].offset = record.offset + 1;  // the last one that was handled
  //   status = transaction.AddOffsets(done);
  // Consumer::Seek the consumer there, too: Poll goes on behind what it has returned.
  absl::Status AddOffsets(const GroupOffsets& offsets);

  // Ends it. OK: all of it is there, and survives what its durability says.
  //   Aborted             a later one has its name, or the consumer lost a partition since its
  //                       places were taken, even if it has it again: nothing was committed.
  //                       Consumer::SeekToCommitted, and begin anew
  //   ResourceExhausted   the disk is full; nothing was committed
  //   DeadlineExceeded, DataLoss   a sync did not end or failed: before the decision, then nothing
  //                       was committed, or after it: then it is committed, and whether it survives
  //                       a power cut is not known. The message says which
  //   FailedPrecondition  it has ended before, or a partition is read-only after a failed sync
  absl::Status Commit();

  // Ends it; nothing of it ever was anywhere.
  void Abort();

  // Bytes held now.
  std::int64_t bytes() const;

 private:
  friend class Access;  // of the library
  static absl::StatusOr<Transaction> Begin(std::shared_ptr<GroupRegistry> groups,
                                           TransactionOptions options);
  class State;
  explicit Transaction(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_TRANSACTION_H_
