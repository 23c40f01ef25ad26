#include "format/frame_codec.h"

#include <array>
#include <bit>
#include <random>
#include <string>
#include <vector>

#include "catch.h"
#include "format/batch_codec.h"
#include "support/segment_bytes.h"

namespace daybook {
namespace {

RecordView Decode(SegmentInMemory& segment, std::uint64_t position) {
  frame::FrameHeader header;
  REQUIRE(frame::Inspect(segment.View(), position, &header) == frame::FrameState::kValid);
  RecordView view;
  REQUIRE(frame::DecodeRecord(segment.at(position), header, Offset(1000), &view));
  return view;
}

}  // namespace

TEST_CASE("A record frame has the bytes that the format describes", "[golden]") {
  SegmentInMemory segment;
  const std::array<Header, 2> headers = {{{"h", "v"}, {"none", std::nullopt}}};
  Record record = RecordOf("key", "value");
  record.headers = headers;
  record.timestamp = Timestamp(std::chrono::nanoseconds(0x0102030405060708));
  const std::uint64_t position =
      segment.Write(record, Timestamp(std::chrono::nanoseconds(0x1112131415161718)));
  CHECK(position == 4096);
  // length 62, kind 1; checksum; append time; delta 0; key of 3 bytes and three flags; then event
  // time, key, 18 bytes of headers, value, 2 bytes of alignment.
  CHECK(Hex(segment.at(position), 8) == "3e000010 29527f13");
  CHECK(Hex(segment.at(position + 8), 56) ==
        "18171615 14131211 00000000 03000007 08070605 04030201 6b657912 00000001 00010000 00687604 "
        "00ffffff ff6e6f6e 6576616c 75650000");
}

namespace {

// A record with a key and a time of producer 0x2122232425262728, sequence 0x31.
std::uint64_t WriteSequenced(SegmentInMemory& segment, std::span<const Header> headers = {}) {
  const frame::RecordParts parts{
      .key = "key",
      .headers = headers,
      .event_time = Timestamp(std::chrono::nanoseconds(0x41)),
      .value_bytes = 5,
      .tombstone = false,
      .producer = frame::ProducerSequence{.producer = 0x2122232425262728, .sequence = 0x31}};
  const frame::RecordLayout layout = frame::LayoutOf(parts);
  std::byte* const value = frame::FillRecord(segment.at(4096), layout, parts,
                                             Timestamp(std::chrono::nanoseconds(0x11)), 5);
  std::memcpy(value, "value", 5);
  frame::FinishFrame(segment.at(4096), frame::LengthWord(frame::Kind::kRecord, layout.length), 4096,
                     SegmentInMemory::kId);
  return 4096;
}

}  // namespace

TEST_CASE("A sequenced record frame has the bytes that the format describes", "[golden]") {
  SegmentInMemory segment;
  const RecordView view = Decode(segment, WriteSequenced(segment));
  CHECK(Hex(segment.at(4096), 56) ==
        "38000010 085b8c86 11000000 00000000 05000000 03000015 28272625 24232221 31000000 00000000 "
        "41000000 00000000 6b657976 616c7565");
  CHECK(view.key == "key");
  CHECK(view.value == "value");
  CHECK(view.timestamp == Timestamp(std::chrono::nanoseconds(0x41)));
  CHECK(frame::ProducerOf(segment.at(4096)).producer == 0x2122232425262728);
  CHECK(frame::ProducerOf(segment.at(4096)).sequence == 0x31);
}

TEST_CASE("Every flipped bit of a sequenced record is found, with headers and without") {
  for (const bool has_headers : {false, true}) {
    SegmentInMemory segment;
    const std::array<Header, 1> headers = {{{"name", "value"}}};
    const std::uint64_t position =
        WriteSequenced(segment, std::span<const Header>(headers).first(has_headers ? 1 : 0));
    frame::FrameHeader header;
    REQUIRE(frame::Inspect(segment.View(), position, &header) == frame::FrameState::kValid);
    CHECK(frame::PlainRecordIsWellFormed(header) != has_headers);  // verified in the fast way
    CHECK(UnseenFlips(segment, position).empty());
  }
}

TEST_CASE("The largest time of a record is its own, or that of its append") {
  SegmentInMemory segment;
  frame::FrameHeader header;
  WriteSequenced(segment);
  REQUIRE(frame::Inspect(segment.View(), 4096, &header) == frame::FrameState::kValid);
  CHECK(frame::LatestTimeOf(segment.at(4096), header) == 0x41);
  header.attributes &= ~std::uint32_t{frame::kHasEventTime};
  CHECK(frame::LatestTimeOf(segment.at(4096), header) == 0x11);
}

TEST_CASE("Padding and seal frames have the bytes that the format describes", "[golden]") {
  SegmentInMemory segment;
  frame::WritePadding(segment.at(4096), 32, 4096, SegmentInMemory::kId, 7, 2);
  CHECK(Hex(segment.at(4096), 32) ==
        "20000020 c2608d39 00000000 00000000 07000000 02000000 00000000 00000000");
  frame::WriteSeal(segment.at(4128), 4128, SegmentInMemory::kId,
                   Timestamp(std::chrono::nanoseconds(5)), 9);
  CHECK(Hex(segment.at(4128), 24) == "18000030 15f0b536 05000000 00000000 09000000 00000000");
}

TEST_CASE("A record comes back as it was written") {
  SegmentInMemory segment;
  const std::array<Header, 3> headers = {{{"a", "1"}, {"b", std::nullopt}, {"a", ""}}};
  Record record = RecordOf("k", "v");
  record.headers = headers;
  record.timestamp = Timestamp(std::chrono::seconds(42));
  const RecordView view =
      Decode(segment, segment.Write(record, Timestamp(std::chrono::seconds(43))));
  CHECK(view.offset == Offset(1000));
  CHECK(view.key == "k");
  CHECK(view.value == "v");
  CHECK(view.timestamp == Timestamp(std::chrono::seconds(42)));
  CHECK(view.append_time == Timestamp(std::chrono::seconds(43)));
  CHECK_FALSE(view.is_tombstone());
  std::vector<Header> read;
  for (const Header& header : view.headers) read.push_back(header);
  REQUIRE(read.size() == 3);
  CHECK(read[0].name == "a");
  CHECK(read[0].value == "1");
  CHECK(read[1].name == "b");
  CHECK_FALSE(read[1].value.has_value());
  CHECK(read[2].value == "");
  CHECK(view.headers.Last("a") == "");
  CHECK_FALSE(view.headers.Last("c").has_value());
}

TEST_CASE("Absent and empty keys and values are told apart") {
  SegmentInMemory segment;
  const RecordView keyless = Decode(segment, segment.Write("v"));
  CHECK_FALSE(keyless.key.has_value());
  const RecordView empty_key = Decode(segment, segment.Write(RecordOf("", "")));
  CHECK(empty_key.key == "");
  CHECK(empty_key.value.empty());
  CHECK_FALSE(empty_key.is_tombstone());
  Record tombstone;
  tombstone.key = "gone";
  const RecordView deleted = Decode(segment, segment.Write(tombstone));
  CHECK(deleted.is_tombstone());
  CHECK(deleted.key == "gone");
}

TEST_CASE("A record costs at most 32 bytes over its key and value") {
  for (std::size_t size = 0; size < 300; ++size) {
    const std::string value(size, 'x');
    const frame::RecordLayout layout = frame::LayoutOf(
        {.key = {}, .headers = {}, .event_time = {}, .value_bytes = size, .tombstone = false});
    CHECK(frame::AlignedLength(layout.length) - size < 32);
  }
}

TEST_CASE("What does not fit the format has no layout") {
  const std::string long_name(70'000, 'n');
  const std::array<Header, 1> headers = {{{long_name, std::nullopt}}};
  CHECK(frame::LayoutOf(
            {.key = {}, .headers = headers, .event_time = {}, .value_bytes = 1, .tombstone = false})
            .length == 0);
  CHECK(frame::LayoutOf({.key = {},
                         .headers = {},
                         .event_time = {},
                         .value_bytes = std::size_t{1} << 28,
                         .tombstone = false})
            .length == 0);
  CHECK(frame::LayoutOf({.key = {},
                         .headers = {},
                         .event_time = {},
                         .value_bytes = ~std::size_t{0},
                         .tombstone = false})
            .length == 0);
}

TEST_CASE("Every flipped bit of a frame is found") {
  SegmentInMemory segment;
  const std::array<Header, 1> headers = {{{"name", "value"}}};
  Record record = RecordOf("key", "a value of some length");
  record.headers = headers;
  const std::uint64_t position = segment.Write(record);
  frame::FrameHeader header;
  REQUIRE(frame::Inspect(segment.View(), position, &header) == frame::FrameState::kValid);
  CHECK(UnseenFlips(segment, position).empty());
}

TEST_CASE("A frame at another place or of another segment is not valid") {
  SegmentInMemory segment;
  const std::uint64_t position = segment.Write("twelve bytes");
  frame::FrameHeader header;
  std::memcpy(segment.at(8192), segment.at(position), 40);
  CHECK(frame::Inspect(segment.View(), 8192, &header) == frame::FrameState::kBad);
  frame::SegmentBytes other = segment.View();
  other.segment_id ^= 1;
  CHECK(frame::Inspect(other, position, &header) == frame::FrameState::kBad);
}

namespace {

// All that a checksum is over: time, the rest of the head, hash of the body, place, segment.
using Checked = std::array<std::uint64_t, 5>;

std::uint32_t ChecksumOf(const Checked& of) {
  return frame::ChecksumOf({.append_time = of[0], .rest = of[1]}, of[2],
                           static_cast<std::uint32_t>(of[3]), of[3] >> 32, of[4]);
}

// As they are in a log of frames of `bytes`: little in them is as good as random.
Checked NthOf(std::uint64_t bytes, std::uint64_t n) {
  const std::uint64_t body_hash = Hash64(std::as_bytes(std::span(&n, 1)));
  return {1'700'000'000'000'000'000 + n * 4'000'000, n, body_hash,
          (4096 + n * bytes) << 32 | frame::LengthWord(frame::Kind::kRecord, 100), 0x5eed};
}

}  // namespace

TEST_CASE("Every bit under a checksum changes about half of its bits") {
  constexpr int kRounds = 1000;
  for (std::size_t word = 0; word < 5; ++word) {
    for (unsigned bit = 0; bit < 64; ++bit) {
      std::array<int, 32> flipped{};
      int all = 0;
      for (std::uint64_t n = 0; n < kRounds; ++n) {
        const Checked checked = NthOf(104, n);
        Checked other = checked;
        other[word] ^= std::uint64_t{1} << bit;
        const std::uint32_t changed = ChecksumOf(checked) ^ ChecksumOf(other);
        REQUIRE(changed != 0);
        all += std::popcount(changed);
        for (std::size_t i = 0; i < 32; ++i) flipped[i] += changed >> i & 1;
      }
      INFO("word " << word << ", bit " << bit);
      CHECK(all > kRounds * 16 * 9 / 10);
      CHECK(all < kRounds * 16 * 11 / 10);
      for (const int times : flipped) CHECK(times > kRounds / 10);
    }
  }
}

TEST_CASE("A frame that is moved is not valid, whatever its offset says there") {
  std::mt19937_64 random(1);
  for (const std::uint64_t bytes : {24, 32, 104, 4096}) {
    const Checked at_home = NthOf(bytes, 0);
    for (std::uint64_t n = 1; n < 10'000; ++n) {
      Checked moved = at_home;
      moved[3] += n * bytes << 32;
      CHECK(ChecksumOf(moved) != ChecksumOf(at_home));
      moved[1] += n;  // with the offset that is due there
      CHECK(ChecksumOf(moved) != ChecksumOf(at_home));
      moved[4] = random();  // in another segment
      CHECK(ChecksumOf(moved) != ChecksumOf(at_home));
      moved[3] = at_home[3];
      CHECK(ChecksumOf(moved) != ChecksumOf(at_home));
    }
  }
}

TEST_CASE("A length that reaches beyond the segment is bad and nothing there is read") {
  SegmentInMemory segment(8192);
  const std::uint64_t position = segment.Write(std::string(3000, 'x'));
  frame::SegmentBytes cut = segment.View();
  frame::FrameHeader header;
  for (std::size_t size = position; size < position + 3024; size += 8) {
    cut.bytes = segment.View().bytes.first(size);
    CHECK(frame::Inspect(cut, position, &header) != frame::FrameState::kValid);
  }
}

TEST_CASE("Fields that contradict each other make no frame though the checksum is right") {
  SegmentInMemory segment;
  const std::uint64_t position = segment.Write(RecordOf("key", "value"));
  const auto with_attributes = [&](std::uint32_t attributes) {
    std::memcpy(segment.at(position + 20), &attributes, sizeof attributes);
    frame::FrameHeader header;
    frame::FinishFrame(segment.at(position), frame::LengthWord(frame::Kind::kRecord, 32), position,
                       SegmentInMemory::kId);
    return frame::Inspect(segment.View(), position, &header);
  };
  CHECK(with_attributes(frame::kHasKey | 3) == frame::FrameState::kValid);
  CHECK(with_attributes(frame::kHasKey | 9) == frame::FrameState::kBad);     // key too long
  CHECK(with_attributes(3) == frame::FrameState::kBad);                      // no key, length 3
  CHECK(with_attributes(frame::kTombstone | 0) == frame::FrameState::kBad);  // with a value
  CHECK(with_attributes(frame::kHasHeaders) == frame::FrameState::kBad);     // size is text
  CHECK(with_attributes(0x8000'0000) == frame::FrameState::kBad);            // reserved
  CHECK(with_attributes(frame::kHasProducer) == frame::FrameState::kBad);    // no room for it
}

}  // namespace daybook
