#include "populated_file_system.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace daybook::bench {
namespace {

class PopulatedFile final : public File {
 public:
  explicit PopulatedFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  absl::StatusOr<std::uint64_t> Size() override { return file_->Size(); }
  absl::Status Allocate(std::uint64_t end) override {
    return end <= populated_ ? absl::OkStatus() : file_->Allocate(end);
  }
  absl::StatusOr<std::uint64_t> FreeBytes() override { return file_->FreeBytes(); }
  absl::Status Deallocate(std::uint64_t begin, std::uint64_t end) override {
    return file_->Deallocate(begin, end);
  }
  absl::StatusOr<std::size_t> ReadAt(std::uint64_t position, std::span<std::byte> out) override {
    return file_->ReadAt(position, out);
  }
  absl::Status WriteAt(std::uint64_t position, std::span<const std::byte> bytes) override {
    return file_->WriteAt(position, bytes);
  }
  absl::Status Sync() override { return file_->Sync(); }
  absl::StatusOr<std::unique_ptr<MappedFile>> Map(std::uint64_t length, MapAccess access) override {
    if (access == MapAccess::kRead) return file_->Map(length, access);
    if (const auto status = file_->Allocate(length); !status.ok()) return status;
    auto map = file_->Map(length, access);
    if (map.ok()) {
      Populate((*map)->data(), length);
      populated_ = length;
    }
    return map;
  }

 private:
  const std::unique_ptr<File> file_;
  std::uint64_t populated_ = 0;
};

class PopulatedDirectory final : public Directory {
 public:
  explicit PopulatedDirectory(std::unique_ptr<Directory> directory)
      : directory_(std::move(directory)) {}

  const std::string& path() const override { return directory_->path(); }
  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(std::string_view name) override {
    return Wrap(directory_->OpenDirectory(name));
  }
  absl::StatusOr<std::unique_ptr<Directory>> CreateDirectory(std::string_view name) override {
    return Wrap(directory_->CreateDirectory(name));
  }
  absl::StatusOr<std::unique_ptr<File>> OpenFile(std::string_view name, FileMode mode) override {
    auto file = directory_->OpenFile(name, mode);
    if (!file.ok()) return file;
    return std::make_unique<PopulatedFile>(*std::move(file));
  }
  absl::StatusOr<std::vector<DirectoryEntry>> List() override { return directory_->List(); }
  absl::Status Rename(std::string_view from, std::string_view to) override {
    return directory_->Rename(from, to);
  }
  absl::Status RemoveFile(std::string_view name) override { return directory_->RemoveFile(name); }
  absl::Status RemoveDirectory(std::string_view name) override {
    return directory_->RemoveDirectory(name);
  }
  absl::Status Sync() override { return directory_->Sync(); }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view name) override {
    return directory_->Lock(name);
  }
  absl::StatusOr<bool> IsLocked(std::string_view name) override {
    return directory_->IsLocked(name);
  }

  static absl::StatusOr<std::unique_ptr<Directory>> Wrap(
      absl::StatusOr<std::unique_ptr<Directory>> directory) {
    if (!directory.ok()) return directory;
    return std::make_unique<PopulatedDirectory>(*std::move(directory));
  }

 private:
  const std::unique_ptr<Directory> directory_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Directory>> PopulatedFileSystem::OpenDirectory(std::string_view path,
                                                                              DirectoryMode mode) {
  return PopulatedDirectory::Wrap(Posix().OpenDirectory(path, mode));
}

void Populate(std::byte* begin, std::uint64_t bytes) {
  constexpr std::uint64_t kPage = 4096;
  for (std::uint64_t at = 0; at < bytes; at += kPage) {
    volatile std::byte* byte = begin + at;
    *byte = *byte;
  }
}

}  // namespace daybook::bench
