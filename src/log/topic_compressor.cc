#include "log/topic_compressor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "io/atomic_replace.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kInfix = ".dictionary-";
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
constexpr std::size_t kMaxFileBytes = 2 << 20;
constexpr std::string_view kMagic = "DAYBOOKD";
constexpr std::size_t kFileHeadBytes = 16;

std::string FileHead(std::string_view dictionary) {
  const std::uint64_t hash = Hash64(std::as_bytes(std::span(dictionary)));
  std::string head(kMagic);
  head.append(reinterpret_cast<const char*>(&hash), sizeof hash);
  return head;
}

}  // namespace

TopicCompressor::TopicCompressor(Directory& root, std::string topic, const Settings& settings)
    : root_(root),
      topic_(std::move(topic)),
      settings_(settings),
      wants_samples_(settings.is_on && settings.dictionary_bytes != 0) {}

std::string TopicCompressor::FileName(std::string_view topic, std::uint32_t number) {
  return absl::StrCat(std::string(topic), std::string(kInfix), number);
}

absl::StatusOr<std::string> TopicCompressor::ReadDictionary(Directory& root,
                                                            const std::string& file) {
  auto bytes = ReadFile(root, file, kMaxFileBytes);
  if (bytes.ok() && IsWhole(*bytes)) {
    bytes->erase(0, kFileHeadBytes);
    return bytes;
  }
  return absl::DataLossError(absl::StrCat(
      root.path(), "/", file, ": the dictionary that records are compressed with ",
      bytes.ok() ? "is damaged" : absl::StrCat("cannot be read: ", bytes.status().message())));
}

bool TopicCompressor::IsWhole(std::string_view bytes) {
  return bytes.size() >= kFileHeadBytes &&
         bytes.substr(0, kFileHeadBytes) == FileHead(bytes.substr(kFileHeadBytes));
}

absl::Status TopicCompressor::Verify(Directory& root, std::string_view topic,
                                     std::uint32_t number) {
  const std::string file = FileName(topic, number);
  if (const auto there = root.OpenFile(file, FileMode::kRead); absl::IsNotFound(there.status())) {
    return there.status();
  }
  return ReadDictionary(root, file).status();
}

absl::StatusOr<std::vector<std::uint32_t>> TopicCompressor::List(Directory& root,
                                                                 std::string_view topic) {
  const auto entries = root.List();
  if (!entries.ok()) return entries.status();
  const std::string prefix = absl::StrCat(std::string(topic), std::string(kInfix));
  std::vector<std::uint32_t> numbers;
  for (const DirectoryEntry& entry : *entries) {
    std::uint32_t number = 0;
    if (!entry.is_directory && entry.name.starts_with(prefix) &&
        absl::SimpleAtoi(entry.name.substr(prefix.size()), &number) && number != 0) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

absl::Status TopicCompressor::RemoveAll(Directory& root, std::string_view topic) {
  const auto numbers = List(root, topic);
  if (!numbers.ok()) return numbers.status();
  for (const std::uint32_t number : *numbers) {
    if (const auto status = root.RemoveFile(FileName(topic, number)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<TopicCompressor::DictionaryPtr> TopicCompressor::Load(std::uint32_t number) {
  if (number == 0) return nullptr;
  if (const auto found = dictionaries_.find(number); found != dictionaries_.end()) {
    return found->second;
  }
  const auto bytes = ReadDictionary(root_, FileName(topic_, number));
  if (!bytes.ok()) return bytes.status();
  auto dictionary = Dictionary::Make(*bytes, settings_.level);
  if (!dictionary.ok()) return dictionary.status();
  dictionaries_[number] = *dictionary;
  return dictionary;
}

absl::Status TopicCompressor::Start() {
  if (is_started_) return absl::OkStatus();
  const auto numbers = List(root_, topic_);
  if (!numbers.ok()) return numbers.status();
  if (!numbers->empty()) highest_ = *std::max_element(numbers->begin(), numbers->end());
  const bool is_usable = highest_ != 0 && highest_ <= frame::kMaxDictionaries;
  if (is_usable && settings_.dictionary_bytes != 0 && Load(highest_).ok()) {
    in_use_ = highest_;
    wants_samples_.store(false, std::memory_order_relaxed);
  }
  is_started_ = true;
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
  DictionaryPtr dictionary;
  std::size_t probe = 0;
  {
    MutexLock lock(mutex_);
    if (const auto status = Start(); !status.ok()) return status;
    auto loaded = Load(in_use_);
    if (!loaded.ok()) return loaded.status();
    dictionary = *std::move(loaded);
    packed.dictionary = in_use_;
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
  DictionaryPtr loaded;
  {
    MutexLock lock(mutex_);
    auto found = Load(dictionary);
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
  if (fit_.Note(window_, in_use_ != 0) && highest_ < frame::kMaxDictionaries) {
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
  DictionaryPtr before;
  std::uint32_t number = 0;
  std::size_t batch_bytes = 0;
  {
    MutexLock lock(mutex_);
    if (!is_training_due_) return absl::OkStatus();
    samples = std::exchange(samples_, {});
    sizes = std::exchange(sample_sizes_, {});
    auto loaded = Load(in_use_);
    if (!loaded.ok()) return loaded.status();
    before = *std::move(loaded);
    number = highest_ + 1;
    if (window_batches_ != 0) batch_bytes = window_.entries / window_batches_;
  }
  const auto bytes = Dictionary::Train(samples, sizes, settings_.dictionary_bytes);
  auto dictionary = bytes.ok() ? Dictionary::Make(*bytes, settings_.level)
                               : absl::StatusOr<DictionaryPtr>(bytes.status());
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
    if (window_.entries != 0) fit_.Note(window_, in_use_ != 0);
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
  const std::string file = FileHead(*bytes) + *bytes;
  const absl::Status stored =
      AtomicReplace(root_, FileName(topic_, number), std::as_bytes(std::span(file)),
                    absl::StrCat(topic_, ".dictionary.tmp"));
  MutexLock lock(mutex_);
  StopSampling();
  if (!stored.ok()) return stored;  // nothing uses it
  dictionaries_[number] = *std::move(dictionary);
  fit_.Adopt(with_samples);
  in_use_ = number;
  highest_ = number;
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
