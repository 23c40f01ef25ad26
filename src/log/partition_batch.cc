#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/system_clock.h"
#include "format/batch_codec.h"
#include "log/append/batch_head.h"
#include "log/append/durability_check.h"
#include "log/partition_log.h"

// Appending many records as one frame, compressed or not, and finding them in it again.

namespace daybook::inline v1 {
namespace {

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

absl::StatusOr<Offset> PartitionLog::AppendBatch(std::span<const Record> records,
                                                 std::optional<Durability> durability) {
  if (auto status = CheckDurability("AppendOptions::durability", durability); !status.ok()) {
    return status;
  }
  auto first = AppendBatchUnsynced(records);
  if (!first.ok()) return first;
  const Offset end = *first + static_cast<std::int64_t>(records.size());
  if (auto status = Acknowledge(end, durability); !status.ok()) return status;
  return first;
}

absl::StatusOr<Offset> PartitionLog::AppendBatchUnsynced(std::span<const Record> records) {
  if (records.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name().directory(), ": a batch has at least one record"));
  }
  if (records.size() > frame::kMaxBatchRecords) {
    return absl::InvalidArgumentError(absl::StrCat(name().directory(), ": the batch has ",
                                                   records.size(), " records; the limit is ",
                                                   frame::kMaxBatchRecords));
  }
  auto first = AppendFrame(records);
  if (!absl::IsOutOfRange(first.status())) return first;
  return absl::InvalidArgumentError(absl::StrCat(
      name().directory(), ": the batch has ", records.size(), " records and ",
      first.status().message(), "; the limit of this topic is ", settings_.max_record_bytes,
      " bytes; append fewer at once, or create the topic "
      "with a higher max.message.bytes"));
}

absl::StatusOr<Offset> PartitionLog::AppendFrame(std::span<const Record> given) {
  std::vector<Record> copies;
  const std::span<const Record> records =
      keeps_event_times() ? given : WithoutTimes(given, &copies);
  std::uint64_t entry_bytes = 0;
  frame::EntryTimes times;
  for (const Record& record : records) {
    const std::uint64_t bytes = frame::EntryBytes(record);
    if (bytes == 0) return absl::OutOfRangeError("a record that is too large in it");
    entry_bytes += bytes;
    times.Note(record);
  }
  if (entry_bytes > max_entry_bytes() || records.size() > frame::kMaxBatchRecords) {
    return absl::OutOfRangeError(absl::StrCat(entry_bytes, " bytes with what is around them"));
  }
  const auto count = static_cast<std::uint32_t>(records.size());
  if (compressor_->is_on()) {
    std::string entries(entry_bytes, '\0');
    std::byte* at = reinterpret_cast<std::byte*>(entries.data());
    for (const Record& record : records) at = frame::PutEntry(at, record);
    return AppendEntries(BytesOf(entries), count, times);
  }

  const Timestamp now = NowOf(*context_.clock);
  const BatchHead head(frame::Kind::kBatch, times.Latest(now), std::nullopt);
  const frame::RecordLayout layout = head.LayoutOf(entry_bytes, count);
  Claimed claimed;
  if (auto status = active_.Claim(segments_, layout.length, &claimed, count); !status.ok()) {
    return status;
  }
  Segment& segment = *claimed.segment;
  std::byte* const frame = claimed.Begin(layout.length);
  const Offset first = claimed.offset();
  std::byte* const body = frame::FillRecord(frame, layout, {}, now, claimed.delta());
  std::byte* at = head.Put(body);
  for (const Record& record : records) at = frame::PutEntry(at, record);
  if (times.has_any()) segment.times().NoteOwn();
  segment.Commit(frame, frame::LengthWord(frame::Kind::kBatch, layout.length), claimed.before,
                 frame::HeadOf(layout, now, claimed.delta()),
                 has_checksums() ? Hash64({body, head.bytes() + entry_bytes}) : 0, count);
  Committed();
  return first;
}

void PartitionLog::SampleEntries(std::span<const std::byte> entries) {
  RecordView view;
  while (!entries.empty() && compressor_->wants_samples()) {
    const std::uint64_t size = frame::DecodeEntry(entries.data(), entries.size(), &view);
    if (compressor_->Sample(entries.first(size))) NeedsWorkAhead();
    entries = entries.subspan(size);
  }
}

absl::StatusOr<TopicCompressor::Packed> PartitionLog::Pack(std::span<const std::byte> entries) {
  if (!compressor_->is_on()) return TopicCompressor::Packed();
  SampleEntries(entries);
  return compressor_->Pack(entries);
}

absl::StatusOr<Offset> PartitionLog::AppendEntries(std::span<const std::byte> entries,
                                                   std::uint32_t count,
                                                   const frame::EntryTimes& times) {
  const auto packed = Pack(entries);
  if (!packed.ok()) return packed.status();
  return AppendBody({.entries = packed->bytes.empty() ? entries : BytesOf(packed->bytes),
                     .attributes = count | packed->attributes(),
                     .times = times});
}

absl::StatusOr<Offset> PartitionLog::AppendBody(const BatchBody& body) {
  const std::uint32_t count = body.attributes & frame::kBatchCountMask;
  const frame::Kind kind = body.transaction ? frame::Kind::kTransactional : frame::Kind::kBatch;
  const Timestamp now = NowOf(*context_.clock);
  const BatchHead head(kind, body.times.Latest(now), body.transaction);
  const frame::RecordLayout layout = head.LayoutOf(body.entries.size(), body.attributes);
  // Hashed where it comes from, and before the claim, if it comes from one place.
  const bool is_hashed_ahead = head.bytes() == 0 && has_checksums();
  std::uint64_t body_hash = is_hashed_ahead ? Hash64(body.entries) : 0;
  LogTransactions::Prepared undecided;
  if (body.transaction) undecided.push_back({.first = Offset(), .id = *body.transaction});
  active_.RollIfFullOfOffsets(segments_);
  Claimed claimed;
  if (auto status = active_.Claim(segments_, layout.length, &claimed, count); !status.ok()) {
    return status;
  }
  Segment& segment = *claimed.segment;
  std::byte* const frame = claimed.Begin(layout.length);
  const Offset first = claimed.offset();
  std::byte* const to = frame::FillRecord(frame, layout, {}, now, claimed.delta());
  std::memcpy(head.Put(to), body.entries.data(), body.entries.size());
  if (!is_hashed_ahead && has_checksums()) {
    body_hash = Hash64({to, head.bytes() + body.entries.size()});
  }
  if (!undecided.empty()) reader_.transactions().Note(first, std::move(undecided));
  if (body.times.has_any()) segment.times().NoteOwn();
  segment.Commit(frame, frame::LengthWord(kind, layout.length), claimed.before,
                 frame::HeadOf(layout, now, claimed.delta()), body_hash, count);
  Committed();
  return first;
}

}  // namespace daybook::inline v1
