#ifndef DAYBOOK_LOG_TOPIC_DICTIONARIES_H_
#define DAYBOOK_LOG_TOPIC_DICTIONARIES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/system/file_system.h"
#include "format/compression.h"

namespace daybook::inline v1 {

// The dictionaries of a topic are kept beside its settings, as <topic>.dictionary-<number>, each
// durable before it is used, and never changed: a batch names the one that it needs.
//
// File: magic "DAYBOOKD", 8 XXH3 of what follows, little-endian; then the dictionary as Zstandard
// has it.

// Whether that is what the file of a dictionary holds.
bool IsWholeDictionary(std::string_view bytes);
// What is wrong with one; NotFound: it is not there.
absl::Status VerifyDictionary(Directory& root, std::string_view topic, std::uint32_t number);
// Durable afterwards.
absl::Status StoreDictionary(Directory& root, std::string_view topic, std::uint32_t number,
                             std::string_view dictionary);
// Of a topic that is gone.
absl::Status RemoveDictionaries(Directory& root, std::string_view topic);

// Those of a topic that were loaded, and the one that new batches are compressed with: a number
// that is never over the highest one that was ever given. Guarded by the lock of the
// TopicCompressor that has them.
class TopicDictionaries {
 public:
  using Pointer = std::shared_ptr<const Dictionary>;

  // `root`, the data directory, must outlive it. `level`: of Zstandard.
  TopicDictionaries(Directory& root, std::string topic, int level)
      : root_(root), topic_(std::move(topic)), level_(level) {}

  // Looks which there are, once. True when it has just found one to use, the newest: `may_use`
  // says whether any should be. Goes on without if that is damaged.
  absl::StatusOr<bool> FindNewest(bool may_use);

  // Null for 0. DataLoss: it is damaged, or cannot be read.
  absl::StatusOr<Pointer> Load(std::uint32_t number);
  // One that was stored under a number above the highest one: it is the one to use from now on.
  void Use(std::uint32_t number, Pointer dictionary);

  std::uint32_t in_use() const { return in_use_; }  // 0: none
  std::uint32_t highest() const { return highest_; }

 private:
  Directory& root_;
  const std::string topic_;
  const int level_;
  bool was_looked_ = false;
  std::uint32_t in_use_ = 0;
  std::uint32_t highest_ = 0;
  std::map<std::uint32_t, Pointer> loaded_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_TOPIC_DICTIONARIES_H_
