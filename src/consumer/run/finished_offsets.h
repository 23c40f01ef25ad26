#ifndef DAYBOOK_CONSUMER_RUN_FINISHED_OFFSETS_H_
#define DAYBOOK_CONSUMER_RUN_FINISHED_OFFSETS_H_

#include <chrono>

#include "absl/status/status.h"
#include "consumer/run/records_in_flight.h"
#include "daybook/consumer_group.h"
#include "daybook/system/clock.h"

namespace daybook::inline v1 {

// What is to be committed of the streams, and when: once an interval, if something was finished
// since. A stream is committed up to its first unfinished record and never back. At kAtMostOnce
// nothing is committed here, since Poll has. In the member's thread alone.
class FinishedOffsets {
 public:
  // `clock`, by whose MonotonicNow intervals go, must outlive it.
  FinishedOffsets(Guarantee guarantee, Clock& clock, std::chrono::milliseconds interval);

  void BeginInterval();

  // A record is finished, or what could not be read was passed.
  void Add() { has_news_ = true; }
  bool has_news() const { return has_news_; }
  // To the end of the interval; not over 0 when it has ended.
  std::chrono::nanoseconds until_due() const { return next_commit_ - clock_.MonotonicNow(); }
  bool is_due() const { return has_news_ && clock_.MonotonicNow() >= next_commit_; }

  // And begins the next interval. An error of Consumer::Commit, but Aborted: the member has lost
  // some of the partitions, and the next Poll tells the listener; the others were committed.
  absl::Status CommitAll(Consumer& consumer, const PartitionStreams& streams);
  // At any time. `place`: how far each is to be committed.
  absl::Status Commit(Consumer& consumer, const PartitionStreams& streams,
                      Offset (OffsetTracker::*place)() const = &OffsetTracker::committable);

 private:
  const bool is_at_most_once_;
  Clock& clock_;
  const std::chrono::milliseconds interval_;
  bool has_news_ = false;
  std::chrono::steady_clock::time_point next_commit_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_FINISHED_OFFSETS_H_
