#include "broker/offset_store.h"

#include <algorithm>
#include <span>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "broker/access.h"
#include "broker/offset_place.h"

namespace daybook::inline v1 {
namespace {

// Small segments, since only whole ones are dropped.
constexpr std::int64_t kSegmentBytes = std::int64_t{4} << 20;
constexpr std::chrono::seconds kSyncTimeout{30};

std::string BootName(const BootId& boot) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(boot.data()), boot.size()});
}

}  // namespace

OffsetStore::OffsetStore(const LogContext& context, Catalog& catalog, DecisionTable& decisions,
                         BackgroundWork& background)
    : context_(context),
      catalog_(catalog),
      decisions_(decisions),
      background_(background),
      boot_(BootName(context.boot)) {}

OffsetStore::~OffsetStore() = default;

absl::Status OffsetStore::Load() {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  // Who follows learns that what an earlier process left undecided never will be decided, before
  // there is anything new behind that. Where it cannot be written now, it is with the next commit.
  if (log_ != nullptr && !context_.is_read_only && !IsPlanted(PlantedBug::kEpochNotedLate)) {
    PrepareAppend().IgnoreError();
  }
  return absl::OkStatus();
}

void OffsetStore::Close(const absl::Status& reason) {
  MutexLock lock(mutex_);
  closed_ = reason;
  log_ = nullptr;
  cursor_.segment.reset();
}

bool OffsetStore::IsInMemory(const Key& key) {
  const auto topic = catalog_.Find(key.topic);
  return topic.ok() && topic->options().storage == Storage::kMemory;
}

std::shared_ptr<OffsetStore::Place> OffsetStore::MakePlace(const Key& key) {
  return std::make_shared<Place>(Place{.key = key,
                                       .encoded_key = EncodePlaceKey(key),
                                       .committed = std::nullopt,
                                       .when = Timestamp(),
                                       .is_in_memory = std::nullopt});
}

absl::StatusOr<std::shared_ptr<OffsetStore::Place>> OffsetStore::FindPlace(const Key& key) {
  if (auto status = Refresh(); !status.ok()) return status;
  if (places_sweep_.IsDue(places_.size())) {
    std::erase_if(places_, [](const auto& entry) {
      return !entry.second->committed && entry.second.use_count() == 1;
    });
    places_sweep_.Swept(places_.size());
  }
  const auto found = places_.find(key);
  if (found != places_.end()) return found->second;
  auto place = MakePlace(key);
  places_.emplace(key, place);
  return place;
}

std::size_t OffsetStore::places() {
  MutexLock lock(mutex_);
  return places_.size();
}

OpenRecord OffsetStore::ThisOpen() const { return {.epoch = decisions_.epoch(), .boot = boot_}; }

absl::Status OffsetStore::PrepareAppend() {
  if (log_ == nullptr) {
    auto topic = catalog_.Find(kOffsetsTopic);
    if (absl::IsNotFound(topic.status())) {
      TopicOptions options;
      options.segment_bytes = kSegmentBytes;
      topic = catalog_.Create(kOffsetsTopic, options);
    }
    if (!topic.ok()) return topic.status();
    log_ = Access::Log(topic->partition(0)).shared_from_this();
  }
  if (has_noted_open_) return absl::OkStatus();
  const EncodedRecord open = Encode(ThisOpen());
  const auto appended = log_->AppendUnsynced({.key = open.key,
                                              .value = open.value,
                                              .headers = {},
                                              .timestamp = std::nullopt,
                                              .partition = std::nullopt});
  has_noted_open_ = appended.ok();
  return appended.status();
}

absl::Status OffsetStore::Append(Place& place, Offset offset, std::string_view metadata) {
  if (!place.is_in_memory) place.is_in_memory = IsInMemory(place.key);
  if (*place.is_in_memory) return absl::OkStatus();
  if (auto status = PrepareAppend(); !status.ok()) return status;
  const std::string_view value = EncodePlace(offset, metadata, &buffer_);
  appended_ += place.encoded_key.size() + value.size() + frame::kFrameHeaderBytes;
  return log_
      ->AppendUnsynced({.key = place.encoded_key,
                        .value = value,
                        .headers = {},
                        .timestamp = std::nullopt,
                        .partition = std::nullopt})
      .status();
}

bool OffsetStore::IsAsCommitted(const Place& place, Offset offset,
                                std::string_view metadata) const {
  return place.committed && offset == place.committed->offset &&
         metadata == place.committed->metadata &&
         context_.clock->Now() - place.when < kPlaceRefresh;
}

absl::Status OffsetStore::CheckMetadata(std::string_view metadata) {
  if (metadata.size() <= kMaxOffsetMetadataBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the metadata of a place has ", metadata.size(),
                                                 " bytes; the limit is ", kMaxOffsetMetadataBytes));
}

absl::Status OffsetStore::Store(Place& place, Offset offset, std::string_view metadata) {
  if (!closed_.ok()) return closed_;
  if (metadata.size() > kMaxOffsetMetadataBytes) [[unlikely]]
    return CheckMetadata(metadata);
  if (IsAsCommitted(place, offset, metadata)) return absl::OkStatus();
  if (auto status = Append(place, offset, metadata); !status.ok()) return status;
  if (!place.committed) place.committed.emplace();
  place.committed->offset = offset;
  place.committed->metadata.assign(metadata);
  place.when = context_.clock->Now();
  return absl::OkStatus();
}

absl::Status OffsetStore::Commit(const Key& key, Offset offset, std::string_view metadata) {
  const auto place = PlaceOf(key);
  if (!place.ok()) return place.status();
  return Commit(**place, offset, metadata);
}

absl::Status OffsetStore::Commit(Place& place, Offset offset, std::string_view metadata) {
  {
    MutexLock lock(mutex_);
    if (auto status = Store(place, offset, metadata); !status.ok()) return status;
    if (!TakeCompactionDue()) return absl::OkStatus();
  }
  CompactSoon();
  return absl::OkStatus();
}

absl::Status OffsetStore::CommitAll(const std::map<Key, Offset>& places) {
  {
    MutexLock lock(mutex_);
    if (!closed_.ok()) return closed_;
    std::vector<Move> moves;
    for (const auto& [key, offset] : places) {
      const auto place = FindPlace(key);
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
    for (const auto& [place, offset] : part) {
      if (!place->is_in_memory) place->is_in_memory = IsInMemory(place->key);
      if (*place->is_in_memory) continue;
      std::optional<std::string_view> value;
      if (offset) value = EncodePlace(*offset, "", &buffers[records.size()]);
      records.push_back({.key = place->encoded_key,
                         .value = value,
                         .headers = {},
                         .timestamp = std::nullopt,
                         .partition = std::nullopt});
      appended_ += place->encoded_key.size() + (value ? value->size() : 0);
    }
    if (!records.empty()) {
      if (auto status = PrepareAppend(); !status.ok()) return status;
      const auto appended = log_->AppendBatchUnsynced(records);
      if (!appended.ok()) return appended.status();
    }
    const Timestamp now = context_.clock->Now();
    for (const auto& [place, offset] : part) {
      place->committed.reset();
      if (!offset) continue;
      place->committed = CommittedOffset{.offset = *offset};
      place->when = now;
    }
  }
  return absl::OkStatus();
}

absl::Status OffsetStore::Forget(const Key& key) {
  MutexLock lock(mutex_);
  const auto place = FindPlace(key);
  if (!place.ok()) return place.status();
  return (*place)->committed ? MoveAll({{*place, std::nullopt}}) : absl::OkStatus();
}

absl::Status OffsetStore::ForgetTopic(std::string_view topic) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  std::vector<Move> moves;
  for (const auto& [key, place] : places_) {
    if (key.topic == topic && place->committed) moves.emplace_back(place, std::nullopt);
  }
  if (auto status = MoveAll(moves); !status.ok()) return status;
  for (const auto& [key, place] : places_) {
    if (key.topic == topic) place->is_in_memory.reset();  // there may be another one of that name
  }
  // Unlike a commit, which is only repeated, it must not be undone by a power cut: the next topic
  // of that name would begin at a place of this one.
  return !moves.empty() && log_ != nullptr ? log_->SyncDirty() : absl::OkStatus();
}

absl::Status OffsetStore::ForgetGroup(std::string_view group) {
  return Expire(group, Timestamp::max()).status();
}

absl::StatusOr<std::int64_t> OffsetStore::Expire(std::string_view group, Timestamp time) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  std::vector<Move> moves;
  for (auto at = places_.lower_bound(Key{std::string(group), "", 0});
       at != places_.end() && at->first.group == group; ++at) {
    const std::shared_ptr<Place>& place = at->second;
    if (place->committed && place->when < time) moves.emplace_back(place, std::nullopt);
  }
  if (auto status = MoveAll(moves); !status.ok()) return status;
  return static_cast<std::int64_t>(moves.size());
}

absl::StatusOr<std::optional<CommittedOffset>> OffsetStore::Find(const Key& key) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  const auto found = places_.find(key);
  if (found == places_.end()) return std::optional<CommittedOffset>();
  return found->second->committed;
}

absl::StatusOr<std::map<OffsetStore::Key, CommittedOffset>> OffsetStore::FindGroup(
    std::string_view group) {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  std::map<Key, CommittedOffset> found;
  for (auto at = places_.lower_bound(Key{std::string(group), "", 0});
       at != places_.end() && at->first.group == group; ++at) {
    if (at->second->committed) found[at->first] = *at->second->committed;
  }
  return found;
}

absl::StatusOr<std::vector<std::string>> OffsetStore::Groups() {
  MutexLock lock(mutex_);
  if (auto status = Refresh(); !status.ok()) return status;
  std::vector<std::string> groups;
  for (const auto& [key, place] : places_) {
    if (place->committed && (groups.empty() || groups.back() != key.group)) {
      groups.push_back(key.group);
    }
  }
  return groups;
}

absl::StatusOr<std::shared_ptr<OffsetStore::Place>> OffsetStore::PlaceOf(const Key& key) {
  MutexLock lock(mutex_);
  return FindPlace(key);
}

absl::StatusOr<std::uint64_t> OffsetStore::BeginTransaction() {
  const auto deadline = std::chrono::steady_clock::now() + kSyncTimeout;
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
    const auto end = log_->end_offset();
    if (!end.ok()) return end.status();
    if (auto status = log_->WaitDurable(*end, deadline); !status.ok()) return status;
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
  std::vector<std::pair<std::shared_ptr<Place>, CommittedOffset>> moved;
  // Gone when the process is: not written.
  std::vector<std::pair<std::shared_ptr<Place>, CommittedOffset>> in_memory;
  for (const auto& [key, offset] : offsets) {
    if (auto status = CheckMetadata(offset.metadata); !status.ok()) return status;
    const auto place = FindPlace(key);
    if (!place.ok()) return place.status();
    if (IsAsCommitted(**place, offset.offset, offset.metadata)) continue;
    if (!(*place)->is_in_memory) (*place)->is_in_memory = IsInMemory(key);
    (*(*place)->is_in_memory ? in_memory : moved).emplace_back(*place, offset);
  }
  if (auto status = PrepareAppend(); !status.ok()) return status;
  if (IsPlanted(PlantedBug::kOffsetsOutsideOfTransaction)) {
    for (const auto& [place, offset] : std::exchange(moved, {})) {
      const auto status = Store(*place, offset.offset, offset.metadata);
      if (!status.ok()) return status;
    }
  }
  for (const Participant& one : participants) NoteUnsettled(one);
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
  appended_ += decision.key.size() + decision.value.size() + frame::kFrameHeaderBytes;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const auto& [place, offset] = moved[i];
    const auto value = EncodePlace(offset.offset, offset.metadata, &buffers[i]);
    records.push_back({.key = place->encoded_key,
                       .value = value,
                       .headers = {},
                       .timestamp = std::nullopt,
                       .partition = std::nullopt});
    appended_ += place->encoded_key.size() + value.size();
  }
  const Timestamp now = context_.clock->Now();
  // What follows it must not fail, so it takes no memory.
  if (auto appended = log_->AppendBatchUnsynced(records); !appended.ok()) return appended.status();
  for (auto* const places : {&moved, &in_memory}) {
    for (auto& [place, offset] : *places) {
      place->committed = std::move(offset);
      place->when = now;
    }
  }
  return absl::OkStatus();
}

absl::Status OffsetStore::WaitDurable(std::chrono::steady_clock::time_point deadline) {
  std::shared_ptr<PartitionLog> log;
  {
    MutexLock lock(mutex_);
    if (!closed_.ok()) return closed_;
    log = log_;
  }
  if (log == nullptr) return absl::OkStatus();  // nothing was ever committed
  const auto end = log->end_offset();
  return end.ok() ? log->WaitDurable(*end, deadline) : end.status();
}

void OffsetStore::SyncLater() {
  MutexLock lock(mutex_);
  if (log_ != nullptr) log_->MarkDirty();
}

}  // namespace daybook::inline v1
