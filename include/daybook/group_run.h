#ifndef DAYBOOK_GROUP_RUN_H_
#define DAYBOOK_GROUP_RUN_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "daybook/damage.h"
#include "daybook/record.h"

namespace daybook::inline v1 {

class Transaction;

// ConsumerGroup::Run: a handler over all records of a group's topics, in several threads. First the
// one for kAtLeastOnce and kAtMostOnce; the one for kExactlyOnce is TransactionHandler's, below.
//
//   std::stop_source stop;
//   const absl::Status status = group.Run(
//       {"orders"}, {.threads = 8, .dead_letter_topic = "orders.dead", .stop = stop.get_token()},
//       [&](const daybook::RecordView& record) { return Ship(record.value); });
//
// The thread that calls Run is one member of the group: it polls, hands records out, commits, and
// takes part in rebalances. `threads` workers call the handler. A record is finished when the
// handler has returned OK, or when it has been put into the dead-letter topic; the group's
// committed offset never passes one that is not finished, in whatever order they finish. Run may
// be called many times at once, for other members.
//
// What can and cannot happen, by GroupOptions::guarantee:
//   kAtLeastOnce  nothing is lost: a record that was not finished is handled again by the next Run,
//                 or by the partition's next owner. Handled twice is what was finished and not
//                 committed when the process was killed (at most what commit_interval and the
//                 unfinished records before it held back), or when a partition was taken away
//                 before it was drained. A handler must bear that
//   kAtMostOnce   nothing is handled twice: records are committed before the workers get them. Lost
//                 is what they have not handled when the process is killed, or at the end of
//                 drain_timeout. A handler is called once for each record, whatever it returns
//   kExactlyOnce  is refused (InvalidArgument): it takes a TransactionHandler

// Called by several workers at once, so it must be thread-safe. The record lives until the call
// returns. Anything but OK is a failure; so is an exception that leaves it, with what() as the
// message. It must not call Run's stop and then wait for Run.
using Handler = std::function<absl::Status(const RecordView&)>;

// The handler of kExactlyOnce: writes what comes of a record to the transaction.
//
//   const absl::Status status = group.Run(
//       {"orders"}, {.threads = 4, .stop = stop.get_token()},
//       [&](const daybook::RecordView& order, daybook::Transaction& transaction) {
//         return transaction.Send("bills", Bill(order));
//       });
//
// Here `threads` workers are as many members of the group: each polls for itself, calls the handler
// for the records of a batch, one after the other, and commits all that came of them together with
// the group's place in one transaction. More threads than partitions leave some without work, and
// records of a partition are handled in order.
//
// What can happen: the handler is called more than once for a record, after a failure, a kill, or
// when the partition went to another member; only what the last of these calls sent is committed.
// What cannot: that a record's results, or its dead letter, are in the topics twice, or not at all
// though the group's place is behind it. Not covered: what the handler does outside of the
// transaction.
//
// When the handler fails, the transaction is aborted, and the records from the group's place on are
// handled again; the one that failed not before its time (RetryOptions), and the partition waits
// with it. After its last attempt it goes to the dead-letter topic within the transaction, or ends
// the Run. A handler must return what Send has answered: after ResourceExhausted, the records so
// far are committed first, and those from this one on in a transaction of their own; only if that
// one record is too much for a transaction, it is a failure as any other. When a partition was lost
// meanwhile (Commit answered Aborted), its next owner handles the records.
//
// Called by several workers at once, and never twice at once for one transaction. It must not end
// the transaction. For the rest, see Handler.
using TransactionHandler = std::function<absl::Status(const RecordView&, Transaction&)>;

// What is handled in order, and one after the other; all else may run at the same time.
enum class RunOrder {
  // The records of a key within a partition: more may run at once than there are partitions.
  // Records without a key have no order. A record that waits for its next attempt holds up its own
  // key, and the few keys that share its lane.
  kByKey,
  kByPartition,
};

// The waits between the attempts at a record, by Clock::MonotonicNow(): initial_backoff, then twice
// as long each time, at most max_backoff; each shortened by a random part of itself, up to `jitter`
// (0 to 1), so that what failed together is not retried together. Other records are handled
// meanwhile.
struct RetryOptions {
  int max_attempts = 10;  // 1: none is retried
  std::chrono::milliseconds initial_backoff{100};
  std::chrono::milliseconds max_backoff{10'000};
  double jitter = 0.2;
};

// What becomes of records that cannot be read: they are damaged, or were dropped from a topic in
// memory before the group had read them.
enum class OnDamage {
  kStop,  // Run ends with the error of Consumer::Poll, and does so again as long as it is there
  // Run goes on behind it, with this partition as with all others. Where nothing is known to follow
  // yet, it ends as with kStop.
  kSkip,
  // The same, and a note goes to the dead-letter topic, as far as it tells what is gone: a record
  // without key and value, with the headers of a dead letter (its cause is the error, its attempts
  // are 0) and daybook.dead.end_offset, one past the last offset. At kExactlyOnce in a transaction
  // together with the group's place.
  kDeadLetter,
};

struct RunOptions {
  // Workers, beside the thread that calls Run; 1 to 1,024.
  int threads = 1;
  // This one, max_in_flight, max_ahead and commit_interval mean nothing at kExactlyOnce.
  RunOrder order = RunOrder::kByKey;
  // The most records handed out and not finished, in all partitions together. When there are so
  // many, no more are polled; the member stays in the group, however long its handlers take.
  std::int64_t max_in_flight = 1000;
  // The most records of a partition from its first unfinished one on: that one holds the committed
  // offset back, so as many are handled again after a kill. At that, the partition waits. Up to
  // a batch more (GroupOptions::batch) may be handed out.
  std::int64_t max_ahead = 100'000;
  // Of kAtLeastOnce and kExactlyOnce.
  RetryOptions retries = {};
  // Told of every attempt that failed, in the worker's thread and with no lock held: the record,
  // why, and which attempt it was, from 1 on. An exception that leaves it ends Run, with Unknown.
  std::function<void(const RecordView&, const absl::Status&, int)> on_failure = nullptr;
  // Where a record goes whose last attempt failed: with its key, value, headers and timestamp, and
  // with these headers after its own:
  //   daybook.dead.topic      where it was
  //   daybook.dead.partition
  //   daybook.dead.offset
  //   daybook.dead.cause      the last failure, "CODE: message", its first 1,000 bytes
  //   daybook.dead.attempts
  //   daybook.dead.cut        only if the topic's max_record_bytes is too small for all of it: what
  //                           is not there, such as "value 900000 of 1000000 bytes, headers, key":
  //                           the rest of the value, then the record's own headers, then its key
  // The append is acknowledged, at the durability of this topic, before the record counts as
  // finished; a kill between the two may put it there twice, but not at kExactlyOnce. A topic that
  // there is not is created, with one partition, and with the strictest durability and largest
  // records of the topics that are read; one that there is must take 4,096 bytes. Where there are
  // more, a record goes to the partition of
  // its own number, modulo that. Absent: such a record ends the Run.
  std::optional<std::string> dead_letter_topic = {};
  // Whatever it is, `on_damage` is told first: the offsets and the error, in the thread of the
  // member. It may be told again of what was not committed when a process was killed. An exception
  // that leaves it ends Run, with Unknown.
  OnDamage damage = OnDamage::kStop;
  std::function<void(const DamagedRange&, const absl::Status&)> on_damage = nullptr;
  // How often what is finished is committed (kAtLeastOnce), by Clock::MonotonicNow(). 0: at once.
  std::chrono::milliseconds commit_interval{100};
  // How long, when a partition is taken away or Run is to end, the records handed out may still
  // take. Those that fail meanwhile are not tried again, and what is not begun by then is left. At
  // kExactlyOnce: how long the batch under way may take at the end, before only a part of it is
  // committed.
  std::chrono::milliseconds drain_timeout{10'000};
  // TransactionOptions::max_bytes, of kExactlyOnce; but for the transaction of a dead letter, which
  // may be as large as that topic takes.
  std::int64_t max_transaction_bytes = 16 << 20;
  // JoinOptions::instance_id of the member, which then keeps its place when Run ends: the next Run
  // with the same one goes on with its partitions, without a rebalance. At kExactlyOnce each of the
  // members has one: this, "-", and its number from 0 on.
  std::string instance_id = {};
  // Ends Run. Without one, only an error does.
  std::stop_token stop = {};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_GROUP_RUN_H_
