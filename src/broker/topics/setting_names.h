#ifndef DAYBOOK_BROKER_TOPICS_SETTING_NAMES_H_
#define DAYBOOK_BROKER_TOPICS_SETTING_NAMES_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daybook/storage.h"
#include "daybook/topic.h"

// The words that settings take, what they mean, and what is said of others.

namespace daybook::inline v1 {

inline constexpr std::array<std::pair<std::string_view, Durability>, 3> kDurabilities = {{
    {"process", Durability::kProcess},
    {"interval", Durability::kInterval},
    {"disk", Durability::kDisk},
}};

inline constexpr std::array<std::pair<std::string_view, Compression>, 2> kCompressions = {{
    {"none", Compression::kNone},
    {"zstd", Compression::kZstd},
}};

inline constexpr std::array<std::pair<std::string_view, TimestampType>, 2> kTimestampTypes = {{
    {"CreateTime", TimestampType::kCreateTime},
    {"LogAppendTime", TimestampType::kLogAppendTime},
}};

inline constexpr std::array<std::pair<std::string_view, Storage>, 2> kStorages = {{
    {"file", Storage::kFile},
    {"memory", Storage::kMemory},
}};

inline constexpr std::array<std::pair<std::string_view, WhenFull>, 3> kWhenFull = {{
    {"drop-oldest", WhenFull::kDropOldest},
    {"block", WhenFull::kBlock},
    {"fail", WhenFull::kFail},
}};

inline constexpr std::array<std::pair<std::string_view, RetentionUnread>, 2> kRetentionUnread = {{
    {"delete", RetentionUnread::kDelete},
    {"keep", RetentionUnread::kKeep},
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

inline absl::Status OutOfRange(std::string_view key, std::int64_t value, std::int64_t low,
                               std::int64_t high) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(key), " is ", value, "; it must be from ", low, " to ", high));
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TOPICS_SETTING_NAMES_H_
