#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "format/batch_codec.h"
#include "format/compression.h"
#include "format/frame_codec.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/segment_input.h"

// The entries of a batch frame, as they are and compressed, with a dictionary and without. The
// first byte chooses, two more are how many entries there should be.

namespace daybook::fuzz {
namespace {

// A bomb unpacks to no more than this.
constexpr std::uint64_t kMaxBytes = 64 << 10;

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

// A batch frame around the entries reads as they do.
void CheckFrame(std::span<const std::byte> entries, std::uint32_t count) {
  const std::uint64_t length = frame::kFrameHeaderBytes + entries.size();
  std::vector<std::byte> frame(frame::kFrameHeaderBytes);
  frame.insert(frame.end(), entries.begin(), entries.end());
  frame.resize(frame::AlignedLength(length));
  const frame::FrameHead head{.append_time = 0, .rest = std::uint64_t{count} << 32};
  std::memcpy(frame.data() + 8, &head, sizeof head);
  frame::FinishFrame(frame.data(),
                     frame::LengthWord(frame::Kind::kBatch, static_cast<std::uint32_t>(length)), 0,
                     kSegmentId);
  frame::FrameHeader header;
  Expect(frame::Inspect({.bytes = frame, .segment_id = kSegmentId, .max_frame_bytes = 1 << 20}, 0,
                        &header) == frame::FrameState::kValid,
         "a batch frame of good entries is not valid");
  ReadAll(RecordBatch({.pin = nullptr,
                       .unpacked = nullptr,
                       .topic = "t",
                       .partition = 0,
                       .base_offset = kBase,
                       .begin = frame.data(),
                       .end = frame.data() + frame.size(),
                       .records = count,
                       .begin_offset = kBase,
                       .next_offset = kBase + count}),
          count);
}

// What the decoder makes of an entry, written again, is the same entry to it.
void CheckEntry(const RecordView& view) {
  const std::vector<Header> headers(view.headers.begin(), view.headers.end());
  const Record record{.key = view.key,
                      .value = view.value,
                      .headers = headers,
                      .timestamp = view.timestamp == view.append_time
                                       ? std::nullopt
                                       : std::optional(view.timestamp),
                      .partition = {}};
  std::string again(frame::EntryBytes(record), '\0');
  Expect(!again.empty(), "an entry that was read does not fit");
  auto* const begin = reinterpret_cast<std::byte*>(again.data());
  Expect(frame::PutEntry(begin, record) == begin + again.size(), "an entry has another size");
  RecordView decoded;
  Expect(frame::DecodeEntry(begin, again.size(), &decoded) == again.size() &&
             decoded.key == view.key && decoded.value == view.value &&
             decoded.timestamp == view.timestamp && decoded.is_tombstone() == view.is_tombstone() &&
             TextOf({reinterpret_cast<const std::uint8_t*>(decoded.headers.encoded().data()),
                     decoded.headers.encoded().size()}) ==
                 TextOf({reinterpret_cast<const std::uint8_t*>(view.headers.encoded().data()),
                         view.headers.encoded().size()}),
         "an entry changes when it is written again");
}

void CheckEntries(std::span<const std::byte> entries, std::uint32_t count) {
  const bool is_good = frame::EntriesAreWellFormed(entries, count);
  std::span<const std::byte> left = entries;
  std::uint32_t read = 0;
  while (read < count) {
    RecordView view;
    const std::uint64_t size = frame::DecodeEntry(left.data(), left.size(), &view);
    Expect(size <= left.size(), "an entry passes the end");
    if (size == 0 || !frame::HeadersAreWellFormed(view.headers.encoded())) break;
    CheckEntry(view);
    left = left.subspan(size);
    ++read;
  }
  Expect(is_good == (read == count && left.empty()), "the decoder and the check do not agree");
  if (is_good && count != 0) CheckFrame(entries, count);
}

void CheckPacked(std::span<const std::byte> packed, const Dictionary* dictionary,
                 std::uint32_t count) {
  Compressor compressor;
  const auto entries = compressor.Decompress(packed, dictionary, kMaxBytes);
  if (!entries.ok()) {
    Expect(absl::IsDataLoss(entries.status()), "what cannot be unpacked is damage");
    return;
  }
  Expect(entries->size() <= kMaxBytes, "a bomb was unpacked");
  CheckEntries(BytesOf(*entries), count);
  std::string again;
  ExpectOk(compressor.Compress(BytesOf(*entries), dictionary, 1, &again), "compress");
  const auto same = compressor.Decompress(BytesOf(again), dictionary, kMaxBytes);
  Expect(same.ok() && *same == *entries, "compressed again it is something else");
}

}  // namespace

const Dictionary& KnownDictionary() {
  static const std::shared_ptr<const Dictionary> dictionary = [] {
    std::string samples;
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 2000; ++i) {
      const std::string sample =
          absl::StrCat("{\"order\":", i * 7919 % 10'007, ",\"state\":\"open\",\"total\":", i, "}");
      samples += sample;
      sizes.push_back(sample.size());
    }
    return Dictionary::Make(Dictionary::Train(samples, sizes, 1024).value(), 3).value();
  }();
  return *dictionary;
}

void FuzzBatch(Input input) {
  Choices choices(input);
  const std::uint64_t how = choices.Pick(4);
  const auto count = static_cast<std::uint32_t>(choices.Number(2));
  const std::string_view text = TextOf(choices.rest());
  switch (how) {
    case 0:
      return CheckEntries(BytesOf(text), count);
    case 1:
      return CheckPacked(BytesOf(text), nullptr, count);
    case 2:
      return CheckPacked(BytesOf(text), &KnownDictionary(), count);
    default: {  // the bytes are the dictionary
      const auto dictionary = Dictionary::Make(text, 1);
      if (!dictionary.ok()) return ExpectTyped(dictionary.status());
      Compressor compressor;
      std::string packed;
      ExpectOk(compressor.Compress(BytesOf(text), dictionary->get(), 1, &packed), "compress");
      const auto same = compressor.Decompress(BytesOf(packed), dictionary->get(), text.size());
      Expect(same.ok() && *same == text, "a dictionary that was taken does not work");
    }
  }
}

}  // namespace daybook::fuzz
