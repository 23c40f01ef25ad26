#include "log/append/producer_state.h"

#include <string>

#include "catch.h"

namespace daybook {
namespace {

frame::ProducerSequence Of(std::uint64_t producer, std::int64_t sequence) {
  return {.producer = producer, .sequence = sequence};
}

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("The id of a producer is the XXH3 of its name") {
  CHECK(ProducerId("") == 0x2d06800538d394c2);
  CHECK(ProducerId("a") != ProducerId("b"));
}

TEST_CASE("The last sequence of each producer is known") {
  ProducerState state;
  CHECK_FALSE(state.LastOf(1).has_value());
  state.Note(Of(1, 5), Offset(10));
  state.Note(Of(2, 0), Offset(11));
  state.Note(Of(1, 7), Offset(12));
  state.Note(Of(1, 6), Offset(13));  // not above it: left out
  CHECK(state.LastOf(1)->sequence == 7);
  CHECK(state.LastOf(1)->offset == Offset(12));
  CHECK(state.LastOf(2)->offset == Offset(11));
}

TEST_CASE("A search for any sequence is between two offsets that are near") {
  ProducerState state;
  constexpr std::int64_t kRecords = 3'000'000;
  for (std::int64_t i = 0; i < kRecords; ++i) state.Note(Of(1, 2 * i), Offset(10 * i));
  for (std::int64_t i = 0; i < kRecords; i += 997) {
    const auto search = state.Find(Of(1, 2 * i));
    if (search.found) {
      REQUIRE(*search.found == Offset(10 * i));
      continue;
    }
    REQUIRE(*search.begin < Offset(10 * i));
    REQUIRE(search.end > Offset(10 * i));
    REQUIRE(search.end - *search.begin <= 10 * kRecords / 2048);
  }
  CHECK(*state.Find(Of(1, 2 * kRecords - 2)).found == Offset(10 * kRecords - 10));
  state.Note(Of(2, 100), Offset(1));
  state.Note(Of(2, 101), Offset(2));
  CHECK_FALSE(state.Find(Of(2, 99)).begin.has_value());
  CHECK(state.Find(Of(2, 99)).end == Offset(1));
}

TEST_CASE("The list of producers has the bytes that the format describes", "[golden]") {
  ProducerState state;
  state.Note(Of(2, 3), Offset(4));
  state.Note(Of(1, 0x0102), Offset(5));
  CHECK(Hex(state.Encode(0x1122334455667788, 0x99)) ==
        "444159424f4f4b50"
        "8877665544332211"
        "9900000000000000"
        "0200000000000000"
        "c99445ed95043044"
        "0100000000000000"
        "0201000000000000"
        "0500000000000000"
        "0200000000000000"
        "0300000000000000"
        "0400000000000000");
}

TEST_CASE("A list of producers is taken for its segment and seal alone, and no flipped bit") {
  ProducerState state;
  state.Note(Of(1, 5), Offset(10));
  state.Note(Of(2, 6), Offset(11));
  const std::string encoded = state.Encode(7, 99);
  ProducerState other;
  other.Note(Of(3, 1), Offset(1));
  CHECK(absl::IsDataLoss(other.Load(8, 99, encoded)));
  CHECK(absl::IsDataLoss(other.Load(7, 98, encoded)));
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    CHECK(absl::IsDataLoss(other.Load(7, 99, encoded.substr(0, size))));
  }
  for (std::size_t byte = 0; byte < encoded.size(); ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string flipped = encoded;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      CHECK(absl::IsDataLoss(other.Load(7, 99, flipped)));
    }
  }
  CHECK(other.LastOf(3).has_value());
  REQUIRE(other.Load(7, 99, encoded).ok());
  CHECK_FALSE(other.LastOf(3).has_value());
  CHECK(other.LastOf(1)->sequence == 5);
  CHECK(other.LastOf(2)->offset == Offset(11));
}

}  // namespace daybook
