#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "format/batch_codec.h"
#include "log/append/batch_head.h"
#include "log/partition_log.h"

// The records of transactions: appending them, and which of them count. A transaction is decided
// elsewhere, by one record for all its partitions; here its frames only say whose they are.

namespace daybook::inline v1 {

absl::Status PartitionLog::CheckTransactional(std::span<const Record> records) const {
  if (records.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name().directory(), ": a transaction has at least one record"));
  }
  for (const Record& record : records) {
    const frame::RecordParts parts = frame::PartsOf(record);
    // As an entry of a batch it is larger, but no more than the frames of a segment may be.
    if (!Accepts(frame::LayoutOf(parts))) return RefusalOf(parts);
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> PartitionLog::AppendPrepared(std::span<const Record> records,
                                                    std::uint64_t entry_bytes, std::uint64_t id) {
  std::string entries(entry_bytes, '\0');
  std::byte* at = reinterpret_cast<std::byte*>(entries.data());
  frame::EntryTimes times;
  for (const Record& record : records) {
    at = frame::PutEntry(at, record);
    times.Note(record);
  }
  const auto packed = Pack(std::as_bytes(std::span(entries)));
  if (!packed.ok()) return packed.status();
  const std::string& bytes = packed->bytes.empty() ? entries : packed->bytes;
  return AppendBody(
      {.transaction = id,
       .entries = std::as_bytes(std::span(bytes)),
       .attributes = static_cast<std::uint32_t>(records.size()) | packed->attributes(),
       .times = times});
}

absl::StatusOr<PartitionLog::Prepared> PartitionLog::AppendTransactional(
    std::span<const Record> given, std::uint64_t id) {
  if (auto status = CheckTransactional(given); !status.ok()) return status;
  std::vector<Record> copies;
  std::span<const Record> records = keeps_event_times() ? given : WithoutTimes(given, &copies);
  reader_.transactions().FirstUndecided();  // forgets what was decided since
  constexpr std::uint64_t kBefore = frame::kFrameHeaderBytes + frame::kTransactionIdBytes;
  std::optional<Prepared> prepared;
  while (!records.empty()) {
    // As many as fit, and at least one: that always does.
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    while (count < std::min<std::size_t>(records.size(), frame::kMaxBatchRecords)) {
      const std::uint64_t more = frame::EntryBytes(records[count]);
      if (count != 0 && kBefore + bytes + more > settings_.max_frame_bytes()) break;
      bytes += more;
      ++count;
    }
    const auto first = AppendPrepared(records.first(count), bytes, id);
    if (!first.ok()) return first.status();
    if (!prepared) prepared = {.first = *first, .last_frame = *first, .end = *first};
    prepared->last_frame = *first;
    prepared->end = *first + static_cast<std::int64_t>(count);
    records = records.subspan(count);
  }
  return *prepared;
}

absl::StatusOr<bool> PartitionLog::HasTransaction(Offset first, std::uint64_t id) {
  Cursor cursor{.offset = first, .segment = nullptr, .position = 0};
  const absl::Status placed = reader_.Place(cursor);
  if (absl::IsOutOfRange(placed)) {
    const auto begin = begin_offset();
    if (!begin.ok()) return begin.status();
    if (first >= *begin) return false;  // behind the end
  }
  if (!placed.ok()) return placed;
  if (cursor.segment == nullptr) return false;
  frame::FrameHeader header;
  return cursor.segment->ReadFrame(cursor.position, &header) == frame::FrameState::kValid &&
         frame::KindOf(header.length_word) == frame::Kind::kTransactional &&
         cursor.segment->base_offset() + header.offset_delta == first &&
         frame::TransactionOf(cursor.segment->At(cursor.position)) == id;
}

absl::StatusOr<Offset> PartitionLog::stable_end() {
  // In this order: what is below the end was noted before.
  const auto end = end_offset();
  if (!end.ok()) return end;
  return std::min(
      {*end, reader_.transactions().FirstUndecided(), segments_.bounds().visible_end()});
}

}  // namespace daybook::inline v1
