#include "io/copy_file.h"

#include <algorithm>
#include <vector>

#include "base/is_zero.h"

namespace daybook::inline v1 {

absl::Status CopyContent(File& from, File& to) {
  constexpr std::uint64_t kPieceBytes = 64 << 10;
  const auto size = from.Size();
  if (!size.ok()) return size.status();
  std::vector<std::byte> piece(std::min(kPieceBytes, *size));
  for (std::uint64_t position = 0; position < *size; position += piece.size()) {
    const auto part =
        std::span(piece).first(std::min<std::uint64_t>(piece.size(), *size - position));
    const auto got = from.ReadAt(position, part);
    if (!got.ok()) return got.status();
    const bool is_last = position + piece.size() >= *size;
    if (!is_last && IsZero(part)) continue;
    // The last piece is written whatever it holds: it gives the file its size.
    if (const auto status = to.WriteAt(position, part.first(*got)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CopyFile(Directory& from, Directory& to, std::string_view name) {
  const auto source = from.OpenFile(name, FileMode::kRead);
  if (!source.ok()) return source.status();
  const auto copy = to.OpenFile(name, FileMode::kCreate);
  if (!copy.ok()) return copy.status();
  absl::Status status = CopyContent(**source, **copy);
  if (status.ok()) status = (*copy)->Sync();
  if (!status.ok()) to.RemoveFile(name).IgnoreError();
  return status;
}

}  // namespace daybook::inline v1
