#include "broker/data_directory.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random_id.h"
#include "format/properties.h"
#include "io/atomic_replace.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kIdProperty = "directory.id";
constexpr std::size_t kMaxPropertiesBytes = 64 << 10;

// OK: the directory is ours. NotFound: it is empty, and can become ours.
absl::Status CheckIsOurs(Directory& directory) {
  const auto annotate = [&](const absl::Status& status) {
    return absl::Status(
        status.code(),
        absl::StrCat(directory.path(), "/", std::string(kPropertiesFile), ": ", status.message()));
  };
  const auto text = ReadFile(directory, kPropertiesFile, kMaxPropertiesBytes);
  if (text.ok()) {
    const auto properties = DecodeProperties(*text);
    return properties.ok() ? absl::OkStatus() : annotate(properties.status());
  }
  if (!absl::IsNotFound(text.status())) return text.status();
  const auto entries = directory.List();
  if (!entries.ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    // What an open leaves that was interrupted before it wrote the properties.
    if (entry.name == kLockFile || entry.name == kReplaceTemporary) continue;
    if (IsOfVolume(entry.name)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(directory.path(), " is not a data directory of Daybook: it has no ",
                     std::string(kPropertiesFile), ", but ", entry.name,
                     "; name a directory that is empty or does not exist yet"));
  }
  return absl::NotFoundError(absl::StrCat(directory.path(), " holds no Daybook data"));
}

absl::Status MakeOurs(Directory& directory) {
  const std::string text = NewProperties();
  return AtomicReplace(directory, kPropertiesFile, std::as_bytes(std::span(text)));
}

}  // namespace

bool IsOfVolume(std::string_view name) { return name.starts_with('.') || name == "lost+found"; }

std::string NewProperties() {
  return EncodeProperties({{std::string(kIdProperty), absl::StrFormat("%016x", RandomId())}});
}

absl::StatusOr<DataDirectory> OpenDataDirectory(FileSystem& file_system, std::string_view path,
                                                bool is_read_only) {
  auto root = file_system.OpenDirectory(path, DirectoryMode::kMustExist);
  absl::Status ours = root.ok() ? CheckIsOurs(**root) : root.status();
  if (!is_read_only && absl::IsNotFound(ours)) {
    // Also if it is there: it may have been made just before a crash, and not be durable yet. To
    // make sure of that takes a sync, which waits for all that others have written.
    root = file_system.OpenDirectory(path, DirectoryMode::kCreateIfMissing);
    ours = root.ok() ? CheckIsOurs(**root) : root.status();
  }
  if (!root.ok()) return root.status();
  if (!ours.ok() && (is_read_only || !absl::IsNotFound(ours))) return ours;
  if (is_read_only) return DataDirectory{.root = *std::move(root), .lock = nullptr};
  auto lock = (*root)->Lock(kLockFile);
  if (!lock.ok()) return lock.status();
  ours = CheckIsOurs(**root);  // as it is now that nobody else changes it
  if (absl::IsNotFound(ours)) ours = MakeOurs(**root);
  if (!ours.ok()) return ours;
  return DataDirectory{.root = *std::move(root), .lock = *std::move(lock)};
}

absl::StatusOr<std::string> DirectoryId(Directory& root) {
  const auto text = ReadFile(root, kPropertiesFile, kMaxPropertiesBytes);
  if (!text.ok()) return text.status();
  const auto properties = DecodeProperties(*text);
  if (properties.ok() && properties->contains(std::string(kIdProperty))) {
    return properties->at(std::string(kIdProperty));
  }
  return absl::DataLossError(absl::StrCat(root.path(), "/", std::string(kPropertiesFile),
                                          " is damaged: it has no ", std::string(kIdProperty)));
}

bool IsSameDataDirectory(FileSystem& file_system, std::string_view path, Directory& other) {
  const auto root = file_system.OpenDirectory(path, DirectoryMode::kMustExist);
  if (!root.ok()) return false;
  const auto id = DirectoryId(**root);
  const auto others = DirectoryId(other);
  return id.ok() && others.ok() && *id == *others;
}

}  // namespace daybook::inline v1
