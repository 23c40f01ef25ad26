#include "daybook/reader.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker_core.h"
#include "broker/cursor_set.h"

namespace daybook::inline v1 {

class Reader::State {
 public:
  State(Catalog& topics, Topic which, DirectoryFollower* follower, const ReadOptions& limits)
      : catalog(topics), topic(std::move(which)), cursors(follower), batch(limits) {}

  Catalog& catalog;
  Topic topic;
  bool reads_all = false;     // partitions that are added, too
  std::uint64_t version = 0;  // of the catalogue, when the partitions were looked for
  CursorSet cursors;
  ReadOptions batch;
  ProcessGuard process;

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
    if (!now.ok() || !topic.state()->IsSameTopic(now->state()->id())) return;
    const int known = topic.partitions();
    topic = *now;
    for (int id = known; id < topic.partitions(); ++id) Add(id);
  }

  absl::StatusOr<CursorSet::Entry*> Find(int partition) {
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
};

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::~Reader() {
  // What waits on its partitions is the parent's.
  if (state_ != nullptr && !state_->process.Check().ok()) static_cast<void>(state_.release());
}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

absl::StatusOr<Reader> Reader::Open(Broker& broker, std::string_view name, ReaderOptions options) {
  const std::uint64_t version = broker.core().catalog().version();
  const auto topic = broker.OpenTopic(name);
  if (!topic.ok()) return topic.status();
  auto state = std::make_unique<State>(broker.core().catalog(), *topic, broker.core().follower(),
                                       options.batch);
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

absl::StatusOr<RecordBatch> Reader::Poll(TimeSpan timeout) {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  CursorSet& cursors = state_->cursors;
  cursors.Disarm();
  std::optional<std::chrono::steady_clock::time_point> deadline;  // once it matters
  WaitList* const changed = state_->reads_all ? &state_->catalog.changed() : nullptr;
  const auto is_outdated = [this] { return state_->IsOutdated(); };
  for (;;) {
    if (auto status = cursors.TakeWakeup(); !status.ok()) return status;
    state_->TakeUpNew();
    auto batch = cursors.ReadNext(state_->batch);
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

absl::StatusOr<RecordBatch> Reader::PollBackwards() {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  return state_->cursors.ReadPrevious(state_->batch);
}

absl::StatusOr<int> Reader::EventFd() {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  return state_->cursors.EventFd();
}

void Reader::Wakeup() { state_->cursors.Wakeup(); }

absl::Status Reader::Seek(int partition, Offset offset) {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  const auto entry = state_->Find(partition);
  if (!entry.ok()) return entry.status();
  state_->cursors.Moved();
  (*entry)->MoveTo(offset);
  return absl::OkStatus();
}

absl::Status Reader::SeekToBeginning() {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  state_->cursors.Moved();
  for (CursorSet::Entry& entry : state_->cursors.entries()) {
    const auto begin = entry.log().begin_offset();
    if (!begin.ok()) return begin.status();
    entry.MoveTo(*begin);
  }
  return absl::OkStatus();
}

absl::Status Reader::SeekToEnd() {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  state_->cursors.Moved();
  for (CursorSet::Entry& entry : state_->cursors.entries()) {
    const auto end = entry.log().end_offset();
    if (!end.ok()) return end.status();
    entry.MoveTo(*end);
  }
  return absl::OkStatus();
}

absl::Status Reader::SeekToTime(Timestamp time) {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  state_->cursors.Moved();
  for (CursorSet::Entry& entry : state_->cursors.entries()) {
    const auto offset = entry.log().OffsetForTime(time);
    if (!offset.ok()) return offset.status();
    entry.MoveTo(*offset);
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> Reader::Position(int partition) const {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  const auto entry = state_->Find(partition);
  if (!entry.ok()) return entry.status();
  return (*entry)->cursor.offset;
}

absl::StatusOr<std::int64_t> Reader::SkipDamage() {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  std::int64_t skipped = 0;
  state_->cursors.Moved();
  for (CursorSet::Entry& entry : state_->cursors.entries()) {
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

absl::StatusOr<bool> Reader::AtEnd() const {
  if (auto status = state_->process.Check(); !status.ok()) return status;
  for (CursorSet::Entry& entry : state_->cursors.entries()) {
    Cursor probe = entry.cursor;
    const auto batch = entry.log().Read(probe, {.max_records = 1, .max_bytes = 0});
    if (absl::IsDataLoss(batch.status()) || absl::IsOutOfRange(batch.status())) return false;
    if (!batch.ok()) return batch.status();
    if (!batch->empty()) return false;
  }
  return true;
}

}  // namespace daybook::inline v1
