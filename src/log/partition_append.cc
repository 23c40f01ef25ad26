#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/deadline.h"
#include "base/planted_bug.h"
#include "base/system_clock.h"
#include "log/append/durability_check.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {
namespace {

constexpr std::chrono::seconds kAcknowledgeTimeout{30};

}  // namespace

absl::Status PartitionLog::RefusalOfUsers() const {
  if (auto status = process().Check(); !status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(
      name().topic(), " is an internal topic: the library alone writes to it; use another one"));
}

absl::Status PartitionLog::RefusalOf(const frame::RecordParts& parts) const {
  for (const Header& header : parts.headers) {
    if (header.name.size() > frame::kMaxHeaderNameBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(name().directory(), ": the name of a header has ", header.name.size(),
                       " bytes; the limit is ", frame::kMaxHeaderNameBytes));
    }
  }
  if (parts.key && parts.key->size() > frame::kMaxKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(name().directory(), ": the key has ", parts.key->size(),
                     " bytes; the limit of every topic is ", frame::kMaxKeyBytes));
  }
  std::uint64_t bytes = parts.key ? parts.key->size() : 0;
  for (const Header& header : parts.headers) {
    bytes += 6 + header.name.size() + (header.value ? header.value->size() : 0);
  }
  // A claim may ask for any number.
  bytes += std::min<std::uint64_t>(parts.value_bytes, ~std::uint64_t{0} - bytes);
  return absl::InvalidArgumentError(
      absl::StrCat(name().directory(), ": the record has ", bytes,
                   " bytes (key, headers and value); the limit "
                   "of this topic is ",
                   settings_.max_record_bytes,
                   "; split it, or create the topic with a higher max.message.bytes"));
}

// Where it is known that there is nothing but a value, little is left of it.
template <bool kIsPlain>
[[gnu::always_inline]] inline absl::StatusOr<Offset> PartitionLog::AppendParts(
    const frame::RecordParts& parts, std::string_view value, const Record& record) {
  const frame::RecordLayout layout = frame::LayoutOf(parts);
  if (!Accepts(layout)) [[unlikely]]
    return RefusalOf(frame::PartsOf(record));
  // A body that is the value alone is hashed where it comes from: the bytes that the log has just
  // been given could not be read back before their stores are done. Few bytes are on their way
  // there; more of them before the claim, so that nobody waits for that.
  const std::span<const std::byte> bytes = std::as_bytes(std::span(value));
  const bool is_plain = kIsPlain || layout.length == frame::kFrameHeaderBytes + bytes.size();
  const bool is_hashed_here = is_plain && has_checksums();
  std::uint64_t body_hash = 0;
  if (is_hashed_here && !IsFew(bytes.size())) body_hash = Hash64(bytes);
  const Timestamp now = NowOf(*context_.clock);
  Claimed claimed;
  if (auto status = active_.Claim(segments_, layout.length, &claimed); !status.ok()) [[unlikely]]
    return status;
  Segment& segment = *claimed.segment;
  std::byte* const frame = claimed.Begin(layout.length);
  const Offset offset = claimed.offset();
  const std::uint32_t length_word = frame::LengthWord(frame::Kind::kRecord, layout.length);
  std::byte* to = frame::FillRecord(frame, layout, parts, now, claimed.delta());
  if (IsPlanted(PlantedBug::kCommitsBeforeFill)) frame::CommitFrame(frame, length_word, 0);
  if (is_hashed_here && IsFew(bytes.size())) {
    body_hash = CopyAndHash(to, bytes);
  } else if (!bytes.empty()) {
    std::memcpy(to, bytes.data(), bytes.size());
  }
  if (IsPlanted(PlantedBug::kWakesTooEarly)) Committed();
  if (parts.event_time) segment.times().NoteOwn();
  if (is_plain) {
    segment.Commit(frame, length_word, claimed.before, frame::HeadOf(layout, now, claimed.delta()),
                   body_hash);
  } else {
    segment.Commit(frame, length_word, claimed.before);
  }
  if (!IsPlanted(PlantedBug::kWakesTooEarly)) Committed();
  return offset;
}

absl::StatusOr<Offset> PartitionLog::AppendPlain(const Record& record) {
  return AppendParts<true>({.value_bytes = record.value->size()}, *record.value, record);
}

// Here, so that there is one call between a program and its record in the log.
absl::StatusOr<Offset> Partition::Append(const Record& record, AppendOptions options) {
  PartitionLog& log = *log_;
  if (!log.is_open_to_users()) [[unlikely]]
    return log.RefusalOfUsers();
  if (options.durability || log.NeedsMore(std::nullopt) || !log.IsPlain(record)) {
    return log.Append(record, options.durability);
  }
  return log.AppendParts<true>({.value_bytes = record.value->size()}, *record.value, record);
}

absl::StatusOr<Offset> PartitionLog::AppendAny(const Record& record) {
  if (compressor_->is_on()) {
    auto packed = AppendFrame({&record, 1});
    // In a frame of its own a record has a few bytes less around it.
    if (!absl::IsOutOfRange(packed.status())) return packed;
  }
  frame::RecordParts parts = frame::PartsOf(record);
  if (!keeps_event_times()) parts.event_time.reset();
  return AppendParts<false>(parts, record.value.value_or(std::string_view()), record);
}

absl::StatusOr<Offset> PartitionLog::AppendFromProducer(const Record& record,
                                                        const frame::ProducerSequence& producer) {
  frame::RecordParts parts = frame::PartsOf(record);
  if (!keeps_event_times()) parts.event_time.reset();
  parts.producer = producer;
  return AppendParts<false>(parts, record.value.value_or(std::string_view()), record);
}

absl::StatusOr<Offset> PartitionLog::AppendSequenced(const Record& record, std::uint64_t producer,
                                                     std::int64_t sequence) {
  if (sequence < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        name().directory(), ": ", sequence, " is no sequence; number the records from 0 on"));
  }
  return sequences_.Append(record, {.producer = producer, .sequence = sequence});
}

[[gnu::noinline]] absl::StatusOr<Offset> PartitionLog::AppendAcknowledged(
    const Record& record, std::optional<Durability> asked) {
  if (auto status = CheckDurability("AppendOptions::durability", asked); !status.ok())
    return status;
  auto offset = AppendUnsynced(record);
  if (!offset.ok()) return offset;
  if (auto status = Acknowledge(*offset + 1, asked); !status.ok()) return status;
  return offset;
}

absl::Status PartitionLog::Acknowledge(Offset end, std::optional<Durability> durability) {
  const Durability level =
      std::max(settings_.durability, durability.value_or(Durability::kProcess));
  if (IsPlanted(PlantedBug::kIntervalOfTopicAlone) && level == Durability::kInterval) {
    return absl::OkStatus();
  }
  // What the topic promises at kInterval is seen to by every commit.
  if (level == Durability::kInterval) MarkDirty();
  if (level != Durability::kDisk) return absl::OkStatus();
  if (IsPlanted(PlantedBug::kAcknowledgeBeforeSync)) return absl::OkStatus();
  return WaitDurable(end, DeadlineAfter(kAcknowledgeTimeout));
}

absl::StatusOr<RecordClaim> PartitionLog::Claim(const ClaimOptions& options) {
  const auto make = [this](const frame::RecordParts& parts) __attribute__((always_inline))
                        ->absl::StatusOr<RecordClaim> {
    const frame::RecordLayout layout = frame::LayoutOf(parts);
    if (!Accepts(layout)) [[unlikely]]
      return RefusalOf(parts);
    const Timestamp now = NowOf(*context_.clock);
    Claimed claimed;
    if (auto status = active_.Claim(segments_, layout.length, &claimed); !status.ok()) [[unlikely]]
      return status;
    Segment& segment = *claimed.segment;
    std::byte* const frame = claimed.Begin(layout.length);
    std::byte* value = frame::FillRecord(frame, layout, parts, now, claimed.delta());
    if (parts.event_time) segment.times().NoteOwn();
    RecordClaim claim;
    claim.log_ = this;
    claim.segment_ = &segment;
    claim.before_ = claimed.before;
    claim.length_word_ = frame::LengthWord(frame::Kind::kRecord, layout.length);
    claim.value_ = {value, parts.value_bytes};
    claim.offset_ = claimed.offset();
    return claim;
  };
  // Where there is nothing but a value, little is left of it.
  if (!options.key && options.headers.empty() && !options.timestamp) {
    return make({.value_bytes = options.value_bytes});
  }
  return make({.key = options.key,
               .headers = options.headers,
               .event_time = keeps_event_times() ? options.timestamp : std::nullopt,
               .value_bytes = options.value_bytes});
}

void PartitionLog::MarkDirty() {
  if (background_.is_dirty.load(std::memory_order_relaxed) || !segments_.has_files()) return;
  if (!background_.is_dirty.exchange(true) && context_.background.on_dirty)
    context_.background.on_dirty(*this);
}

void RecordClaim::Abandon() {
  if (log_->process().is_forked()) return;
  segment_->Abandon(before_, frame::AlignedLength(frame::LengthOf(length_word_)));
  log_->Committed();
}

void RecordClaim::Commit() && {
  if (log_ == nullptr || log_->process().is_forked()) return;
  segment_->Commit(segment_->At(PositionOf(before_)), length_word_, before_);
  std::exchange(log_, nullptr)->Committed();
}

}  // namespace daybook::inline v1
