#include "broker/topics/topic_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daybook/limits.h"
#include "format/properties.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kNameKey = "name";
constexpr std::string_view kIdKey = "id";
constexpr std::string_view kEarlierKey = "num.partitions.before";

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

}  // namespace

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
