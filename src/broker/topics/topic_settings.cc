#include "broker/topics/topic_settings.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "broker/topics/setting_names.h"
#include "daybook/limits.h"

namespace daybook::inline v1 {
namespace {

// Levenshtein's distance.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string NearestName(std::string_view name, const std::vector<std::string>& names) {
  std::string nearest;
  std::size_t best = name.size() / 2 + 1;  // further than this is another word
  for (const std::string& candidate : names) {
    const std::size_t distance = Distance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::map<std::string, std::string> ToProperties(const TopicOptions& options) {
  return {{"num.partitions", absl::StrCat(options.partitions)},
          {"durability", NameOf(kDurabilities, options.durability)},
          {"flush.ms", absl::StrCat(options.flush_interval.count())},
          {"segment.bytes", absl::StrCat(options.segment_bytes)},
          {"max.message.bytes", absl::StrCat(options.max_record_bytes)},
          {"storage", NameOf(kStorages, options.storage)},
          {"memory.bytes", absl::StrCat(options.memory_bytes)},
          {"memory.when.full", NameOf(kWhenFull, options.when_full)},
          {"max.block.ms", absl::StrCat(options.max_block.count())},
          {"compression.type", NameOf(kCompressions, options.compression)},
          {"compression.zstd.level", absl::StrCat(options.compression_level)},
          {"compression.dictionary.bytes", absl::StrCat(options.dictionary_bytes)},
          {"message.timestamp.type", NameOf(kTimestampTypes, options.timestamp_type)},
          {"retention.ms", absl::StrCat(options.retention.time.count())},
          {"retention.bytes", absl::StrCat(options.retention.bytes)},
          {"retention.unread", NameOf(kRetentionUnread, options.retention.unread)},
          {"retention.max.bytes", absl::StrCat(options.retention.max_bytes)}};
}

std::vector<std::string> ValuesOfSetting(std::string_view key) {
  if (key == "durability") return NamesIn(kDurabilities);
  if (key == "compression.type") return NamesIn(kCompressions);
  if (key == "message.timestamp.type") return NamesIn(kTimestampTypes);
  if (key == "storage") return NamesIn(kStorages);
  if (key == "memory.when.full") return NamesIn(kWhenFull);
  if (key == "retention.unread") return NamesIn(kRetentionUnread);
  return {};
}

absl::Status SetOption(TopicOptions& options, std::string_view key, std::string_view value) {
  const std::string text(value);
  if (key == "durability") {
    if (FindByName(kDurabilities, value, &options.durability)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("durability is \"", text, "\"; it must be process, interval or disk"));
  }
  if (key == "compression.type") {
    if (FindByName(kCompressions, value, &options.compression)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("compression.type is \"", text, "\"; it must be none or zstd"));
  }
  if (key == "message.timestamp.type") {
    if (FindByName(kTimestampTypes, value, &options.timestamp_type)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("message.timestamp.type is \"", text,
                                                   "\"; it must be CreateTime or LogAppendTime"));
  }
  if (key == "storage") {
    if (FindByName(kStorages, value, &options.storage)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("storage is \"", text, "\"; it must be file or memory"));
  }
  if (key == "memory.when.full") {
    if (FindByName(kWhenFull, value, &options.when_full)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("memory.when.full is \"", text, "\"; it must be drop-oldest, block or fail"));
  }
  if (key == "retention.unread") {
    if (FindByName(kRetentionUnread, value, &options.retention.unread)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("retention.unread is \"", text, "\"; it must be delete or keep"));
  }
  std::int64_t number = 0;
  const bool is_number = absl::SimpleAtoi(text, &number);
  const auto properties = ToProperties(options);
  if (properties.find(std::string(key)) == properties.end()) {
    std::vector<std::string> keys;
    for (const auto& [known, unused] : properties) keys.push_back(known);
    const std::string nearest = NearestName(key, keys);
    return absl::InvalidArgumentError(
        absl::StrCat("there is no setting ", std::string(key),
                     nearest.empty() ? absl::StrCat("; there are ", absl::StrJoin(keys, ", "))
                                     : absl::StrCat("; did you mean ", nearest, "?")));
  }
  if (!is_number) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(key), " is \"", text, "\"; it must be a whole number"));
  }
  if (key == "num.partitions") {
    if (number < 1 || number > limits::kMaxPartitions)
      return OutOfRange(key, number, 1, limits::kMaxPartitions);
    options.partitions = static_cast<int>(number);
  } else if (key == "flush.ms") {
    options.flush_interval = std::chrono::milliseconds(number);
  } else if (key == "segment.bytes") {
    options.segment_bytes = number;
  } else if (key == "memory.bytes") {
    options.memory_bytes = number;
  } else if (key == "max.block.ms") {
    options.max_block = std::chrono::milliseconds(number);
  } else if (key == "compression.zstd.level") {
    if (number < limits::kMinCompressionLevel || number > limits::kMaxCompressionLevel) {
      return OutOfRange(key, number, limits::kMinCompressionLevel, limits::kMaxCompressionLevel);
    }
    options.compression_level = static_cast<int>(number);
  } else if (key == "compression.dictionary.bytes") {
    options.dictionary_bytes = number;
  } else if (key == "retention.ms") {
    options.retention.time = std::chrono::milliseconds(number);
  } else if (key == "retention.bytes") {
    options.retention.bytes = number;
  } else if (key == "retention.max.bytes") {
    options.retention.max_bytes = number;
  } else {
    options.max_record_bytes = number;
  }
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
