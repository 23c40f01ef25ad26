#include "io/atomic_replace.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {

absl::Status AtomicReplace(Directory& directory, std::string_view name,
                           std::span<const std::byte> bytes, std::string_view temporary) {
  auto file = directory.OpenFile(temporary, FileMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {  // left over from a crash
    if (const auto status = directory.RemoveFile(temporary); !status.ok()) return status;
    file = directory.OpenFile(temporary, FileMode::kCreate);
  }
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->WriteAt(0, bytes);
  if (status.ok() && !IsPlanted(PlantedBug::kNoSyncBeforeRename)) status = (*file)->Sync();
  if (status.ok()) status = directory.Rename(temporary, name);
  if (!status.ok()) {
    directory.RemoveFile(temporary).IgnoreError();
    return status;
  }
  return directory.Sync();
}

absl::StatusOr<std::string> ReadFile(Directory& directory, std::string_view name,
                                     std::size_t max_bytes) {
  const auto file = directory.OpenFile(name, FileMode::kRead);
  if (!file.ok()) return file.status();
  const auto size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size > max_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory.path(), "/", std::string(name), " has ", *size,
                     " bytes; it should have at most ", max_bytes));
  }
  std::string text(*size, '\0');
  const auto got = (*file)->ReadAt(0, std::as_writable_bytes(std::span(text)));
  if (!got.ok()) return got.status();
  text.resize(*got);
  return text;
}

absl::StatusOr<std::unique_ptr<MappedFile>> MapFile(Directory& directory, std::string_view name) {
  const auto file = directory.OpenFile(name, FileMode::kRead);
  if (!file.ok()) return file.status();
  const auto size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size == 0) return nullptr;
  return (*file)->Map((*size + 7) / 8 * 8, MapAccess::kRead);
}

absl::Status RemoveIfThere(Directory& directory, std::string_view name) {
  const auto status = directory.RemoveFile(name);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace daybook::inline v1
