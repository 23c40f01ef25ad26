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

}  // namespace daybook
