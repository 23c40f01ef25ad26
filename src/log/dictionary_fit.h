#ifndef DAYBOOK_LOG_DICTIONARY_FIT_H_
#define DAYBOOK_LOG_DICTIONARY_FIT_H_

#include <algorithm>
#include <cstdint>
#include <optional>

namespace daybook::inline v1 {

// Bytes before and after compression, and what small pieces of them take with the dictionary and
// without: in those it shows whatever the size of the batches is.
struct PackedSizes {
  std::uint64_t entries = 0;
  std::uint64_t packed = 0;
  std::uint64_t probe_packed = 0;
  std::uint64_t probe_plain = 0;

  PackedSizes& operator+=(const PackedSizes& other) {
    entries += other.entries;
    packed += other.packed;
    probe_packed += other.probe_packed;
    probe_plain += other.probe_plain;
    return *this;
  }
  std::optional<double> Ratio() const {
    if (entries == 0) return std::nullopt;
    return static_cast<double>(packed) / static_cast<double>(entries);
  }
  // What the dictionary leaves of what there is without it.
  std::optional<double> Gain() const {
    if (probe_plain == 0) return std::nullopt;
    return static_cast<double>(probe_packed) / static_cast<double>(probe_plain);
  }
};

// Says when a dictionary does not fit the records any more. The standard is the best that the
// dictionary has done, beginning with the samples that it was trained from: what comes after them
// may be of another nature from the first record on, and must not become the standard. Where a
// training brought nothing better, the records are taken as they are until their nature changes
// once more; to be sure it is tried again from time to time, less and less often.
class DictionaryFit {
 public:
  // By so much a ratio may differ, either way.
  static constexpr double kDrift = 1.2;
  // A dictionary of which nothing is known does not fit if it saves less than this.
  static constexpr double kUseless = 0.95;
  static constexpr int kFirstRetry = 64;

  // A dictionary is used that did so with the samples it was trained from.
  void Adopt(const PackedSizes& samples) {
    best_ratio_ = samples.Ratio();  // absent: it is not known how large batches are
    best_gain_ = samples.Gain();
    taken_.reset();
    retry_ = kFirstRetry;
  }
  // The training brought nothing.
  void TakeAsIs() {
    taken_ = last_ratio_;
    windows_ = 0;
  }
  // True when another dictionary should be trained.
  bool Note(const PackedSizes& window, bool has_dictionary) {
    const double ratio = window.Ratio().value_or(1);
    const std::optional<double> gain = window.Gain();
    last_ratio_ = ratio;
    if (taken_ && ratio <= *taken_ * kDrift && ratio * kDrift >= *taken_) {
      if (++windows_ < retry_) return false;
      retry_ *= 2;
      return true;
    }
    if (!has_dictionary) return taken_.has_value();
    if (gain) {
      const bool fits = best_gain_ ? *gain <= std::min(kDrift * *best_gain_, (1 + *best_gain_) / 2)
                                   : *gain <= kUseless;
      if (!fits) return true;
    }
    if (best_ratio_ && ratio > kDrift * *best_ratio_) return true;
    // From a window that was looked at: by its ratio alone nothing is known of a dictionary.
    if (gain) {
      best_gain_ = std::min(best_gain_.value_or(*gain), *gain);
      best_ratio_ = std::min(best_ratio_.value_or(ratio), ratio);
    }
    taken_.reset();
    return false;
  }

 private:
  std::optional<double> best_ratio_;  // of the dictionary in use
  std::optional<double> best_gain_;
  std::optional<double> taken_;  // the ratio of records that no dictionary helps
  double last_ratio_ = 1;
  int windows_ = 0;
  int retry_ = kFirstRetry;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_DICTIONARY_FIT_H_
