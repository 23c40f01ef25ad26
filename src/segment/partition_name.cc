#include "segment/partition_name.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "format/segment_header.h"
#include "segment/replace/replacement.h"

namespace daybook::inline v1 {

constexpr std::size_t kDigits = 20;

std::optional<PartitionName> PartitionName::Parse(std::string_view directory) {
  const std::size_t dash = directory.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  const std::string_view digits = directory.substr(dash + 1);
  int number = 0;
  if (digits.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(std::string(digits), &number)) {
    return std::nullopt;
  }
  PartitionName name(directory.substr(0, dash), number);
  if (name.directory() != directory) return std::nullopt;  // "orders-01"
  return name;
}

std::string SegmentFileName(Offset base_offset, std::string_view suffix) {
  return absl::StrFormat("%0*d%s", static_cast<int>(kDigits), base_offset.value(),
                         std::string(suffix));
}

std::optional<Offset> ParseSegmentFileName(std::string_view name) {
  if (name.size() != kDigits + 4 || name.substr(kDigits) != ".log") return std::nullopt;
  const std::string_view digits = name.substr(0, kDigits);
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::int64_t value = 0;
  if (!absl::SimpleAtoi(std::string(digits), &value) || value > frame::kMaxBaseOffset) {
    return std::nullopt;
  }
  return Offset(value);
}

absl::StatusOr<std::vector<Offset>> ListSegmentBases(Directory& directory) {
  const auto entries = directory.List();
  return entries.ok() ? SegmentBases(directory, *entries) : entries.status();
}

absl::StatusOr<std::vector<Offset>> SegmentBases(Directory& directory,
                                                 const std::vector<DirectoryEntry>& entries) {
  std::vector<Offset> bases;
  for (const DirectoryEntry& entry : entries) {
    const auto base = ParseSegmentFileName(entry.name);
    if (base && !entry.is_directory) bases.push_back(*base);
  }
  std::sort(bases.begin(), bases.end());
  for (const DirectoryEntry& entry : entries) {
    const auto replacement = Replacement::ParseMarker(entry.name);
    if (!replacement) continue;
    const auto in_place = replacement->IsInPlace(directory);
    if (!in_place.ok()) return in_place.status();
    if (!*in_place) continue;
    std::erase_if(
        bases, [&](Offset base) { return base > replacement->begin && base < replacement->end; });
  }
  return bases;
}

absl::Status RemoveSegmentFiles(Directory& directory, Offset base_offset) {
  for (const std::string_view suffix : {".index", ".producers"}) {
    directory.RemoveFile(SegmentFileName(base_offset, suffix)).IgnoreError();  // it may have none
  }
  return directory.RemoveFile(SegmentFileName(base_offset, ".log"));
}

}  // namespace daybook::inline v1
