#include "log/store/log_start.h"

#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "format/properties.h"
#include "format/segment_header.h"
#include "io/atomic_replace.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kKey = "log.start.offset";
constexpr std::size_t kMaxBytes = 4 << 10;

absl::Status Damaged(const Directory& directory, std::string_view why) {
  return absl::DataLossError(absl::StrCat(directory.path(), "/", std::string(kLogStartFile),
                                          " is damaged: ", std::string(why)));
}

}  // namespace

absl::StatusOr<Offset> ReadLogStart(Directory& directory) {
  const auto text = ReadFile(directory, kLogStartFile, kMaxBytes);
  if (absl::IsNotFound(text.status())) return Offset();
  if (absl::IsFailedPrecondition(text.status())) return Damaged(directory, "it is too long");
  if (!text.ok()) return text.status();
  const auto properties = DecodeProperties(*text);
  if (!properties.ok()) return Damaged(directory, std::string(properties.status().message()));
  const auto found = properties->find(std::string(kKey));
  std::int64_t start = 0;
  if (found == properties->end() || !absl::SimpleAtoi(found->second, &start) || start < 0 ||
      start > frame::kMaxBaseOffset) {
    return Damaged(directory, "it has no offset");
  }
  return Offset(start);
}

absl::Status WriteLogStart(Directory& directory, Offset start) {
  const std::string text = EncodeProperties({{std::string(kKey), std::to_string(start.value())}});
  return AtomicReplace(directory, kLogStartFile, std::as_bytes(std::span(text)));
}

}  // namespace daybook::inline v1
