#include "daybook/reader.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/one_thread.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "coordination/cursor_set.h"

namespace daybook::inline v1 {

class Reader::State {
 public:
  State(BrokerCore& broker, Topic which, const ReadOptions& batch)
      : catalog(broker.catalog()), topic(std::move(which)), cursors(&broker), limits(batch) {}

  Catalog& catalog;
  Topic topic;
  bool reads_all = false;     // partitions that are added, too
  std::uint64_t version = 0;  // of the catalogue, when the partitions were looked for
  CursorSet cursors;
  ReadOptions limits;
  ProcessGuard process;
  OneThread one_thread;

  // What `call` answers, if this process and this thread may call it now.
  template <typename Call>
  auto Guarded(Call call) -> decltype(call()) {
    if (auto status = process.Check(); !status.ok()) return status;
    const OneThread::Scope scope(one_thread);
    if (!scope.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("another thread is in a call of this reader of ", topic.name(),
                       ": one thread at a time, or a Reader for each"));
    }
    return call();
  }

  void Add(int partition) {
    cursors.Add(topic, partition, Offset(0));
    CursorSet::Entry& entry = cursors.entries().back();
    entry.mark = entry.log().Mark(Offset(0));
  }
  bool IsOutdated() const { return reads_all && version != catalog.version(); }
  // Takes up partitions that were added, from their beginning on.
  void TakeUpNew() {
    if (!IsOutdated()) return;
    version = catalog.version();
    const auto now = catalog.Find(topic.name());
    // Of one that was deleted the logs tell.
    if (!now.ok() || !Access::State(topic)->IsSameTopic(Access::State(*now)->id())) return;
    const int known = topic.partitions();
    topic = *now;
    for (int id = known; id < topic.partitions(); ++id) Add(id);
  }

  // What any call of a reader whose broker is closed answers, also one that reads nothing.
  absl::Status CheckOpen() {
    if (cursors.entries().empty()) return absl::OkStatus();
    const auto begin = cursors.entries().front().log().begin_offset();
    return absl::IsFailedPrecondition(begin.status()) ? begin.status() : absl::OkStatus();
  }

  absl::StatusOr<CursorSet::Entry*> Find(int partition) {
    if (auto status = CheckOpen(); !status.ok()) return status;
    CursorSet::Entry* entry = cursors.Find(topic.name(), partition);
    if (entry == nullptr && reads_all) {  // it may have been added since the last Poll
      TakeUpNew();
      entry = cursors.Find(topic.name(), partition);
    }
    if (entry == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("partition ", partition, " of ", topic.name(), " is not being read"));
    }
    return entry;
  }

  // What the reader's calls do, one thread at a time.
  absl::StatusOr<RecordBatch> Poll(TimeSpan timeout);
  absl::StatusOr<RecordBatch> PollBackwards();
  absl::StatusOr<int> EventFd();
  absl::Status Seek(int partition, Offset offset);
  absl::Status SeekToBeginning();
  absl::Status SeekToEnd();
  absl::Status SeekToTime(Timestamp time);
  absl::StatusOr<Offset> Position(int partition);
  absl::StatusOr<std::int64_t> SkipDamage();
  absl::StatusOr<bool> AtEnd();
};

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::~Reader() {
  // What waits on its partitions is the parent's.
  if (state_ != nullptr && !state_->process.Check().ok()) static_cast<void>(state_.release());
}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&& other) noexcept {
  const Reader before(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

absl::StatusOr<Reader> Reader::Open(Broker& broker, std::string_view name, ReaderOptions options) {
  if (options.start != StartAt::kBeginning && options.start != StartAt::kEnd) {
    return absl::InvalidArgumentError(absl::StrCat("ReaderOptions::start is ",
                                                   static_cast<int>(options.start),
                                                   ", which is no value of its type"));
  }
  const std::uint64_t version = Access::Core(broker).catalog().version();
  const auto topic = broker.OpenTopic(name);
  if (!topic.ok()) return topic.status();
  auto state = std::make_unique<State>(Access::Core(broker), *topic, options.batch);
  state->reads_all = options.partitions.empty();
  state->version = version;
  if (options.partitions.empty()) {
    for (int id = 0; id < topic->partitions(); ++id) options.partitions.push_back(id);
  }
  for (const int id : options.partitions) {
    if (id < 0 || id >= topic->partitions()) {
      return absl::InvalidArgumentError(absl::StrCat(topic->name(), " has no partition ", id,
                                                     "; it has 0 to ", topic->partitions() - 1));
    }
    if (state->cursors.Find(topic->name(), id) == nullptr) state->Add(id);
  }
  Reader reader(std::move(state));
  const auto status =
      options.start == StartAt::kBeginning ? reader.SeekToBeginning() : reader.SeekToEnd();
  if (!status.ok()) return status;
  return reader;
}

absl::StatusOr<RecordBatch> Reader::State::Poll(TimeSpan timeout) {
  cursors.Disarm();
  std::optional<std::chrono::steady_clock::time_point> deadline;  // once it matters
  WaitList* const changed = reads_all ? &catalog.changed() : nullptr;
  const auto is_outdated = [this] { return IsOutdated(); };
  for (;;) {
    if (auto status = cursors.TakeWakeup(); !status.ok()) return status;
    TakeUpNew();
    auto batch = cursors.ReadNext(limits);
    if (!batch.ok() || !batch->empty()) return batch;
    if (!deadline && timeout > TimeSpan()) {
      deadline = DeadlineAfter(timeout);
    } else if (!deadline || std::chrono::steady_clock::now() >= *deadline) {
      if (is_outdated()) continue;  // noticed while reading
      cursors.Arm(changed, is_outdated);
      return batch;
    }
    cursors.Wait(*deadline, changed, is_outdated);
  }
}

absl::StatusOr<RecordBatch> Reader::State::PollBackwards() { return cursors.ReadPrevious(limits); }

absl::StatusOr<int> Reader::State::EventFd() {
  if (auto status = CheckOpen(); !status.ok()) return status;
  return cursors.EventFd();
}

absl::Status Reader::State::Seek(int partition, Offset offset) {
  const auto entry = Find(partition);
  if (!entry.ok()) return entry.status();
  if (offset < Offset(0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset ", offset.value(), " is below 0, where the first record is"));
  }
  cursors.Moved();
  (*entry)->MoveTo(offset);
  return absl::OkStatus();
}

absl::Status Reader::State::SeekToBeginning() {
  cursors.Moved();
  for (CursorSet::Entry& entry : cursors.entries()) {
    const auto begin = entry.log().begin_offset();
    if (!begin.ok()) return begin.status();
    entry.MoveTo(*begin);
  }
  return absl::OkStatus();
}

absl::Status Reader::State::SeekToEnd() {
  cursors.Moved();
  for (CursorSet::Entry& entry : cursors.entries()) {
    const auto end = entry.log().end_offset();
    if (!end.ok()) return end.status();
    entry.MoveTo(*end);
  }
  return absl::OkStatus();
}

absl::Status Reader::State::SeekToTime(Timestamp time) {
  cursors.Moved();
  for (CursorSet::Entry& entry : cursors.entries()) {
    const auto offset = entry.log().OffsetForTime(time);
    if (!offset.ok()) return offset.status();
    entry.MoveTo(*offset);
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> Reader::State::Position(int partition) {
  const auto entry = Find(partition);
  if (!entry.ok()) return entry.status();
  return (*entry)->cursor.offset;
}

absl::StatusOr<std::int64_t> Reader::State::SkipDamage() {
  std::int64_t skipped = 0;
  cursors.Moved();
  for (CursorSet::Entry& entry : cursors.entries()) {
    Cursor probe = entry.cursor;
    const auto batch = entry.log().Read(probe, {.max_records = 1, .max_bytes = 0});
    if (batch.ok()) continue;
    if (!absl::IsDataLoss(batch.status()) && !absl::IsOutOfRange(batch.status())) {
      return batch.status();
    }
    const auto next = entry.log().NextReadable(entry.cursor.offset);
    if (!next.ok()) return next.status();
    skipped += *next - entry.cursor.offset;
    entry.MoveTo(*next);
  }
  return skipped;
}

absl::StatusOr<bool> Reader::State::AtEnd() {
  for (CursorSet::Entry& entry : cursors.entries()) {
    Cursor probe = entry.cursor;
    const auto batch = entry.log().Read(probe, {.max_records = 1, .max_bytes = 0});
    if (absl::IsDataLoss(batch.status()) || absl::IsOutOfRange(batch.status())) return false;
    if (!batch.ok()) return batch.status();
    if (!batch->empty()) return false;
  }
  return true;
}

absl::StatusOr<RecordBatch> Reader::Poll(TimeSpan timeout) {
  return state_->Guarded([&] { return state_->Poll(timeout); });
}
absl::StatusOr<RecordBatch> Reader::PollBackwards() {
  return state_->Guarded([&] { return state_->PollBackwards(); });
}
absl::StatusOr<int> Reader::EventFd() {
  return state_->Guarded([&] { return state_->EventFd(); });
}
absl::Status Reader::Seek(int partition, Offset offset) {
  return state_->Guarded([&] { return state_->Seek(partition, offset); });
}
absl::Status Reader::SeekToBeginning() {
  return state_->Guarded([&] { return state_->SeekToBeginning(); });
}
absl::Status Reader::SeekToEnd() {
  return state_->Guarded([&] { return state_->SeekToEnd(); });
}
absl::Status Reader::SeekToTime(Timestamp time) {
  return state_->Guarded([&] { return state_->SeekToTime(time); });
}
absl::StatusOr<Offset> Reader::Position(int partition) const {
  return state_->Guarded([&] { return state_->Position(partition); });
}
absl::StatusOr<std::int64_t> Reader::SkipDamage() {
  return state_->Guarded([&] { return state_->SkipDamage(); });
}
absl::StatusOr<bool> Reader::AtEnd() const {
  return state_->Guarded([&] { return state_->AtEnd(); });
}
void Reader::Wakeup() { state_->cursors.Wakeup(); }

}  // namespace daybook::inline v1
