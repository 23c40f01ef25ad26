#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/page.h"
#include "broker/topics/setting_names.h"
#include "broker/topics/topic_settings.h"
#include "daybook/format/frame.h"
#include "daybook/limits.h"

// What names and settings topics may have.

namespace daybook::inline v1 {
namespace {

// A partition in memory is in so many pieces.
constexpr std::int64_t kMemoryPieces = 8;
// Of retention, as in Kafka.
constexpr std::int64_t kUnbounded = -1;
constexpr std::int64_t kMostFlushMillis = limits::kMaxFlushInterval.count();
constexpr std::int64_t kMostBlockMillis = limits::kMaxMaxBlock.count();

// What a frame can hold with the most that is around a record, and the other limits of the format.
static_assert(limits::kMaxRecordBytes + frame::kMaxAroundRecord <= frame::kMaxFrameBytes);
static_assert(limits::kMaxFrameBytes == frame::kMaxFrameBytes);
static_assert(limits::kMaxKeyBytes == frame::kMaxKeyBytes);
static_assert(limits::kMaxHeaderNameBytes == frame::kMaxHeaderNameBytes);
static_assert(limits::kMaxBatchRecords == frame::kMaxBatchRecords);
static_assert(limits::kMaxDictionaries == frame::kMaxDictionaries);
static_assert(limits::kMinMemoryBytes == kMemoryPieces * limits::kMinSegmentBytes);

template <typename Names, typename Value>
absl::Status CheckEnum(std::string_view key, const Names& names, Value value) {
  if (!NameOf(names, value).empty()) return absl::OkStatus();
  const std::vector<std::string> known = NamesIn(names);
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(key), " has the number ", static_cast<int>(value),
                   ", which is none of its values: ", absl::StrJoin(known, ", ")));
}

absl::Status CheckEnums(const TopicOptions& options) {
  const absl::Status checks[] = {
      CheckEnum("durability", kDurabilities, options.durability),
      CheckEnum("storage", kStorages, options.storage),
      CheckEnum("memory.when.full", kWhenFull, options.when_full),
      CheckEnum("compression.type", kCompressions, options.compression),
      CheckEnum("message.timestamp.type", kTimestampTypes, options.timestamp_type),
      CheckEnum("retention.unread", kRetentionUnread, options.retention.unread),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  return absl::OkStatus();
}

// -1 or at least `low`.
absl::Status CheckBound(std::string_view key, std::int64_t value, std::int64_t low,
                        std::string_view why) {
  if (value == kUnbounded || value >= low) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(key), " is ", value,
                                                 "; it must be -1 (no bound) or at least ", low,
                                                 std::string(why)));
}

absl::Status CheckRetention(const TopicOptions& options) {
  const absl::Status checks[] = {
      CheckBound("retention.ms", options.retention.time.count(), 1, ""),
      options.retention.time <= limits::kMaxRetentionTime
          ? absl::OkStatus()
          : absl::InvalidArgumentError(absl::StrCat(
                "retention.ms is ", options.retention.time.count(), "; it must be at most ",
                limits::kMaxRetentionTime.count(), ", or -1, for as long as there is room")),
      CheckBound("retention.bytes", options.retention.bytes, options.segment_bytes,
                 ", which is segment.bytes: only whole segments go"),
      CheckBound("retention.max.bytes", options.retention.max_bytes,
                 std::max(2 * options.segment_bytes, options.retention.bytes),
                 ": twice segment.bytes, and retention.bytes")};
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  if (HasBound(options.retention) && options.storage == Storage::kMemory) {
    return absl::InvalidArgumentError(
        "retention.ms and retention.bytes are for topics in files; memory.bytes bounds this one");
  }
  if (options.retention.max_bytes != kUnbounded &&
      options.retention.unread != RetentionUnread::kKeep) {
    return absl::InvalidArgumentError(
        "retention.max.bytes bounds what retention.unread=keep keeps, and that is delete here; set "
        "it to keep, or use retention.bytes");
  }
  return absl::OkStatus();
}

}  // namespace

std::int64_t MostRecordBytes(std::int64_t segment_bytes) {
  return std::min(segment_bytes / limits::kRecordPartOfSegment, limits::kMaxRecordBytes);
}

absl::Status CheckTopicName(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (!name.empty() && name.size() <= limits::kMaxTopicNameBytes && name != "." && name != ".." &&
      name.find_first_not_of(kAllowed) == std::string_view::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(name.substr(0, limits::kMaxTopicNameBytes)),
                   "\" cannot be the name of a topic; use 1 to ", limits::kMaxTopicNameBytes,
                   " of the characters A-Z a-z 0-9 . _ - (but not \".\" or \"..\")"));
}

absl::Status CheckTopicOptions(const TopicOptions& options) {
  if (options.partitions < 1 || options.partitions > limits::kMaxPartitions) {
    return OutOfRange("num.partitions", options.partitions, 1, limits::kMaxPartitions);
  }
  if (auto status = CheckEnums(options); !status.ok()) return status;
  // Before what follows from it.
  if (options.memory_bytes < limits::kMinMemoryBytes ||
      options.memory_bytes > limits::kMaxMemoryBytes) {
    return OutOfRange("memory.bytes", options.memory_bytes, limits::kMinMemoryBytes,
                      limits::kMaxMemoryBytes);
  }
  if (options.flush_interval < limits::kMinFlushInterval ||
      options.flush_interval.count() > kMostFlushMillis) {
    return OutOfRange("flush.ms", options.flush_interval.count(), 1, kMostFlushMillis);
  }
  if (options.segment_bytes < limits::kMinSegmentBytes ||
      options.segment_bytes > limits::kMaxSegmentBytes) {
    return OutOfRange("segment.bytes", options.segment_bytes, limits::kMinSegmentBytes,
                      limits::kMaxSegmentBytes);
  }
  if (options.storage == Storage::kMemory && options.durability != Durability::kProcess) {
    return absl::InvalidArgumentError(
        "durability must be process where storage is memory: nothing there survives more");
  }
  if (options.max_block.count() < 0 || options.max_block.count() > kMostBlockMillis) {
    return OutOfRange("max.block.ms", options.max_block.count(), 0, kMostBlockMillis);
  }
  const std::int64_t most = MostRecordBytes(options.segment_bytes);
  if (options.max_record_bytes < 1 || options.max_record_bytes > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("max.message.bytes is ", options.max_record_bytes,
                     "; it must be from 1 to a quarter of segment.bytes and at most ",
                     limits::kMaxRecordBytes, ", which is ", most, " here"));
  }
  if (options.compression_level < limits::kMinCompressionLevel ||
      options.compression_level > limits::kMaxCompressionLevel) {
    return OutOfRange("compression.zstd.level", options.compression_level,
                      limits::kMinCompressionLevel, limits::kMaxCompressionLevel);
  }
  if (options.dictionary_bytes != 0 && (options.dictionary_bytes < limits::kMinDictionaryBytes ||
                                        options.dictionary_bytes > limits::kMaxDictionaryBytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("compression.dictionary.bytes is ", options.dictionary_bytes,
                     "; it must be 0 (none) or from ", limits::kMinDictionaryBytes, " to ",
                     limits::kMaxDictionaryBytes));
  }
  return CheckRetention(options);
}

TopicOptions Resolve(TopicOptions options) {
  if (options.storage == Storage::kMemory) {
    constexpr auto kPage = static_cast<std::int64_t>(kPageBytes);
    options.segment_bytes =
        std::min(options.segment_bytes, options.memory_bytes / kMemoryPieces / kPage * kPage);
  }
  if (options.max_record_bytes == 0) {
    options.max_record_bytes =
        std::min(limits::kDefaultMaxRecordBytes, MostRecordBytes(options.segment_bytes));
  }
  return options;
}

bool HasBound(const RetentionOptions& retention) {
  return retention.time.count() != kUnbounded || retention.bytes != kUnbounded ||
         retention.max_bytes != kUnbounded;
}

absl::Status CheckAlteration(const TopicOptions& has, const TopicOptions& wanted) {
  const auto values = ToProperties(wanted);
  for (const auto& [key, value] : ToProperties(has)) {
    if (key.starts_with("retention.") || values.at(key) == value) continue;
    if (key == "num.partitions") {
      return absl::InvalidArgumentError(
          "num.partitions is changed with CreatePartitions, and not together with other settings");
    }
    return absl::InvalidArgumentError(absl::StrCat(
        key, " is ", value, " since the topic was made, and cannot be changed to ", values.at(key),
        "; what can are retention.ms, retention.bytes, retention.unread and retention.max.bytes"));
  }
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
