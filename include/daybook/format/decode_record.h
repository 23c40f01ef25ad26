#ifndef DAYBOOK_FORMAT_DECODE_RECORD_H_
#define DAYBOOK_FORMAT_DECODE_RECORD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "daybook/format/frame.h"
#include "daybook/record.h"

// Reads what is in the body of a frame. Its format is described in frame.h.

namespace daybook::inline v1::frame {

// Of a well-formed record with kHasProducer.
inline ProducerSequence ProducerOf(const std::byte* frame) {
  ProducerSequence sequence;
  std::memcpy(&sequence, frame + kFrameHeaderBytes, sizeof sequence);
  return sequence;
}

// The transaction of a well-formed frame of kind kTransactional.
inline std::uint64_t TransactionOf(const std::byte* frame) {
  std::uint64_t id;
  std::memcpy(&id, frame + kFrameHeaderBytes, sizeof id);
  return id;
}

// Decodes the entry of a batch at `at`, of which `left` bytes are left, into `out` (not its topic,
// partition, offset and time of append), and returns how long it is. Reads nothing beyond, whatever
// the bytes hold; 0 when they contradict each other, and `out` is then unspecified.
inline std::uint64_t DecodeEntry(const std::byte* at, std::uint64_t left, RecordView* out) {
  const std::byte* const begin = at;
  std::uint32_t word;
  const auto take = [&](auto* number) {
    if (left < sizeof *number) return false;
    std::memcpy(number, at, sizeof *number);
    at += sizeof *number;
    left -= sizeof *number;
    return true;
  };
  const auto text = [&](std::uint64_t size) {
    const std::string_view view(reinterpret_cast<const char*>(at), size);
    at += size;
    left -= size;
    return view;
  };
  if (!take(&word)) return 0;
  out->timestamp = out->append_time;
  out->key.reset();
  out->headers = HeadersView();
  if (word & kEntryHasEventTime) {
    std::int64_t nanos;
    if (!take(&nanos)) return 0;
    out->timestamp = Timestamp(std::chrono::nanoseconds(nanos));
  }
  if (word & kEntryHasKey) {
    std::uint32_t size;
    if (!take(&size) || left < size) return 0;
    out->key.emplace(text(size));
  }
  if (word & kEntryHasHeaders) {
    std::uint32_t size;
    if (!take(&size) || left < size) return 0;
    out->headers = HeadersView(std::as_bytes(std::span(text(size))));
  }
  const std::uint32_t value_bytes = word & kEntryValueMask;
  const bool is_tombstone = (word & kEntryTombstone) != 0;
  if (left < value_bytes || (is_tombstone && value_bytes != 0)) return 0;
  const std::string_view value = text(value_bytes);
  out->value = is_tombstone ? RecordValue() : RecordValue(value.data(), value.size());
  return static_cast<std::uint64_t>(at - begin);
}

// Decodes the body of the record frame `frame` into `out` (not its topic and partition). Every
// length is checked against the frame, so no bytes outside it are read whatever they hold. False
// when they contradict each other; `out` is then unspecified.
inline bool DecodeRecord(const std::byte* frame, const FrameHeader& header, Offset base_offset,
                         RecordView* out) {
  const std::uint32_t attributes = header.attributes;
  const std::byte* at = frame + kFrameHeaderBytes;
  std::uint64_t left = LengthOf(header.length_word) - kFrameHeaderBytes;
  const auto text = [&at](std::uint64_t size) {
    return std::string_view(reinterpret_cast<const char*>(at), size);
  };
  const auto skip = [&at, &left](std::uint64_t size) {
    at += size;
    left -= size;
  };

  out->offset = base_offset + header.offset_delta;
  out->append_time = Timestamp(std::chrono::nanoseconds(header.append_time));
  out->timestamp = out->append_time;
  out->key.reset();
  out->headers = HeadersView();
  if (attributes == 0) {  // a value and nothing else
    out->value = RecordValue(reinterpret_cast<const char*>(at), left);
    return true;
  }

  if (attributes & kHasProducer) {
    if (left < kProducerBytes) return false;
    skip(kProducerBytes);
  }
  if (attributes & kHasEventTime) {
    if (left < 8) return false;
    std::int64_t nanos;
    std::memcpy(&nanos, at, sizeof nanos);
    out->timestamp = Timestamp(std::chrono::nanoseconds(nanos));
    skip(8);
  }
  if (attributes & kHasKey) {
    const std::uint32_t size = attributes & kKeyLengthMask;
    if (left < size) return false;
    out->key.emplace(text(size));
    skip(size);
  }
  if (attributes & kHasHeaders) {
    std::uint32_t size;
    if (left < sizeof size) return false;
    std::memcpy(&size, at, sizeof size);
    skip(sizeof size);
    if (left < size) return false;
    out->headers = HeadersView(std::span(at, size));
    skip(size);
  }
  if (attributes & kTombstone) {
    out->value.reset();
    return left == 0;
  }
  out->value = RecordValue(reinterpret_cast<const char*>(at), left);
  return true;
}

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_DECODE_RECORD_H_
