#include "coordination/cursor_set.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "io/posix_error.h"

namespace daybook::inline v1 {
namespace {

// How often a follower of another process looks: soon again after it has found something, and when
// nothing comes, so seldom that a hundred partitions take some tenths of a percent of a core.
constexpr std::chrono::microseconds kFirstFollowInterval{100};
constexpr std::chrono::microseconds kFollowInterval{7'000};
// Where nobody tells what has changed a look at the files of a partition takes some 20 us, and they
// are looked at once in so many milliseconds for each partition.
constexpr std::chrono::milliseconds kUntoldInterval{2};
constexpr std::chrono::milliseconds kLeastUntoldInterval{10};
// A record that comes within this time is picked up without parking. Between two looks there is a
// pause: a reader that stares at the next frame takes its cache line away from the producer.
constexpr std::chrono::microseconds kSpinTime{20};
// So many looks for one at the clock, which takes longer.
constexpr int kLooks = 4;
// The pauses double up to this number.
constexpr int kMaxPauses = 64;
// A reader that finds between so many records and so many has caught up with a stream: it lets some
// more gather first, for about so long. One that finds one at a time is somebody's partner.
constexpr std::size_t kStreamRecords = 8;
constexpr std::size_t kManyRecords = 256;
constexpr std::chrono::microseconds kGatherTime{3};

alignas(8) constexpr std::array<std::byte, 8> kNeverWritten{};

// Of a follower that has nothing more to read there: the word that tells, as long as no names
// change, by not being zero any more. Null: there is none.
const std::byte* QuietWord(const Cursor& cursor) {
  // No segment, and no next one: a change of names tells.
  if (cursor.segment == nullptr) return kNeverWritten.data();
  if (!cursor.segment->Reaches(cursor.position)) return nullptr;
  const std::byte* const at = cursor.segment->At(cursor.position);
  const std::uint64_t word = frame::AcquireFrameWord(at);
  const auto length_word = static_cast<std::uint32_t>(word);
  if (length_word != 0 && frame::KindOf(length_word) == frame::Kind::kSeal) {
    return kNeverWritten.data();
  }
  // Where a claim is open it has to be asked whether its process lives.
  return word == 0 ? at : nullptr;
}

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace

void CursorSet::Entry::MoveTo(Offset offset) {
  cursor = {.offset = offset, .segment = nullptr, .position = 0};
  behind = nullptr;
  if (mark != nullptr) mark->Move(offset);
}

void CursorSet::Add(const Topic& topic, int partition, Offset offset) {
  Moved();
  entries_.push_back({.topic = topic,
                      .partition = partition,
                      .cursor = {.offset = offset, .segment = nullptr, .position = 0}});
}

CursorSet::Entry* CursorSet::Find(std::string_view topic, int partition) {
  // Of who reads one topic alone, each partition mostly stands in the place of its number.
  const auto likely = static_cast<std::size_t>(partition);
  if (likely < entries_.size() && entries_[likely].partition == partition &&
      entries_[likely].topic.name() == topic) {
    return &entries_[likely];
  }
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.partition == partition && entry.topic.name() == topic;
  });
  return found == entries_.end() ? nullptr : &*found;
}

absl::StatusOr<RecordBatch> CursorSet::ReadNext(const ReadOptions& options) {
  if (last_records_ >= kStreamRecords && last_records_ < kManyRecords && entries_.size() == 1) {
    const auto until = std::chrono::steady_clock::now() + kGatherTime;
    while (std::chrono::steady_clock::now() < until) {
      for (int i = 0; i < kMaxPauses / 4; ++i) Pause();
    }
  }
  last_records_ = 0;
  if (follower_ != nullptr) broker_->Follow();
  for (std::size_t tried = 0; tried < entries_.size(); ++tried) {
    if (next_ >= entries_.size()) next_ = 0;
    Entry& entry = entries_[next_++];
    if (entry.is_held) continue;
    if (follower_ != nullptr && follower_->is_told() && !entry.log().HasMore(entry.cursor)) {
      continue;
    }
    if (entry.behind != nullptr) entry.behind = nullptr;
    auto batch = entry.log().Read(entry.cursor, options);
    if (!batch.ok()) return batch;
    last_records_ = batch->size();
    if (entry.mark != nullptr) entry.mark->Move(entry.cursor.offset);
    if (!batch->empty()) {
      follow_interval_ = {};
      return batch;
    }
  }
  return RecordBatch();
}

absl::StatusOr<RecordBatch> CursorSet::ReadPrevious(const ReadOptions& options) {
  Moved();
  for (std::size_t tried = 0; tried < entries_.size(); ++tried) {
    if (next_ >= entries_.size()) next_ = 0;
    Entry& entry = entries_[next_++];
    auto behind = std::move(entry.behind);
    auto batch = entry.log().ReadBackwards(entry.cursor.offset, options, &behind);
    if (absl::IsDataLoss(batch.status())) entry.MoveTo(entry.cursor.offset - 1);
    if (!batch.ok()) return batch;
    if (batch->empty()) continue;
    entry.MoveTo(batch->begin_offset());
    entry.behind = std::move(behind);
    return batch;
  }
  return RecordBatch();
}

bool CursorSet::HasMore() {
  return std::any_of(entries_.begin(), entries_.end(), [](Entry& entry) {
    return !entry.is_held && entry.log().HasMore(entry.cursor);
  });
}

void CursorSet::Wait(std::chrono::steady_clock::time_point deadline, WaitList* other,
                     const std::function<bool()>& is_interrupted) {
  const auto start = std::chrono::steady_clock::now();
  if (follower_ != nullptr) return WaitForOthers(deadline, is_interrupted);
  const auto until = std::min(deadline, start + kSpinTime);
  for (int pauses = 1; std::chrono::steady_clock::now() < until;
       pauses = std::min(2 * pauses, kMaxPauses)) {
    for (int look = 0; look < kLooks; ++look) {
      if (HasMore() || is_woken_.load() || is_interrupted()) return;
      for (int i = 0; i < pauses; ++i) Pause();
    }
  }
  for (Entry& entry : entries_) entry.log().waiters().Register(&event_);
  if (other != nullptr) other->Register(&event_);
  for (;;) {
    const auto key = event_.PrepareWait();
    if (HasMore() || is_woken_.load() || is_interrupted() || !event_.CommitWait(key, deadline)) {
      break;
    }
  }
  for (Entry& entry : entries_) entry.log().waiters().Unregister(&event_);
  if (other != nullptr) other->Unregister(&event_);
}

bool CursorSet::StaysQuiet(std::uint64_t changes) {
  if (!follower_->is_told() || follower_->all_changes() != changes) return false;
  if (quiet_words_.empty()) {
    for (const Entry& entry : entries_) {
      const std::byte* const word = entry.is_held ? kNeverWritten.data() : QuietWord(entry.cursor);
      if (word == nullptr) {
        quiet_words_.clear();
        return false;
      }
      quiet_words_.push_back(word);
    }
  }
  // A hundred partitions are a hundred cache lines so, and not a thousand.
  return std::all_of(quiet_words_.begin(), quiet_words_.end(),
                     [](const std::byte* word) { return frame::AcquireFrameWord(word) == 0; });
}

void CursorSet::WaitForOthers(std::chrono::steady_clock::time_point deadline,
                              const std::function<bool()>& is_interrupted) {
  using Steady = std::chrono::steady_clock;
  const auto files_interval =
      std::max(kLeastUntoldInterval, kUntoldInterval * static_cast<int>(entries_.size()));
  const auto next_files = Steady::now() + files_interval;
  std::optional<std::uint64_t> changes;  // by when there was nothing more anywhere
  quiet_words_.clear();
  // It goes on from one Wait to the next: a program may wait a little at a time.
  for (follow_interval_ = std::max(follow_interval_, kFirstFollowInterval);;
       follow_interval_ = std::min(2 * follow_interval_, kFollowInterval)) {
    const auto key = event_.PrepareForCertainNotify();
    const auto now = Steady::now();
    if (follower_->is_told()) {
      broker_->Follow();
    } else if (now >= next_files) {
      return;  // whoever reads looks at the files
    }
    if (is_woken_.load() || is_interrupted() || now >= deadline) return;
    const std::uint64_t seen = follower_->all_changes();
    if (!changes || !StaysQuiet(*changes)) {
      if (HasMore()) return;
      changes = seen;
      quiet_words_.clear();
    }
    event_.CommitWait(key, std::min(deadline, now + follow_interval_));
  }
}

absl::StatusOr<int> CursorSet::EventFd() {
  if (follower_ != nullptr) {
    return absl::FailedPreconditionError(
        "nobody wakes a reader of another process's directory; poll every few milliseconds");
  }
  if (!event_fd_.is_open()) {
    event_fd_ = OpenDescriptor([] { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); });
    if (!event_fd_.is_open()) return PosixError(errno, "make", "an eventfd");
    eventfd_write(event_fd_.get(), 1);  // until the first Poll there may be anything
  }
  return event_fd_.get();
}

void CursorSet::Arm(WaitList* other, const std::function<bool()>& is_interrupted) {
  if (!event_fd_.is_open()) return;
  is_armed_ = true;
  armed_other_ = other;
  event_.Arm(event_fd_.get());
  for (Entry& entry : entries_) entry.log().waiters().Register(&event_);
  if (other != nullptr) other->Register(&event_);
  event_.PrepareWait();
  if (HasMore() || is_woken_.load() || is_interrupted()) event_.Notify();
}

void CursorSet::DisarmDescriptor() {
  if (is_armed_) {
    for (Entry& entry : entries_) entry.log().waiters().Unregister(&event_);
    if (armed_other_ != nullptr) armed_other_->Unregister(&event_);
    event_.Disarm();
    is_armed_ = false;
  }
  eventfd_t ignored;
  eventfd_read(event_fd_.get(), &ignored);  // fails if it is not readable
}

void CursorSet::Moved() {
  if (!is_armed_) return;
  Disarm();
  eventfd_write(event_fd_.get(), 1);
}

void CursorSet::Wakeup() {
  is_woken_.store(true);
  event_.Notify();
}

absl::Status CursorSet::TakeWakeupSlowly() {
  if (!is_woken_.exchange(false)) return absl::OkStatus();
  return absl::CancelledError("Wakeup was called; poll again to go on");
}

}  // namespace daybook::inline v1
