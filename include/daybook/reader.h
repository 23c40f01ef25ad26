#ifndef DAYBOOK_READER_H_
#define DAYBOOK_READER_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/export.h"
#include "daybook/time_span.h"

namespace daybook::inline v1 {

enum class StartAt { kBeginning, kEnd };

struct ReaderOptions {
  std::vector<int> partitions = {};  // empty: all, and those that are added later
  StartAt start = StartAt::kBeginning;
  ReadOptions batch = {};
};

// A cursor on partitions of one topic, with no group and no committed place: replay, fan-out,
// tools. Any number may read the same topic, each everything. The Broker may be read-only; once it
// is closed or gone, all answers FailedPrecondition.
//
// One thread at a time: a call notices another thread in one, and answers FailedPrecondition. Only
// Wakeup may come from elsewhere.
class DAYBOOK_EXPORT Reader {
 public:
  // NotFound: no such topic. InvalidArgument: no such partition, or `options.start` has no value of
  // its type.
  static absl::StatusOr<Reader> Open(Broker& broker, std::string_view topic,
                                     ReaderOptions options = {});
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  // The next records of one partition, the partitions taking turns. Waits, parked, up to
  // `timeout` for the first one; empty when there was none. A reader of all partitions takes up
  // those that are added to the topic, from their beginning on.
  //
  // On a read-only broker, whose writer is another process, it looks every few milliseconds
  // instead: for a hundred partitions that takes less than 1 % of a core. Records are seen within
  // 10 ms, and so is whatever else the writer does: it may add partitions, delete the topic, die
  // and start again. Transactions and claims that a dead process has left open are passed over. On
  // file systems that do not tell of new files (network file systems, overlays) new segments,
  // partitions and topics are seen within 10 ms and 2 ms more for each partition that is read. The
  // writer must run on the same machine: whether it lives is known by its lock.
  //   NotFound            the topic was deleted; also if it was made again, which a Reader that is
  //                       opened then reads
  //   DataLoss            damage at the position of a partition, which stays there: the message
  //                       and DamageOf (damage.h) give the offsets. Go on with SkipDamage.
  //   OutOfRange          the position was dropped meanwhile; go on with SkipDamage, or Seek
  //   Cancelled           Wakeup was called
  absl::StatusOr<RecordBatch> Poll(TimeSpan timeout);

  // The records of one partition that end before its position, which moves back to the first of
  // them; the partitions taking turns. Empty, without waiting, when all stand at their beginning.
  //   DataLoss            damage before the position of a partition, which moves into it: call
  //                       again to go on before it
  absl::StatusOr<RecordBatch> PollBackwards();

  // Makes the Poll under way, or the next one, return Cancelled at once. From any thread.
  void Wakeup();

  // A descriptor for event loops (epoll, libuv, asio), of eventfd(2), made by the first call and
  // closed with the reader; leave reading it to Poll. When it is readable, call Poll({}) until
  // that returns nothing: it then becomes readable again when there is something to poll.
  // A seek makes it readable, too. Appends cost one write(2) more each time it becomes so.
  //   FailedPrecondition  the broker is read-only: nobody wakes us
  //   ResourceExhausted   no descriptor is left
  absl::StatusOr<int> EventFd();

  // InvalidArgument: the partition is not being read, or the offset is below 0.
  absl::Status Seek(int partition, Offset offset);
  absl::Status SeekToBeginning();
  absl::Status SeekToEnd();
  // To the first record with a timestamp of `time` or later, or to the end: see
  // Partition::OffsetForTime.
  absl::Status SeekToTime(Timestamp time);
  // The offset that is read next. InvalidArgument: the partition is not being read.
  absl::StatusOr<Offset> Position(int partition) const;

  // Moves every partition that stands at damage, or where records were dropped, to the next record
  // that can be read; how many offsets were passed over. Errors as of Partition::NextReadable.
  absl::StatusOr<std::int64_t> SkipDamage();

  // True when a Poll would find nothing now: every partition's position is at its end, or before a
  // transaction that is undecided or a claim that is open, of a process that lives.
  absl::StatusOr<bool> AtEnd() const;

 private:
  class State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_READER_H_
