#include "format/compression.h"

#include <string>
#include <vector>

#include "catch.h"

namespace daybook {
namespace {

constexpr int kLevel = 3;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string Event(int i) {
  return R"({"user_id":)" + std::to_string(i * 7919) +
         R"(,"event":"notification_clicked","campaign":"spring","device":"phone"})";
}

std::shared_ptr<const Dictionary> TrainedDictionary() {
  std::string samples;
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 2000; ++i) {
    const std::string event = Event(i);
    samples += event;
    sizes.push_back(event.size());
  }
  return Dictionary::Make(Dictionary::Train(samples, sizes, 4096).value(), kLevel).value();
}

}  // namespace

TEST_CASE("What is compressed is decompressed to the same, with a dictionary and without") {
  const auto dictionary = TrainedDictionary();
  Compressor compressor;
  for (const Dictionary* with : {static_cast<const Dictionary*>(nullptr), dictionary.get()}) {
    for (const std::string& text : {std::string(), Event(5), std::string(100'000, 'x')}) {
      std::string packed;
      REQUIRE(compressor.Compress(Bytes(text), with, kLevel, &packed).ok());
      CHECK(compressor.Decompress(Bytes(packed), with, 1 << 20).value() == text);
    }
  }
}

TEST_CASE("A dictionary makes single small records much smaller") {
  const auto dictionary = TrainedDictionary();
  Compressor compressor;
  const std::string event = Event(123'456);
  std::string plain;
  std::string with;
  REQUIRE(compressor.Compress(Bytes(event), nullptr, kLevel, &plain).ok());
  REQUIRE(compressor.Compress(Bytes(event), dictionary.get(), kLevel, &with).ok());
  CHECK(with.size() < event.size() / 2);
  CHECK(plain.size() > event.size() * 3 / 4);
}

TEST_CASE("Content over the limit, with the wrong dictionary or damaged is refused") {
  const auto dictionary = TrainedDictionary();
  Compressor compressor;
  const std::string event = Event(1);
  std::string packed;
  REQUIRE(compressor.Compress(Bytes(event), dictionary.get(), kLevel, &packed).ok());
  CHECK(absl::IsDataLoss(
      compressor.Decompress(Bytes(packed), dictionary.get(), event.size() - 1).status()));
  CHECK(absl::IsDataLoss(
      compressor.Decompress(Bytes(packed).first(packed.size() - 3), dictionary.get(), 1 << 20)
          .status()));
  const auto without = compressor.Decompress(Bytes(packed), nullptr, 1 << 20);
  CHECK((!without.ok() || *without != event));
  CHECK(absl::IsDataLoss(compressor.Decompress({}, nullptr, 1 << 20).status()));
}

TEST_CASE("Too few samples make no dictionary, and other bytes are none") {
  CHECK(absl::IsFailedPrecondition(Dictionary::Train("abc", {3}, 1024).status()));
  CHECK(absl::IsInvalidArgument(Dictionary::Make("not a dictionary", kLevel).status()));
}

}  // namespace daybook
