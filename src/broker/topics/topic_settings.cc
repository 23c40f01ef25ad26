#include "broker/topics/topic_settings.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/page.h"
#include "daybook/format/frame.h"
#include "daybook/limits.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kNameKey = "name";
constexpr std::string_view kIdKey = "id";
constexpr std::string_view kEarlierKey = "num.partitions.before";
// A partition in memory is in so many pieces.
constexpr std::int64_t kMemoryPieces = 8;
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

constexpr std::array<std::pair<std::string_view, Durability>, 3> kDurabilities = {{
    {"process", Durability::kProcess},
    {"interval", Durability::kInterval},
    {"disk", Durability::kDisk},
}};

constexpr std::array<std::pair<std::string_view, Compression>, 2> kCompressions = {{
    {"none", Compression::kNone},
    {"zstd", Compression::kZstd},
}};

constexpr std::array<std::pair<std::string_view, TimestampType>, 2> kTimestampTypes = {{
    {"CreateTime", TimestampType::kCreateTime},
    {"LogAppendTime", TimestampType::kLogAppendTime},
}};

constexpr std::array<std::pair<std::string_view, Storage>, 2> kStorages = {{
    {"file", Storage::kFile},
    {"memory", Storage::kMemory},
}};

constexpr std::array<std::pair<std::string_view, WhenFull>, 3> kWhenFull = {{
    {"drop-oldest", WhenFull::kDropOldest},
    {"block", WhenFull::kBlock},
    {"fail", WhenFull::kFail},
}};

template <typename Names, typename Value>
std::string NameOf(const Names& names, Value value) {
  for (const auto& [name, known] : names) {
    if (known == value) return std::string(name);
  }
  return "";
}

template <typename Names>
std::vector<std::string> NamesIn(const Names& names) {
  std::vector<std::string> all;
  for (const auto& [name, unused] : names) all.emplace_back(name);
  return all;
}

template <typename Names, typename Value>
bool FindByName(const Names& names, std::string_view text, Value* value) {
  for (const auto& [name, known] : names) {
    if (name != text) continue;
    *value = known;
    return true;
  }
  return false;
}

absl::Status OutOfRange(std::string_view key, std::int64_t value, std::int64_t low,
                        std::int64_t high) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(key), " is ", value, "; it must be from ", low, " to ", high));
}

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
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  return absl::OkStatus();
}

std::vector<std::string> Split(std::string_view text, char by) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == by) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

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
  return absl::OkStatus();
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
          {"message.timestamp.type", NameOf(kTimestampTypes, options.timestamp_type)}};
}

std::vector<std::string> ValuesOfSetting(std::string_view key) {
  if (key == "durability") return NamesIn(kDurabilities);
  if (key == "compression.type") return NamesIn(kCompressions);
  if (key == "message.timestamp.type") return NamesIn(kTimestampTypes);
  if (key == "storage") return NamesIn(kStorages);
  if (key == "memory.when.full") return NamesIn(kWhenFull);
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
  } else {
    options.max_record_bytes = number;
  }
  return absl::OkStatus();
}

absl::StatusOr<TopicOptions> DecodeTopicFile(std::string_view text, std::string_view name,
                                             TopicOrigin* origin) {
  auto properties = DecodeProperties(text);
  if (!properties.ok()) return properties.status();
  const auto stored_name = properties->extract(std::string(kNameKey));
  if (!stored_name || stored_name.mapped() != name) {
    return absl::DataLossError("it is the file of another topic; was it renamed?");
  }
  const std::uint64_t id = TopicIdIn(text);
  properties->erase(std::string(kIdKey));
  std::vector<int> earlier;
  if (const auto stored = properties->extract(std::string(kEarlierKey)); stored) {
    for (const std::string& count : Split(stored.mapped(), ',')) {
      int number = 0;
      if (!absl::SimpleAtoi(count, &number) || number < 1 || number > limits::kMaxPartitions) {
        return absl::DataLossError(
            absl::StrCat(std::string(kEarlierKey), " is \"", stored.mapped(), "\""));
      }
      earlier.push_back(number);
    }
  }
  TopicOptions options;
  for (const auto& [key, value] : *properties) {
    if (const auto status = SetOption(options, key, value); !status.ok()) return status;
  }
  // Earlier versions took up to 256 MiB, and could not store as much.
  options.max_record_bytes = std::min(options.max_record_bytes, limits::kMaxRecordBytes);
  options = Resolve(options);
  if (const auto status = CheckTopicOptions(options); !status.ok()) return status;
  // A key's hash is taken modulo these, and what is found are partitions.
  for (const int count : earlier) {
    if (count >= options.partitions) {
      return absl::DataLossError(
          absl::StrCat("it had ", count, " partitions before it has ", options.partitions));
    }
  }
  if (origin != nullptr) *origin = {.id = id, .earlier_counts = std::move(earlier)};
  return options;
}

std::uint64_t TopicIdIn(std::string_view text) {
  const auto properties = DecodeProperties(text);
  if (!properties.ok()) return 0;
  const auto found = properties->find(std::string(kIdKey));
  std::uint64_t id = 0;
  return found != properties->end() && absl::SimpleAtoi(found->second, &id) ? id : 0;
}

std::string EncodeTopicFile(const TopicOptions& options, std::string_view name,
                            const TopicOrigin& origin) {
  Properties properties = ToProperties(options);
  properties[std::string(kNameKey)] = std::string(name);
  if (origin.id != 0) properties[std::string(kIdKey)] = absl::StrCat(origin.id);
  if (!origin.earlier_counts.empty()) {
    properties[std::string(kEarlierKey)] = absl::StrJoin(origin.earlier_counts, ",");
  }
  return EncodeProperties(properties);
}

}  // namespace daybook::inline v1
