#ifndef DAYBOOK_LOG_TOPIC_COMPRESSOR_H_
#define DAYBOOK_LOG_TOPIC_COMPRESSOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "daybook/format/frame.h"
#include "daybook/system/file_system.h"
#include "format/compression.h"
#include "log/dictionary_fit.h"
#include "log/topic_dictionaries.h"

namespace daybook::inline v1 {

// Compresses the batches of one topic, and trains dictionaries from its own records. Thread-safe.
class TopicCompressor {
 public:
  struct Settings {
    bool is_on = false;                  // for what is appended; anything can be read
    int level = 3;                       // of Zstandard
    std::uint64_t dictionary_bytes = 0;  // at most; 0: none
  };

  // `root`, the data directory, must outlive it.
  TopicCompressor(Directory& root, std::string topic, const Settings& settings);

  bool is_on() const { return settings_.is_on; }

  struct Packed {
    std::string bytes;
    std::uint32_t dictionary = 0;  // number
    // Of the batch frame that holds them, beside the number of records.
    std::uint32_t attributes() const {
      return bytes.empty() ? 0
                           : frame::kBatchCompressed | dictionary << frame::kBatchDictionaryShift;
    }
  };
  // Compresses entries. What was no smaller is left empty.
  absl::StatusOr<Packed> Pack(std::span<const std::byte> entries) ABSL_LOCKS_EXCLUDED(mutex_);

  // DataLoss: `packed` is damaged, over `max_bytes`, or its dictionary is missing.
  absl::StatusOr<std::string> Unpack(std::span<const std::byte> packed, std::uint32_t dictionary,
                                     std::uint64_t max_bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // Shows it an entry that was appended, which may become a sample. True when there are now
  // enough to train from: somebody should call Train.
  bool Sample(std::span<const std::byte> entry) ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes samples now? Cheap.
  bool wants_samples() const { return wants_samples_.load(std::memory_order_relaxed); }
  bool is_training_due() const { return is_training_due_.load(std::memory_order_relaxed); }

  // Trains a dictionary from the samples, and uses it from then on if it is better than the one
  // before. Takes a second or so; others go on meanwhile.
  absl::Status Train() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Finds the newest dictionary, once; goes on without if it is damaged.
  absl::Status Start() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Notes how well a batch was compressed, and asks for samples when the dictionary does not fit.
  void NoteSizes(const PackedSizes& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How many bytes the text takes when it is compressed so many bytes at a time.
  std::uint64_t PackedBytes(Compressor& compressor, std::string_view text, std::size_t piece,
                            const Dictionary* dictionary) const;
  void StopSampling() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::unique_ptr<Compressor> Borrow() ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveBack(std::unique_ptr<Compressor> compressor) ABSL_LOCKS_EXCLUDED(mutex_);

  Directory& root_;
  const std::string topic_;
  const Settings settings_;
  std::atomic<bool> wants_samples_;
  std::atomic<bool> is_training_due_{false};

  Mutex mutex_;
  TopicDictionaries dictionaries_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Compressor>> idle_ ABSL_GUARDED_BY(mutex_);
  std::string samples_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::size_t> sample_sizes_ ABSL_GUARDED_BY(mutex_);
  // Of the batches since the last look at how the dictionary fits.
  PackedSizes window_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t window_batches_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t probed_ ABSL_GUARDED_BY(mutex_) = 0;  // bytes, for the sizes of a probe
  DictionaryFit fit_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_TOPIC_COMPRESSOR_H_
