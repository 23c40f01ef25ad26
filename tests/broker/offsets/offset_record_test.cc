#include "broker/offsets/offset_record.h"

#include "catch.h"

namespace daybook {
namespace {

RecordView View(std::string_view key, std::string_view value) {
  RecordView view;
  view.key = key;
  view.value = value;
  return view;
}

template <typename Record>
Record RoundTrip(const Record& record) {
  const EncodedRecord encoded = Encode(record);
  const auto decoded = DecodeOffsetRecord(View(encoded.key, encoded.value));
  REQUIRE(decoded.has_value());
  REQUIRE(std::holds_alternative<Record>(*decoded));
  return std::get<Record>(*decoded);
}

}  // namespace

TEST_CASE("A group's place is read back as it was written, with its metadata or without") {
  const PlaceKey key{"billing", "orders", 7};
  for (const std::string& metadata :
       {std::string(), std::string("checked"), std::string("a\0b", 3)}) {
    std::string buffer;
    const std::string_view value = EncodePlace(Offset(42), metadata, &buffer);
    const auto decoded = DecodeOffsetRecord(View(EncodePlaceKey(key), value));
    REQUIRE(decoded.has_value());
    const auto& place = std::get<PlaceRecord>(*decoded);
    CHECK(place.key == key);
    CHECK(place.offset == Offset(42));
    CHECK(place.metadata == metadata);
  }
  RecordView tombstone = View("g", "");
  const std::string encoded = EncodePlaceKey(key);
  tombstone.key = encoded;
  tombstone.value = std::nullopt;
  CHECK_FALSE(std::get<PlaceRecord>(*DecodeOffsetRecord(tombstone)).offset.has_value());
}

TEST_CASE("Openings, ranges and decisions are read back as they were written") {
  const OpenRecord open = RoundTrip(OpenRecord{.epoch = 3, .boot = "00ff"});
  CHECK(open.epoch == 3);
  CHECK(open.boot == "00ff");
  const DecisionRecord decision =
      RoundTrip(DecisionRecord{.id = std::uint64_t{1} << 63,
                               .places = 2,
                               .participants = {{"a", 0, Offset(5)}, {"b.c", 12, Offset(0), 77}}});
  CHECK(decision.id == std::uint64_t{1} << 63);
  CHECK(decision.places == 2);
  REQUIRE(decision.participants.size() == 2);
  CHECK(decision.participants[1].topic == "b.c");
  CHECK(decision.participants[1].topic_id == 77);
  CHECK(decision.participants[0].topic_id == 0);
  CHECK(decision.participants[1].partition == 12);
  CHECK(decision.participants[0].last_frame == Offset(5));
  CHECK(RoundTrip(DecisionRecord{.id = 1, .places = 0, .participants = {}}).participants.empty());
}

TEST_CASE("A record that is none of these is refused") {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "1"},
      {"group", "1"},
      {"group\0topic"s, "1"},
      {"group\0topic\0x"s, "1"},
      {"group\0topic\0-1"s, "1"},
      {"group\0topic\0"s + "0\0"s, "1"},
      {"group\0topic\0"s + "0"s, ""},
      {"group\0topic\0"s + "0"s, "-1"},
      {"group\0topic\0"s + "0"s, "1x"},
      {"\0other"s, "1"},
      {"\0open"s, "1"},
      {"\0open"s, "x\0boot"s},
      {"\0committed"s, "2-1"},
      {"\0decision"s, "1"},
      {"\0decision"s, "1\0"s + "0\0topic"s},
      {"\0decision"s, "1\0"s + "0\0topic\0"s + "0"s},
  };
  for (const auto& [key, value] : wrong) {
    INFO(key << " = " << value);
    CHECK_FALSE(DecodeOffsetRecord(View(key, value)).has_value());
  }
}

TEST_CASE("Ranges of committed transactions are read back, in one record or in several") {
  for (const std::uint64_t ranges : {0, 1, 10, 20'000}) {
    CommittedRecord committed;
    for (std::uint64_t i = 0; i < ranges; ++i) committed.ids.Add((std::uint64_t{1} << 40) + 2 * i);
    const std::vector<EncodedRecord> encoded = Encode(committed);
    CHECK((encoded.size() > 1) == (ranges > 10));
    IdSet ids;
    for (const EncodedRecord& one : encoded) {
      CHECK(one.value.size() < 100'000);
      const auto decoded = DecodeOffsetRecord(View(one.key, one.value));
      REQUIRE(decoded.has_value());
      const auto& part = std::get<CommittedRecord>(*decoded);
      CHECK(part.is_part == (&one != &encoded.back()));
      ids.AddAll(part.ids);
    }
    CHECK(ids == committed.ids);
  }
}

}  // namespace daybook
