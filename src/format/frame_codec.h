#ifndef DAYBOOK_FORMAT_FRAME_CODEC_H_
#define DAYBOOK_FORMAT_FRAME_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "base/checksum.h"
#include "base/planted_bug.h"
#include "daybook/format/decode_record.h"
#include "daybook/record.h"

// Writing and checking single frames; pure functions on bytes. The format is described in
// daybook/format/frame.h.

namespace daybook::inline v1::frame {

// How large a record is as a frame, and the attributes that say so.
struct RecordLayout {
  std::uint32_t length = 0;  // 0: it does not fit the format (key, header name or total)
  std::uint32_t attributes = 0;
  std::uint32_t headers_bytes = 0;  // without the size before them
  std::uint32_t record_bytes = 0;   // what counts against the limit: key, headers and value
};

// What a frame holds beside its place.
struct RecordParts {
  std::optional<std::string_view> key = std::nullopt;
  RecordHeaders headers = {};
  std::optional<Timestamp> event_time = std::nullopt;
  std::size_t value_bytes = 0;
  bool tombstone = false;
  std::optional<ProducerSequence> producer = std::nullopt;
};

inline RecordParts PartsOf(const Record& record) {
  return {.key = record.key,
          .headers = record.headers,
          .event_time = record.timestamp,
          .value_bytes = record.value ? record.value->size() : 0,
          .tombstone = !record.value};
}

// The largest timestamp of the records of a well-formed frame, a record or a batch, in nanoseconds.
inline std::int64_t LatestTimeOf(const std::byte* frame, const FrameHeader& header) {
  std::uint32_t before = 0;
  if (KindOf(header.length_word) == Kind::kRecord) {
    if (!(header.attributes & kHasEventTime)) return header.append_time;
    before = kFrameHeaderBytes + (header.attributes & kHasProducer ? kProducerBytes : 0U);
  } else {
    if (!(header.attributes & kBatchHasTimes)) return header.append_time;
    before = BytesBeforeEntries(header) - kLatestTimeBytes;
  }
  std::int64_t nanos;
  std::memcpy(&nanos, frame + before, sizeof nanos);
  return nanos;
}

// The size of the encoded headers; over kMaxFrameBytes when they do not fit the format.
std::uint64_t EncodedSize(RecordHeaders headers);
// Encodes them at `at`, which is returned moved behind them.
std::byte* PutHeaders(std::byte* at, RecordHeaders headers);

// Whether `encoded` is a whole number of headers.
bool HeadersAreWellFormed(std::span<const std::byte> encoded);

inline RecordLayout LayoutOf(const RecordParts& parts) {
  RecordLayout layout;
  std::uint64_t record_bytes = 0;
  std::uint64_t around = kFrameHeaderBytes;
  if (parts.producer) {
    layout.attributes |= kHasProducer;
    around += kProducerBytes;
  }
  if (parts.event_time) {
    layout.attributes |= kHasEventTime;
    around += 8;
  }
  if (parts.key) {
    if (parts.key->size() > kMaxKeyBytes) return {};
    layout.attributes |= kHasKey | static_cast<std::uint32_t>(parts.key->size());
    record_bytes += parts.key->size();
  }
  if (!parts.headers.empty()) {
    const std::uint64_t bytes = EncodedSize(parts.headers);
    if (bytes > kMaxFrameBytes) return {};
    layout.attributes |= kHasHeaders;
    layout.headers_bytes = static_cast<std::uint32_t>(bytes);
    around += 4;
    record_bytes += bytes;
  }
  if (parts.tombstone) layout.attributes |= kTombstone;
  if (parts.value_bytes > kMaxFrameBytes) return {};
  record_bytes += parts.value_bytes;
  if (record_bytes + around > kMaxFrameBytes) return {};
  layout.record_bytes = static_cast<std::uint32_t>(record_bytes);
  layout.length = static_cast<std::uint32_t>(record_bytes + around);
  return layout;
}

// Bytes 8 to 24 of a frame.
struct FrameHead {
  std::uint64_t append_time;
  std::uint64_t rest;  // offset_delta, and attributes in the high half
};
static_assert(sizeof(FrameHead) == kFrameHeaderBytes - offsetof(FrameHeader, append_time));

inline FrameHead HeadOf(const RecordLayout& layout, Timestamp append_time,
                        std::uint32_t offset_delta) {
  return {.append_time = static_cast<std::uint64_t>(append_time.time_since_epoch().count()),
          .rest = std::uint64_t{layout.attributes} << 32 | offset_delta};
}

// The checksum of a frame with this head and a body of this hash.
inline std::uint32_t ChecksumOf(const FrameHead& head, std::uint64_t body_hash,
                                std::uint32_t length_word, std::uint64_t position,
                                std::uint64_t segment_id) {
  if (IsPlanted(PlantedBug::kChecksumWithoutPlace)) position = segment_id = 0;
  const std::uint64_t mixed_head =
      Fold(head.append_time ^ kChecksumKeys[0], head.rest ^ segment_id ^ kChecksumKeys[1]);
  return static_cast<std::uint32_t>(
      Fold(mixed_head ^ (position << 32 | length_word), body_hash ^ segment_id));
}

// The same of a frame whose bytes from 8 on are complete. Only the part of the body that the
// format puts under the checksum is read.
inline std::uint32_t ChecksumOf(const std::byte* frame, std::uint32_t length_word,
                                std::uint64_t position, std::uint64_t segment_id) {
  FrameHead head;
  std::memcpy(&head, frame + offsetof(FrameHeader, append_time), sizeof head);
  const std::uint32_t body =
      KindOf(length_word) == Kind::kPadding ? 0 : LengthOf(length_word) - kFrameHeaderBytes;
  return ChecksumOf(head, Hash64(std::span(frame + kFrameHeaderBytes, body)), length_word, position,
                    segment_id);
}

// Writes the head of a record frame and what comes before its value, zeroes the alignment, and
// returns where the value goes.
inline std::byte* FillRecord(std::byte* frame, const RecordLayout& layout, const RecordParts& parts,
                             Timestamp append_time, std::uint32_t offset_delta) {
  const FrameHead head = HeadOf(layout, append_time, offset_delta);
  // The last word first: what of it the value does not overwrite is the alignment.
  std::memset(frame + AlignedLength(layout.length) - 8, 0, 8);
  std::memcpy(frame + 8, &head, sizeof head);
  std::byte* at = frame + kFrameHeaderBytes;
  if (parts.producer) {
    std::memcpy(at, &*parts.producer, kProducerBytes);
    at += kProducerBytes;
  }
  if (parts.event_time) {
    const std::int64_t nanos = parts.event_time->time_since_epoch().count();
    std::memcpy(at, &nanos, sizeof nanos);
    at += sizeof nanos;
  }
  if (parts.key && !parts.key->empty()) {  // memcpy does not allow a null view, even of no bytes
    std::memcpy(at, parts.key->data(), parts.key->size());
    at += parts.key->size();
  }
  if (!parts.headers.empty()) {
    std::memcpy(at, &layout.headers_bytes, sizeof layout.headers_bytes);
    at = PutHeaders(at + sizeof layout.headers_bytes, parts.headers);
  }
  return at;
}

// Computes the checksum of a filled frame, and commits it.
inline void FinishFrame(std::byte* frame, std::uint32_t length_word, std::uint64_t position,
                        std::uint64_t segment_id) {
  const std::uint32_t checksum = ChecksumOf(frame, length_word, position, segment_id);
  CommitFrame(frame, length_word, checksum);
}

// Zeroes `length` bytes (a multiple of 8, at least 24) and commits a padding frame over them. The
// first 8 bytes stay until then, a claim mark among them.
void WritePadding(std::byte* frame, std::uint32_t length, std::uint64_t position,
                  std::uint64_t segment_id, std::uint32_t offset_delta, std::uint32_t offset_count);

// Commits a seal frame. The first 8 bytes stay until then, too.
void WriteSeal(std::byte* frame, std::uint64_t position, std::uint64_t segment_id,
               Timestamp sealed_at, std::uint32_t end_delta);

// What is found where a frame should begin.
enum class FrameState {
  kValid,    // a frame, complete and with the right checksum
  kNothing,  // a zero length word: not committed yet, or the end
  kBad,      // neither
};

// The bytes of a segment file and what its header says of them. `bytes` is as much of the file as
// may be looked at.
struct SegmentBytes {
  std::span<const std::byte> bytes;
  std::uint64_t segment_id = 0;
  std::uint32_t max_frame_bytes = 0;
};

// Whether the fields of a record frame agree with each other, of one without headers: then the
// lengths alone decide. False with headers.
inline bool PlainRecordIsWellFormed(const FrameHeader& header) {
  const std::uint32_t attributes = header.attributes;
  const std::uint32_t key_bytes = attributes & kKeyLengthMask;
  if (attributes & (kReservedAttributes | kHasHeaders)) return false;
  if (!(attributes & kHasKey) && key_bytes != 0) return false;
  const std::uint64_t body = LengthOf(header.length_word) - kFrameHeaderBytes;
  const std::uint64_t before_value = key_bytes + (attributes & kHasEventTime ? 8U : 0U) +
                                     (attributes & kHasProducer ? kProducerBytes : 0U);
  return attributes & kTombstone ? body == before_value : body >= before_value;
}

// True when the frame at `position` with this length word lies inside the segment and its fields
// agree with each other; `header` is then set. Reads nothing outside of `segment`.
bool IsWellFormed(const SegmentBytes& segment, std::uint64_t position, std::uint32_t length_word,
                  FrameHeader* header);

// `header` is set when the state is kValid. A position with less than 24 bytes left is kNothing.
FrameState Inspect(const SegmentBytes& segment, std::uint64_t position, FrameHeader* header);

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_FRAME_CODEC_H_
