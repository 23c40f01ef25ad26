#include "broker/offsets/offset_store.h"

#include <algorithm>
#include <span>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/deadline.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {
namespace {

// Small segments, since only whole ones are dropped.
constexpr std::int64_t kSegmentBytes = std::int64_t{4} << 20;

bool IsTooLong(std::string_view metadata) { return metadata.size() > kMaxOffsetMetadataBytes; }

[[gnu::noinline]] absl::Status TooLong(std::string_view metadata) {
  return absl::InvalidArgumentError(absl::StrCat("the metadata of a place has ", metadata.size(),
                                                 " bytes; the limit is ", kMaxOffsetMetadataBytes));
}

std::string BootName(const BootId& boot) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(boot.data()), boot.size()});
}

}  // namespace

OffsetStore::OffsetStore(const LogContext& context, Catalog& catalog, Catalog& of_groups,
                         DecisionTable& decisions, SyncScheduler& background)
    : context_(context),
      catalog_(of_groups),
      decisions_(decisions),
      background_(background),
      log_(catalog, kOffsetsTopic, kSegmentBytes),
      replay_(BootName(context.boot), catalog, decisions, undurable_) {}

OffsetStore::~OffsetStore() = default;

absl::Status OffsetStore::Load() {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  // Who follows learns that what an earlier process left undecided never will be decided, before
  // there is anything new behind that. Where it cannot be written now, it is with the next commit.
  if (log_.log() != nullptr && !context_.is_read_only && !IsPlanted(PlantedBug::kEpochNotedLate)) {
    PrepareAppend().IgnoreError();
  }
  return absl::OkStatus();
}

void OffsetStore::Close(const absl::Status& reason) {
  MutexLock lock(mutex_);
  closed_ = reason;
  log_.Close();
}

bool OffsetStore::IsInMemory(const Key& key) const {
  // For the sake of time alone: to look for a topic that is gone takes some.
  if (!catalog_.has_memory_topics()) return false;
  const auto topic = catalog_.Find(key.topic);
  return topic.ok() && topic->options().storage == Storage::kMemory;
}

bool OffsetStore::IsInMemory(Entry& entry) const {
  if (!entry.is_in_memory) entry.is_in_memory = IsInMemory(entry.key);
  return *entry.is_in_memory;
}

absl::StatusOr<OffsetStore::EntryPtr> OffsetStore::FindEntry(const Key& key) {
  if (auto status = Refresh(); !status.ok()) return status;
  return offsets_.FindOrAdd(key);
}

std::size_t OffsetStore::entries() {
  MutexLock lock(mutex_);
  return offsets_.size();
}

OpenRecord OffsetStore::ThisOpen() const {
  return {.epoch = decisions_.epoch(), .boot = replay_.boot()};
}

absl::Status OffsetStore::PrepareAppend() {
  if (has_noted_open_) [[likely]]
    return absl::OkStatus();
  if (auto status = log_.OpenOrCreate(); !status.ok()) return status;
  const EncodedRecord open = Encode(ThisOpen());
  const auto appended = log_.Append(open.key, open.value);
  has_noted_open_ = appended.ok();
  return appended.status();
}

absl::Status OffsetStore::Append(Entry& entry, Offset offset, std::string_view metadata) {
  if (IsInMemory(entry)) return absl::OkStatus();
  if (auto status = PrepareAppend(); !status.ok()) return status;
  const std::string_view value = EncodePlace(offset, metadata, log_.buffer());
  return log_.Append(entry.encoded_key, value).status();
}

bool OffsetStore::IsAsCommitted(const Entry& entry, Offset offset,
                                std::string_view metadata) const {
  return entry.committed && offset == entry.committed->offset &&
         metadata == entry.committed->metadata &&
         context_.clock->Now() - entry.when < kPlaceRefresh;
}

absl::Status OffsetStore::Store(Entry& entry, Offset offset, std::string_view metadata) {
  if (!closed_.ok()) return closed_;
  if (IsTooLong(metadata)) [[unlikely]]
    return TooLong(metadata);
  if (IsAsCommitted(entry, offset, metadata)) return absl::OkStatus();
  if (auto status = Append(entry, offset, metadata); !status.ok()) return status;
  if (!entry.committed) entry.committed.emplace();
  entry.committed->offset = offset;
  entry.committed->metadata.assign(metadata);
  entry.when = context_.clock->Now();
  return absl::OkStatus();
}

absl::Status OffsetStore::Commit(const Key& key, Offset offset, std::string_view metadata) {
  const auto place = EntryOf(key);
  if (!place.ok()) return place.status();
  return Commit(**place, offset, metadata);
}

absl::Status OffsetStore::CommitAll(const std::map<Key, Offset>& places) {
  {
    MutexLock lock(mutex_);
    if (!closed_.ok()) return closed_;
    std::vector<Move> moves;
    for (const auto& [key, offset] : places) {
      const auto place = FindEntry(key);
      if (!place.ok()) return place.status();
      moves.emplace_back(*place, offset);
    }
    if (auto status = MoveAll(moves); !status.ok()) return status;
    if (!TakeCompactionDue()) return absl::OkStatus();
  }
  CompactSoon();
  return absl::OkStatus();
}

absl::Status OffsetStore::MoveAll(const std::vector<Move>& moves) {
  constexpr std::size_t kPlacesAtATime = 1000;
  for (std::span<const Move> left = moves; !left.empty();) {
    const auto part = left.first(std::min(left.size(), kPlacesAtATime));
    left = left.subspan(part.size());
    std::vector<std::string> buffers(part.size());
    std::vector<Record> records;
    for (const auto& [entry, offset] : part) {
      if (IsInMemory(*entry)) continue;
      std::optional<std::string_view> value;
      if (offset) value = EncodePlace(*offset, "", &buffers[records.size()]);
      records.push_back({.key = entry->encoded_key,
                         .value = value,
                         .headers = {},
                         .timestamp = std::nullopt,
                         .partition = std::nullopt});
    }
    if (!records.empty()) {
      if (auto status = PrepareAppend(); !status.ok()) return status;
      if (auto status = log_.AppendBatch(records); !status.ok()) return status;
    }
    const Timestamp now = context_.clock->Now();
    for (const auto& [entry, offset] : part) {
      entry->committed.reset();
      if (!offset) continue;
      entry->committed = CommittedOffset{.offset = *offset};
      entry->when = now;
    }
  }
  return absl::OkStatus();
}

absl::Status OffsetStore::Forget(const Key& key) {
  MutexLock lock(mutex_);
  const auto place = FindEntry(key);
  if (!place.ok()) return place.status();
  return (*place)->committed ? MoveAll({{*place, std::nullopt}}) : absl::OkStatus();
}

absl::Status OffsetStore::ForgetTopic(std::string_view topic) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  std::vector<Move> moves;
  for (const auto& [key, entry] : offsets_.entries()) {
    if (key.topic == topic && entry->committed) moves.emplace_back(entry, std::nullopt);
  }
  if (auto status = MoveAll(moves); !status.ok()) return status;
  for (const auto& [key, entry] : offsets_.entries()) {
    if (key.topic == topic) entry->is_in_memory.reset();  // there may be another one of that name
  }
  // Unlike a commit, which is only repeated, it must not be undone by a power cut: the next topic
  // of that name would begin at a place of this one.
  return !moves.empty() && log_.log() != nullptr ? log_.log()->SyncDirty() : absl::OkStatus();
}

absl::Status OffsetStore::ForgetGroup(std::string_view group) {
  return Expire(group, Timestamp::max()).status();
}

absl::StatusOr<std::int64_t> OffsetStore::Expire(std::string_view group, Timestamp time) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  std::vector<Move> moves;
  for (const EntryPtr& entry : offsets_.OfGroup(group)) {
    if (entry->when < time) moves.emplace_back(entry, std::nullopt);
  }
  if (auto status = MoveAll(moves); !status.ok()) return status;
  return static_cast<std::int64_t>(moves.size());
}

absl::StatusOr<std::optional<CommittedOffset>> OffsetStore::Find(const Key& key) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  return offsets_.Find(key);
}

absl::StatusOr<std::optional<CommittedOffset>> OffsetStore::CommittedOf(const Entry& entry) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  return entry.committed;
}

absl::StatusOr<std::map<OffsetStore::Key, CommittedOffset>> OffsetStore::FindGroup(
    std::string_view group) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  std::map<Key, CommittedOffset> found;
  for (const EntryPtr& entry : offsets_.OfGroup(group)) found[entry->key] = *entry->committed;
  return found;
}

absl::StatusOr<std::optional<Offset>> OffsetStore::ReadByAll(std::string_view topic,
                                                             int partition) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  return offsets_.ReadByAll(topic, partition);
}

absl::StatusOr<std::vector<std::string>> OffsetStore::Groups() {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  auto groups = offsets_.Groups();
  std::erase(groups, kTopicIds);
  return groups;
}

absl::StatusOr<OffsetStore::EntryPtr> OffsetStore::EntryOf(const Key& key) {
  MutexLock lock(mutex_);
  return FindEntry(key);
}

absl::StatusOr<std::uint64_t> OffsetStore::BeginTransaction() {
  const auto deadline = DeadlineAfter(kSyncTimeout);
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (auto status = Refresh(); !status.ok()) return status;
      if (!decisions_.is_epoch_used_up()) return BeginInEpoch(deadline);
      if (decisions_.StartNextEpoch()) {
        has_noted_open_ = is_open_durable_ = false;
        return BeginInEpoch(deadline);
      }
    }
    // Followers take what is undecided of an earlier epoch for aborted, so that has to end first.
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError(
          "the ids of transactions are used up, and some are still under way; try again");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

absl::StatusOr<std::uint64_t> OffsetStore::BeginInEpoch(
    std::chrono::steady_clock::time_point deadline) {
  if (!is_open_durable_) {
    if (auto status = PrepareAppend(); !status.ok()) return status;
    if (auto status = log_.WaitDurable(deadline); !status.ok()) return status;
    is_open_durable_ = true;
  }
  return decisions_.Begin();
}

absl::Status OffsetStore::Decide(std::uint64_t id, std::vector<Participant> participants,
                                 const std::map<Key, CommittedOffset>& offsets) {
  absl::Status status;
  {
    MutexLock lock(mutex_);
    status = AppendDecision(id, std::move(participants), offsets);
    decisions_.End(id, status.ok() ? TransactionTable::Decision::kCommitted
                                   : TransactionTable::Decision::kAborted);
    if (!TakeCompactionDue()) return status;
  }
  CompactSoon();
  return status;
}

absl::Status OffsetStore::AppendDecision(std::uint64_t id, std::vector<Participant> participants,
                                         const std::map<Key, CommittedOffset>& offsets) {
  std::vector<std::pair<EntryPtr, CommittedOffset>> moved;
  // Gone when the process is: not written.
  std::vector<std::pair<EntryPtr, CommittedOffset>> in_memory;
  for (const auto& [key, offset] : offsets) {
    if (IsTooLong(offset.metadata)) return TooLong(offset.metadata);
    const auto entry = FindEntry(key);
    if (!entry.ok()) return entry.status();
    if (IsAsCommitted(**entry, offset.offset, offset.metadata)) continue;
    (IsInMemory(**entry) ? in_memory : moved).emplace_back(*entry, offset);
  }
  if (auto status = PrepareAppend(); !status.ok()) return status;
  if (IsPlanted(PlantedBug::kOffsetsOutsideOfTransaction)) {
    for (const auto& [entry, offset] : std::exchange(moved, {})) {
      const auto status = Store(*entry, offset.offset, offset.metadata);
      if (!status.ok()) return status;
    }
  }
  for (const Participant& one : participants) undurable_.Note(one);
  const EncodedRecord decision =
      Encode(DecisionRecord{.id = id,
                            .places = static_cast<std::int64_t>(moved.size()),
                            .participants = std::move(participants)});
  std::vector<std::string> buffers(moved.size());
  std::vector<Record> records = {{.key = decision.key,
                                  .value = decision.value,
                                  .headers = {},
                                  .timestamp = std::nullopt,
                                  .partition = std::nullopt}};
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const auto& [entry, offset] = moved[i];
    const auto value = EncodePlace(offset.offset, offset.metadata, &buffers[i]);
    records.push_back({.key = entry->encoded_key,
                       .value = value,
                       .headers = {},
                       .timestamp = std::nullopt,
                       .partition = std::nullopt});
  }
  const Timestamp now = context_.clock->Now();
  // What follows it must not fail, so it takes no memory.
  if (auto status = log_.AppendBatch(records); !status.ok()) return status;
  for (auto* const places : {&moved, &in_memory}) {
    for (auto& [entry, offset] : *places) {
      entry->committed = std::move(offset);
      entry->when = now;
    }
  }
  return absl::OkStatus();
}

absl::Status OffsetStore::WaitDurable(std::chrono::steady_clock::time_point deadline) {
  std::shared_ptr<PartitionLog> log;
  {
    MutexLock lock(mutex_);
    if (!closed_.ok()) return closed_;
    log = log_.log();
  }
  if (log == nullptr) return absl::OkStatus();  // nothing was ever committed
  const auto end = log->end_offset();
  return end.ok() ? log->WaitDurable(*end, deadline) : end.status();
}

absl::Status OffsetStore::WaitFinal(std::chrono::steady_clock::time_point deadline) {
  UndurableParticipants written;
  {
    MutexLock lock(mutex_);
    written = undurable_;
  }
  if (auto status = written.WaitDurable(catalog_, deadline); !status.ok()) return status;
  return WaitDurable(deadline);
}

void OffsetStore::SyncLater() {
  MutexLock lock(mutex_);
  if (log_.log() != nullptr) log_.log()->MarkDirty();
}

}  // namespace daybook::inline v1
