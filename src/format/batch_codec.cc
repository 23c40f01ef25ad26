#include "format/batch_codec.h"

#include <cstring>

#include "format/frame_codec.h"

namespace daybook::inline v1::frame {

std::uint64_t EntryBytes(const Record& record) {
  std::uint64_t bytes = sizeof(std::uint32_t);
  if (record.timestamp) bytes += sizeof(std::int64_t);
  if (record.key) {
    if (record.key->size() > kMaxKeyBytes) return 0;
    bytes += sizeof(std::uint32_t) + record.key->size();
  }
  if (!record.headers.empty()) {
    const std::uint64_t headers = EncodedSize(record.headers);
    if (headers > kMaxFrameBytes) return 0;
    bytes += sizeof(std::uint32_t) + headers;
  }
  const std::uint64_t value_bytes = record.value ? record.value->size() : 0;
  if (value_bytes > kMaxFrameBytes) return 0;
  bytes += value_bytes;
  return bytes > kMaxFrameBytes ? 0 : bytes;
}

std::byte* PutEntry(std::byte* at, const Record& record) {
  const auto put = [&at](const void* from, std::size_t size) {
    if (size != 0) std::memcpy(at, from, size);  // a null view may come with size 0
    at += size;
  };
  const auto put_number = [&put](auto number) { put(&number, sizeof number); };
  const std::size_t value_bytes = record.value ? record.value->size() : 0;
  put_number(static_cast<std::uint32_t>(value_bytes) | (record.key ? kEntryHasKey : 0U) |
             (record.headers.empty() ? 0U : kEntryHasHeaders) |
             (record.timestamp ? kEntryHasEventTime : 0U) | (record.value ? 0U : kEntryTombstone));
  if (record.timestamp) {
    put_number(static_cast<std::int64_t>(record.timestamp->time_since_epoch().count()));
  }
  if (record.key) {
    put_number(static_cast<std::uint32_t>(record.key->size()));
    put(record.key->data(), record.key->size());
  }
  if (!record.headers.empty()) {
    put_number(static_cast<std::uint32_t>(EncodedSize(record.headers)));
    at = PutHeaders(at, record.headers);
  }
  if (record.value) put(record.value->data(), value_bytes);
  return at;
}

bool EntriesAreWellFormed(std::span<const std::byte> bytes, std::uint32_t count) {
  RecordView view;
  for (; count != 0; --count) {
    const std::uint64_t size = DecodeEntry(bytes.data(), bytes.size(), &view);
    if (size == 0 || !HeadersAreWellFormed(view.headers.encoded())) return false;
    bytes = bytes.subspan(size);
  }
  return bytes.empty();
}

}  // namespace daybook::inline v1::frame
