#ifndef DAYBOOK_CONSUMER_RUN_OFFSET_TRACKER_H_
#define DAYBOOK_CONSUMER_RUN_OFFSET_TRACKER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daybook/offset.h"

namespace daybook::inline v1 {

// How far one partition may be committed while its records are handled in any order: never past
// one that is not finished.
//
//   handed out     10  11  12  14          (13 holds nothing)
//   finished       10      12  14
//   committable() = 11                     11 finishes: 15
//
// Every record is a ticket, one more than that of the record before it, and a word in a ring from
// the first unfinished one on. Dispatch and Finish are O(1), amortised; the ring takes 8 bytes a
// record, for as many as were handed out from the first unfinished one on: whoever hands out
// bounds that (size()). One thread at a time.
class OffsetTracker {
 public:
  using Ticket = std::uint64_t;

  // Nothing is handed out yet, and what is before `start` is none of our business.
  explicit OffsetTracker(Offset start) : position_(start) {}

  // The record at `offset` is handed out; offsets only rise.
  Ticket Dispatch(Offset offset);
  // Nothing before `next` is still to be handed out: there were no more records before it.
  void PassTo(Offset next);
  // The record is finished. Once for each ticket.
  void Finish(Ticket ticket);

  // The first offset that is not finished, the next one to be handed out if all are.
  Offset committable() const;
  // The next one to be handed out.
  Offset position() const { return position_; }
  // How many records were handed out from the first unfinished one on.
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }

 private:
  // A word is the offset, and in its lowest bit whether it is finished.
  std::uint64_t& WordOf(Ticket ticket) { return ring_[ticket & (ring_.size() - 1)]; }
  std::uint64_t WordOf(Ticket ticket) const { return ring_[ticket & (ring_.size() - 1)]; }
  void Grow();

  std::vector<std::uint64_t> ring_ = std::vector<std::uint64_t>(16);  // a power of two
  Ticket begin_ = 0;  // of the first unfinished record
  Ticket end_ = 0;    // of the next record
  Offset position_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_OFFSET_TRACKER_H_
