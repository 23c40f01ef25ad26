#include "segment/replace/replacement.h"

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "format/segment_header.h"
#include "segment/partition_name.h"

namespace daybook::inline v1 {

std::string Replacement::file() const { return SegmentFileName(begin, kReplacementSuffix); }

std::string Replacement::marker() const {
  return absl::StrFormat("%020d-%020d-%016x%s", begin.value(), end.value(), segment_id,
                         std::string(kMarkerSuffix));
}

std::optional<Replacement> Replacement::ParseMarker(std::string_view name) {
  constexpr std::size_t kLength = 20 + 1 + 20 + 1 + 16 + kMarkerSuffix.size();
  if (name.size() != kLength || !name.ends_with(kMarkerSuffix)) return std::nullopt;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  Replacement found;
  if (!absl::SimpleAtoi(std::string(name.substr(0, 20)), &begin) ||
      !absl::SimpleAtoi(std::string(name.substr(21, 20)), &end) ||
      !absl::SimpleHexAtoi(std::string(name.substr(42, 16)), &found.segment_id)) {
    return std::nullopt;
  }
  if (begin < 0 || end <= begin || end > frame::kMaxBaseOffset) return std::nullopt;
  found.begin = Offset(begin);
  found.end = Offset(end);
  return found.marker() == name ? std::optional(found) : std::nullopt;
}

absl::StatusOr<bool> Replacement::IsInPlace(Directory& directory) const {
  const auto file = directory.OpenFile(SegmentFileName(begin, ".log"), FileMode::kRead);
  if (absl::IsNotFound(file.status())) return false;
  if (!file.ok()) return file.status();
  std::array<std::byte, frame::kSegmentHeaderBytes> page{};
  const auto got = (*file)->ReadAt(0, page);
  if (!got.ok()) return got.status();
  const auto header = frame::DecodeSegmentHeader(page);
  return header.ok() && header->segment_id == segment_id;
}

}  // namespace daybook::inline v1
