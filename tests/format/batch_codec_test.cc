#include "format/batch_codec.h"

#include <array>
#include <iterator>
#include <string>
#include <vector>

#include "catch.h"
#include "support/segment_bytes.h"

namespace daybook {
namespace {

const std::array<Header, 2> kHeaders = {{{"h", "v"}, {"none", std::nullopt}}};

// One of each kind of record.
std::vector<Record> AllKinds() {
  Record everything = RecordOf("key", "value");
  everything.headers = kHeaders;
  everything.timestamp = Timestamp(std::chrono::seconds(5));
  Record tombstone;
  tombstone.key = "gone";
  Record empty_key = RecordOf("", "v");
  return {everything, tombstone, RecordOf("plain"), empty_key, RecordOf("")};
}

std::vector<std::byte> Encode(const std::vector<Record>& records) {
  std::uint64_t bytes = 0;
  for (const Record& record : records) bytes += frame::EntryBytes(record);
  std::vector<std::byte> entries(bytes);
  std::byte* at = entries.data();
  for (const Record& record : records) at = frame::PutEntry(at, record);
  REQUIRE(at == entries.data() + entries.size());
  return entries;
}

}  // namespace

TEST_CASE("Entries are read as they were written") {
  const std::vector<Record> records = AllKinds();
  const std::vector<std::byte> entries = Encode(records);
  CHECK(frame::EntriesAreWellFormed(entries, 5));
  const std::byte* at = entries.data();
  for (const Record& record : records) {
    RecordView view;
    const auto left = static_cast<std::uint64_t>(entries.data() + entries.size() - at);
    const std::uint64_t size = frame::DecodeEntry(at, left, &view);
    REQUIRE(size == frame::EntryBytes(record));
    CHECK(view.key == record.key);
    CHECK(view.is_tombstone() == !record.value.has_value());
    CHECK(view.value == record.value);
    if (record.timestamp) CHECK(view.timestamp == *record.timestamp);
    std::size_t headers = 0;
    for (const Header& header : view.headers) {
      CHECK(header.name == kHeaders.at(headers).name);
      CHECK(header.value == kHeaders.at(headers++).value);
    }
    const auto given = std::ranges::distance(record.headers.begin(), record.headers.end());
    CHECK(headers == static_cast<std::size_t>(given));
    at += size;
  }
}

TEST_CASE("A record in a batch costs 4 bytes, 8 with a key") {
  CHECK(frame::EntryBytes(RecordOf("value")) == 4 + 5);
  CHECK(frame::EntryBytes(RecordOf("key", "value")) == 8 + 3 + 5);
}

TEST_CASE("The largest time of a batch is that of its append if some record has none of its own") {
  const auto at = [](std::int64_t nanos) { return Timestamp(std::chrono::nanoseconds(nanos)); };
  Record record = RecordOf("v");
  frame::EntryTimes times;
  CHECK_FALSE(times.Latest(at(5)));
  times.Note(record);
  CHECK_FALSE(times.has_any());
  CHECK_FALSE(times.Latest(at(5)));  // then nothing need be said
  record.timestamp = at(3);
  times.Note(record);
  CHECK(times.Latest(at(5)) == at(5));
  CHECK(times.Latest(at(2)) == at(3));
  frame::EntryTimes own;
  own.Note(record);
  record.timestamp = at(-7);
  own.Note(record);
  CHECK(own.Latest(at(5)) == at(3));
}

TEST_CASE("What cannot be an entry has no size as one") {
  const std::string name(70'000, 'n');
  const Header header{.name = name, .value = "v"};
  Record record = RecordOf("v");
  record.headers = {&header, 1};
  CHECK(frame::EntryBytes(record) == 0);
  Record long_key = RecordOf("v");
  long_key.key = std::string_view(name.data(), std::size_t{1} << 24);  // never read
  CHECK(frame::EntryBytes(long_key) == 0);
}

TEST_CASE("Entries that end early, go on, or are too few are not well-formed") {
  const std::vector<std::byte> entries = Encode(AllKinds());
  for (std::size_t size = 0; size < entries.size(); ++size) {
    const std::vector<std::byte> cut(entries.begin(),
                                     entries.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(frame::EntriesAreWellFormed(cut, 5));
  }
  CHECK_FALSE(frame::EntriesAreWellFormed(entries, 4));
  CHECK_FALSE(frame::EntriesAreWellFormed(entries, 6));
}

TEST_CASE("Whatever bytes stand where entries should be, nothing else is read") {
  const std::vector<std::byte> entries = Encode(AllKinds());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::byte> damaged = entries;
      damaged[i] ^= static_cast<std::byte>(1 << bit);
      frame::EntriesAreWellFormed(damaged, 5);  // the address sanitizer looks on
    }
  }
}

TEST_CASE("A batch frame has the bytes that the format describes", "[golden]") {
  SegmentInMemory segment;
  const std::array<Record, 2> records = {RecordOf("k", "one"), RecordOf("two")};
  const frame::RecordLayout layout{.length = 24 + 12 + 7, .attributes = 2};
  std::byte* const frame = segment.at(4096);
  std::byte* at =
      frame::FillRecord(frame, layout, {}, Timestamp(std::chrono::nanoseconds(0x11)), 5);
  for (const Record& record : records) at = frame::PutEntry(at, record);
  frame::FinishFrame(frame, frame::LengthWord(frame::Kind::kBatch, layout.length), 4096,
                     SegmentInMemory::kId);
  CHECK(Hex(frame, 48) ==
        "2b000040 41165385 11000000 00000000 05000000 02000000 03000010 01000000 6b6f6e65 03000000 "
        "74776f00 00000000");
  frame::FrameHeader header;
  CHECK(frame::Inspect(segment.View(), 4096, &header) == frame::FrameState::kValid);
  CHECK(frame::OffsetCount(header) == 2);
}

namespace {

// A transactional frame of two records, without kBatchCompressed.
frame::FrameState WriteTransactional(SegmentInMemory& segment, std::uint32_t length,
                                     std::uint32_t attributes, frame::FrameHeader* header) {
  const std::array<Record, 2> records = {RecordOf("k", "one"), RecordOf("two")};
  const frame::RecordLayout layout{.length = length, .attributes = attributes};
  std::byte* const frame = segment.at(4096);
  std::byte* at =
      frame::FillRecord(frame, layout, {}, Timestamp(std::chrono::nanoseconds(0x11)), 5);
  const std::uint64_t id = 0x2122232425262728;
  std::memcpy(at, &id, sizeof id);
  at += sizeof id;
  for (const Record& record : records) at = frame::PutEntry(at, record);
  frame::FinishFrame(frame, frame::LengthWord(frame::Kind::kTransactional, layout.length), 4096,
                     SegmentInMemory::kId);
  return frame::Inspect(segment.View(), 4096, header);
}

}  // namespace

TEST_CASE("A transactional batch frame has the bytes that the format describes", "[golden]") {
  SegmentInMemory segment;
  frame::FrameHeader header;
  CHECK(WriteTransactional(segment, 24 + 8 + 12 + 7, 2, &header) == frame::FrameState::kValid);
  CHECK(Hex(segment.at(4096), 56) ==
        "33000050 09d78d77 11000000 00000000 05000000 02000000 28272625 24232221 03000010 01000000 "
        "6b6f6e65 03000000 74776f00 00000000");
  CHECK(frame::OffsetCount(header) == 2);
  CHECK(frame::TransactionOf(segment.at(4096)) == 0x2122232425262728);
  CHECK(segment.Scan().records == 2);
}

TEST_CASE("Every flipped bit of a transactional batch is found, its id among them") {
  SegmentInMemory segment;
  frame::FrameHeader header;
  REQUIRE(WriteTransactional(segment, 24 + 8 + 12 + 7, 2, &header) == frame::FrameState::kValid);
  CHECK(UnseenFlips(segment, 4096).empty());
}

TEST_CASE("Fields of a transactional batch that contradict each other make no frame") {
  SegmentInMemory segment;
  frame::FrameHeader header;
  const auto is_valid = [&](std::uint32_t length, std::uint32_t attributes) {
    return WriteTransactional(segment, length, attributes, &header) == frame::FrameState::kValid;
  };
  CHECK(is_valid(51, 2));
  CHECK_FALSE(is_valid(51, 1));  // bytes behind the entries
  CHECK_FALSE(is_valid(51, 3));  // and fewer than there should be
  CHECK_FALSE(is_valid(51, 0));
  CHECK_FALSE(is_valid(28, 2));  // no room for the id
  CHECK_FALSE(is_valid(32, 1));
  CHECK_FALSE(is_valid(51, 2 | 1U << frame::kBatchDictionaryShift));  // it is not compressed
  CHECK_FALSE(is_valid(32, 2 | frame::kBatchCompressed));             // nothing is there
  CHECK(is_valid(33, 2 | frame::kBatchCompressed));  // what is compressed is looked at when read
}

TEST_CASE("A batch with times has the largest one before its entries, behind a transaction's id",
          "[golden]") {
  SegmentInMemory segment;
  frame::FrameHeader header{};
  constexpr std::uint32_t kAttributes = 1 | frame::kBatchHasTimes;
  const frame::RecordLayout layout{.length = 24 + 16 + 5, .attributes = kAttributes};
  std::byte* const frame = segment.at(4096);
  std::byte* at =
      frame::FillRecord(frame, layout, {}, Timestamp(std::chrono::nanoseconds(0x11)), 5);
  const std::uint64_t id = 0x2122232425262728;
  const std::int64_t latest = 0x31;
  std::memcpy(at, &id, sizeof id);
  std::memcpy(at + 8, &latest, sizeof latest);
  frame::PutEntry(at + 16, RecordOf("v"));
  frame::FinishFrame(frame, frame::LengthWord(frame::Kind::kTransactional, layout.length), 4096,
                     SegmentInMemory::kId);
  REQUIRE(frame::Inspect(segment.View(), 4096, &header) == frame::FrameState::kValid);
  CHECK(
      Hex(frame + 8, 40) ==
      "11000000 00000000 05000000 01000080 28272625 24232221 31000000 00000000 01000000 76000000");
  CHECK(frame::BytesBeforeEntries(header) == 40);
  CHECK(frame::DictionaryOf(header.attributes) == 0);
  CHECK(frame::LatestTimeOf(frame, header) == 0x31);
  header.attributes &= ~frame::kBatchHasTimes;
  CHECK(frame::LatestTimeOf(frame, header) == 0x11);
  // No room for the time.
  frame::FinishFrame(frame, frame::LengthWord(frame::Kind::kTransactional, 24 + 12), 4096,
                     SegmentInMemory::kId);
  CHECK(frame::Inspect(segment.View(), 4096, &header) == frame::FrameState::kBad);
}

}  // namespace daybook
