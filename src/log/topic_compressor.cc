#include "log/topic_compressor.h"

#include <algorithm>
#include <utility>

namespace daybook::inline v1 {
namespace {

// Zstandard's own advice is a hundred times the size of the dictionary; from a third of that on
// little is gained, and a topic of a few thousand records has its dictionary in time.
constexpr std::uint64_t kSamplesPerDictionary = 50;
constexpr std::size_t kMaxSamples = 100'000;
constexpr std::size_t kMaxSampleBytes = 128 << 10;  // the trainer looks at no more of one
// How well the dictionary fits is looked at after so many bytes, of which the first few are
// compressed in small pieces, with it and without.
constexpr std::uint64_t kWindowBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kProbeBytes = std::uint64_t{8} << 10;
constexpr std::size_t kProbePiece = 512;
// Another dictionary is worth its file if it saves this part of what the one before leaves.
constexpr std::uint64_t kWorthPercent = 2;

}  // namespace

TopicCompressor::TopicCompressor(Directory& root, std::string topic, const Settings& settings)
    : root_(root),
      topic_(std::move(topic)),
      settings_(settings),
      wants_samples_(settings.is_on && settings.dictionary_bytes != 0),
      dictionaries_(root, topic_, settings.level) {}

absl::Status TopicCompressor::Start() {
  const auto has_found = dictionaries_.FindNewest(settings_.dictionary_bytes != 0);
  if (!has_found.ok()) return has_found.status();
  if (*has_found) wants_samples_.store(false, std::memory_order_relaxed);
  return absl::OkStatus();
}

std::unique_ptr<Compressor> TopicCompressor::Borrow() {
  MutexLock lock(mutex_);
  if (idle_.empty()) return std::make_unique<Compressor>();
  auto compressor = std::move(idle_.back());
  idle_.pop_back();
  return compressor;
}

void TopicCompressor::GiveBack(std::unique_ptr<Compressor> compressor) {
  MutexLock lock(mutex_);
  idle_.push_back(std::move(compressor));
}

absl::StatusOr<TopicCompressor::Packed> TopicCompressor::Pack(std::span<const std::byte> entries) {
  Packed packed;
  TopicDictionaries::Pointer dictionary;
  std::size_t probe = 0;
  {
    MutexLock lock(mutex_);
    if (const auto status = Start(); !status.ok()) return status;
    auto loaded = dictionaries_.Load(dictionaries_.in_use());
    if (!loaded.ok()) return loaded.status();
    dictionary = *std::move(loaded);
    packed.dictionary = dictionaries_.in_use();
    if (dictionary != nullptr && !wants_samples_ && probed_ < kProbeBytes) {
      probe = std::min<std::size_t>(entries.size(), kProbeBytes - probed_);
      probed_ += probe;
    }
  }
  auto compressor = Borrow();
  const auto status =
      compressor->Compress(entries, dictionary.get(), settings_.level, &packed.bytes);
  PackedSizes sizes{.entries = entries.size(),
                    .packed = std::min(entries.size(), packed.bytes.size())};
  if (status.ok() && probe != 0) {
    const std::string_view text(reinterpret_cast<const char*>(entries.data()), probe);
    sizes.probe_packed = PackedBytes(*compressor, text, kProbePiece, dictionary.get());
    sizes.probe_plain = PackedBytes(*compressor, text, kProbePiece, nullptr);
  }
  GiveBack(std::move(compressor));
  if (!status.ok()) return status;
  if (packed.bytes.size() >= entries.size()) packed = {};
  if (settings_.dictionary_bytes != 0) {
    MutexLock lock(mutex_);
    NoteSizes(sizes);
  }
  return packed;
}

absl::StatusOr<std::string> TopicCompressor::Unpack(std::span<const std::byte> packed,
                                                    std::uint32_t dictionary,
                                                    std::uint64_t max_bytes) {
  TopicDictionaries::Pointer loaded;
  {
    MutexLock lock(mutex_);
    auto found = dictionaries_.Load(dictionary);
    if (!found.ok()) return found.status();
    loaded = *std::move(found);
  }
  auto compressor = Borrow();
  auto bytes = compressor->Decompress(packed, loaded.get(), max_bytes);
  GiveBack(std::move(compressor));
  return bytes;
}

void TopicCompressor::NoteSizes(const PackedSizes& batch) {
  window_ += batch;
  ++window_batches_;
  if (window_.entries < kWindowBytes || wants_samples_) return;
  if (fit_.Note(window_, dictionaries_.in_use() != 0) &&
      dictionaries_.highest() < frame::kMaxDictionaries) {
    wants_samples_.store(true, std::memory_order_relaxed);
  }
  window_ = {};
  window_batches_ = 0;
  probed_ = 0;
}

bool TopicCompressor::Sample(std::span<const std::byte> entry) {
  MutexLock lock(mutex_);
  if (!Start().ok() || !wants_samples_ || is_training_due_) return false;
  const std::size_t size = std::min(entry.size(), kMaxSampleBytes);
  samples_.append(reinterpret_cast<const char*>(entry.data()), size);
  sample_sizes_.push_back(size);
  if (samples_.size() < kSamplesPerDictionary * settings_.dictionary_bytes &&
      sample_sizes_.size() < kMaxSamples) {
    return false;
  }
  is_training_due_.store(true, std::memory_order_relaxed);
  return true;
}

void TopicCompressor::StopSampling() {
  wants_samples_.store(false, std::memory_order_relaxed);
  is_training_due_.store(false, std::memory_order_relaxed);
  window_ = {};
  window_batches_ = 0;
  probed_ = 0;
}

std::uint64_t TopicCompressor::PackedBytes(Compressor& compressor, std::string_view text,
                                           std::size_t piece, const Dictionary* dictionary) const {
  std::string packed;
  std::uint64_t total = 0;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, piece);
    text.remove_prefix(part.size());
    const bool is_packed =
        compressor.Compress(std::as_bytes(std::span(part)), dictionary, settings_.level, &packed)
            .ok();
    total += is_packed ? std::min(packed.size(), part.size()) : part.size();
  }
  return total;
}

absl::Status TopicCompressor::Train() {
  std::string samples;
  std::vector<std::size_t> sizes;
  TopicDictionaries::Pointer before;
  std::uint32_t number = 0;
  std::size_t batch_bytes = 0;
  {
    MutexLock lock(mutex_);
    if (!is_training_due_) return absl::OkStatus();
    samples = std::exchange(samples_, {});
    sizes = std::exchange(sample_sizes_, {});
    auto loaded = dictionaries_.Load(dictionaries_.in_use());
    if (!loaded.ok()) return loaded.status();
    before = *std::move(loaded);
    number = dictionaries_.highest() + 1;
    if (window_batches_ != 0) batch_bytes = window_.entries / window_batches_;
  }
  const auto bytes = Dictionary::Train(samples, sizes, settings_.dictionary_bytes);
  auto dictionary = bytes.ok() ? Dictionary::Make(*bytes, settings_.level)
                               : absl::StatusOr<TopicDictionaries::Pointer>(bytes.status());
  Compressor compressor;
  const auto bytes_with = [&](const Dictionary* with) {
    std::uint64_t total = 0;
    std::string_view left = samples;
    for (const std::size_t size : sizes) {
      total += PackedBytes(compressor, left.substr(0, size), size, with);
      left.remove_prefix(size);
    }
    return total;
  };
  if (!dictionary.ok() ||
      bytes_with(dictionary->get()) * 100 > bytes_with(before.get()) * (100 - kWorthPercent)) {
    // These records have nothing in common that helps.
    MutexLock lock(mutex_);
    if (window_.entries != 0) fit_.Note(window_, dictionaries_.in_use() != 0);
    fit_.TakeAsIs();
    StopSampling();
    return absl::OkStatus();
  }
  PackedSizes with_samples{
      .probe_packed = PackedBytes(compressor, samples, kProbePiece, dictionary->get()),
      .probe_plain = PackedBytes(compressor, samples, kProbePiece, nullptr)};
  if (batch_bytes != 0) {
    with_samples.entries = samples.size();
    with_samples.packed = PackedBytes(compressor, samples, batch_bytes, dictionary->get());
  }
  const absl::Status stored = StoreDictionary(root_, topic_, number, *bytes);
  MutexLock lock(mutex_);
  StopSampling();
  if (!stored.ok()) return stored;  // nothing uses it
  dictionaries_.Use(number, *std::move(dictionary));
  fit_.Adopt(with_samples);
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
