#include "log/topic_compressor.h"

#include <algorithm>
#include <random>
#include <string>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook {
namespace {

constexpr std::uint64_t kLimit = 1 << 20;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

class CompressorFixture {
 public:
  CompressorFixture() { Reopen(); }

  void Reopen(bool is_on = true) {
    compressor_ = std::make_unique<TopicCompressor>(
        *root, "orders",
        TopicCompressor::Settings{.is_on = is_on, .level = 3, .dictionary_bytes = 4096});
  }
  TopicCompressor& operator*() { return *compressor_; }
  TopicCompressor* operator->() { return compressor_.get(); }

  // Events of one kind look alike, of another kind different.
  std::string Event(const std::string& kind) {
    std::string text = "{\"kind\":\"" + kind + "\",\"" + kind + "_id\":";
    return text + std::to_string(random_()) + ",\"" + kind + "_state\":\"open for " + kind + "\"}";
  }
  // Shows it events until it can train, and trains.
  void Train(const std::string& kind) {
    for (int i = 0; i < 100'000 && !compressor_->is_training_due(); ++i) {
      const std::string event = Event(kind);
      compressor_->Sample(Bytes(event));
    }
    REQUIRE(compressor_->is_training_due());
    REQUIRE(compressor_->Train().ok());
  }
  std::size_t PackedSize(const std::string& text) {
    const auto packed = compressor_->Pack(Bytes(text));
    REQUIRE(packed.ok());
    return packed->bytes.empty() ? text.size() : packed->bytes.size();
  }

  SimulatedFileSystem disk;
  std::unique_ptr<Directory> root =
      disk.OpenDirectory("/data", DirectoryMode::kCreateIfMissing).value();

 private:
  std::mt19937_64 random_{1};
  std::unique_ptr<TopicCompressor> compressor_;
};

bool HasFile(const SimulatedFileSystem& disk, const std::string& path) {
  const std::vector<std::string> files = disk.Files();
  return std::find(files.begin(), files.end(), path) != files.end();
}

}  // namespace

TEST_CASE("A dictionary is trained from samples and found again after a restart") {
  CompressorFixture fixture;
  const std::string event = fixture.Event("order");
  const std::size_t before = fixture.PackedSize(event);
  fixture.Train("order");
  CHECK_FALSE(fixture->wants_samples());
  const auto packed = fixture->Pack(Bytes(event)).value();
  CHECK(packed.dictionary == 1);
  CHECK(packed.bytes.size() < before * 2 / 3);
  CHECK(HasFile(fixture.disk, "/data/orders.dictionary-1"));

  fixture.Reopen();
  CHECK(fixture->Unpack(Bytes(packed.bytes), 1, kLimit).value() == event);
  CHECK(fixture->Pack(Bytes(event))->dictionary == 1);
}

TEST_CASE("What is no smaller is left as it is") {
  CompressorFixture fixture;
  CHECK(fixture->Pack(Bytes(std::string("x")))->bytes.empty());
}

TEST_CASE("When the records change, another dictionary is trained and the first is kept") {
  CompressorFixture fixture;
  fixture.Train("order");
  const std::string first = fixture.Event("order");
  const auto packed = fixture->Pack(Bytes(first)).value();
  while (!fixture->wants_samples()) {
    for (int i = 0; i < 100; ++i) fixture.PackedSize(fixture.Event("order"));
    // After a window of the same kind, another kind.
    for (int i = 0; i < 20'000 && !fixture->wants_samples(); ++i) {
      fixture.PackedSize(fixture.Event(i < 15'000 ? "order" : "completely different shipment"));
    }
  }
  fixture.Train("completely different shipment");
  const std::string second = fixture.Event("completely different shipment");
  CHECK(fixture->Pack(Bytes(second))->dictionary == 2);
  CHECK(fixture->Unpack(Bytes(packed.bytes), 1, kLimit).value() == first);
}

TEST_CASE("A dictionary is trained again at each change of the nature of the records") {
  // One by one and in batches; the change comes at any moment, right after a training among them.
  const std::size_t batch_records = GENERATE(std::size_t{1}, std::size_t{50});
  const int changes = batch_records == 1 ? 8 : 40;
  CAPTURE(batch_records);
  CompressorFixture fixture;
  std::minstd_rand random(3);
  std::uint32_t before = 0;
  for (int change = 0; change < changes; ++change) {
    CAPTURE(change);
    std::string kind(24, ' ');
    for (char& c : kind) c = static_cast<char>('a' + random() % 26);
    const std::size_t longer = change % 4 == 0 ? 0 : (std::size_t{1} + random() % 3) << 20;
    std::size_t appended = 0;
    bool is_trained = false;
    for (std::size_t since = 0; !is_trained || since < longer;) {
      std::string entries;
      for (std::size_t i = 0; i < batch_records; ++i) {
        const std::string event = fixture.Event(kind);
        if (fixture->wants_samples()) fixture->Sample(Bytes(event));
        entries += event;
      }
      fixture.PackedSize(entries);
      appended += entries.size();
      if (is_trained) since += entries.size();
      if (fixture->is_training_due()) {
        REQUIRE(fixture->Train().ok());
        is_trained = true;
      }
      REQUIRE(appended < std::size_t{6} << 20);
    }
    const std::uint32_t number = fixture->Pack(Bytes(fixture.Event(kind)))->dictionary;
    CHECK(number > before);
    before = number;
  }
}

TEST_CASE("Records of one nature are not trained from again and again") {
  CompressorFixture fixture;
  fixture.Train("order");
  for (std::size_t bytes = 0; bytes < std::size_t{20} << 20;) {
    std::string entries;
    for (int i = 0; i < 20; ++i) entries += fixture.Event("order");
    bytes += entries.size();
    fixture.PackedSize(entries);
    REQUIRE_FALSE(fixture->wants_samples());
  }
}

TEST_CASE("Samples without anything in common leave the topic without a dictionary") {
  CompressorFixture fixture;
  std::mt19937_64 random(2);
  while (!fixture->is_training_due()) {
    std::string noise(64, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    fixture->Sample(Bytes(noise));
  }
  REQUIRE(fixture->Train().ok());
  CHECK_FALSE(fixture->wants_samples());
  CHECK(fixture->Pack(Bytes(fixture.Event("order")))->dictionary == 0);
}

TEST_CASE("A dictionary that is missing or damaged is damage, and names its file") {
  CompressorFixture fixture;
  fixture.Train("order");
  const auto packed = fixture->Pack(Bytes(fixture.Event("order"))).value();
  REQUIRE(fixture.root->RemoveFile("orders.dictionary-1").ok());
  fixture.Reopen();
  const auto status = fixture->Unpack(Bytes(packed.bytes), 1, kLimit).status();
  CHECK(absl::IsDataLoss(status));
  CHECK(std::string(status.message()).find("orders.dictionary-1") != std::string::npos);
}

TEST_CASE("A flipped bit in a dictionary is damage, and never other records") {
  CompressorFixture fixture;
  fixture.Train("order");
  const auto packed = fixture->Pack(Bytes(fixture.Event("order"))).value();
  CHECK(VerifyDictionary(*fixture.root, "orders", 1).ok());
  for (const std::uint64_t position : {3U, 12U, 20U, 2000U}) {
    REQUIRE(fixture.disk.Corrupt("/data/orders.dictionary-1", position, std::byte{1}).ok());
    fixture.Reopen();
    CHECK(absl::IsDataLoss(fixture->Unpack(Bytes(packed.bytes), 1, kLimit).status()));
    CHECK(absl::IsDataLoss(VerifyDictionary(*fixture.root, "orders", 1)));
    REQUIRE(fixture.disk.Corrupt("/data/orders.dictionary-1", position, std::byte{1}).ok());
  }
}

TEST_CASE("A damaged dictionary does not stop appends, and another one follows it") {
  CompressorFixture fixture;
  fixture.Train("order");
  REQUIRE(fixture.disk.Corrupt("/data/orders.dictionary-1", 100, std::byte{1}).ok());
  fixture.Reopen();
  CHECK(fixture->Pack(Bytes(fixture.Event("order")))->dictionary == 0);
  fixture.Train("order");
  CHECK(fixture->Pack(Bytes(fixture.Event("order")))->dictionary == 2);
}

TEST_CASE("A dictionary is durable before it is used, and not used when it cannot be stored") {
  CompressorFixture fixture;
  fixture.disk.SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kSync ? absl::DataLossError("broken")
                                                              : absl::OkStatus();
  });
  for (int i = 0; !fixture->is_training_due(); ++i) {
    const std::string event = fixture.Event("order");
    fixture->Sample(Bytes(event));
  }
  CHECK_FALSE(fixture->Train().ok());
  CHECK(fixture->Pack(Bytes(fixture.Event("order")))->dictionary == 0);
}

TEST_CASE("A topic without compression takes no samples and reads what is compressed") {
  CompressorFixture fixture;
  fixture.Train("order");
  const std::string event = fixture.Event("order");
  const auto packed = fixture->Pack(Bytes(event)).value();
  fixture.Reopen(false);
  CHECK_FALSE(fixture->wants_samples());
  CHECK(fixture->Unpack(Bytes(packed.bytes), 1, kLimit).value() == event);
}

}  // namespace daybook
