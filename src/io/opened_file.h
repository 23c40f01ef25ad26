#ifndef DAYBOOK_IO_OPENED_FILE_H_
#define DAYBOOK_IO_OPENED_FILE_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daybook/system/simulated_file_system.h"
#include "io/simulated_disk.h"

// What SimulatedFileSystem opens and maps.

namespace daybook::inline v1 {

class SimulatedMappedFile final : public MappedFile {
 public:
  SimulatedMappedFile(std::shared_ptr<SimulatedDisk> disk, std::shared_ptr<SimulatedFile> file,
                      std::size_t size)
      : MappedFile(file->data(), size), handle_(std::move(disk)), file_(std::move(file)) {}

  void ReleasePages(std::size_t, std::size_t) override {}  // no pages here

 private:
  const OpenHandle handle_;
  const std::shared_ptr<SimulatedFile> file_;
};

class OpenedFile final : public File {
  using Operation = SimulatedDisk::Operation;

 public:
  OpenedFile(std::shared_ptr<SimulatedDisk> disk, std::shared_ptr<SimulatedFile> file,
             std::string path, bool is_writable)
      : disk_(std::move(disk)),
        file_(std::move(file)),
        path_(std::move(path)),
        is_writable_(is_writable) {}

  absl::StatusOr<std::uint64_t> Size() override {
    MutexLock lock(disk_->mutex);
    return file_->size();
  }

  absl::Status Allocate(std::uint64_t end) override {
    if (const auto status = disk_->Before(Operation::kAllocate, path_); !status.ok()) {
      return status;
    }
    MutexLock lock(disk_->mutex);
    return disk_->Grow(*file_, end, path_);
  }

  absl::StatusOr<std::uint64_t> FreeBytes() override {
    MutexLock lock(disk_->mutex);
    return disk_->capacity - std::min(disk_->capacity, disk_->allocated);
  }

  absl::Status Deallocate(std::uint64_t begin, std::uint64_t end) override {
    if (const auto status = disk_->Before(Operation::kDeallocate, path_); !status.ok()) {
      return status;
    }
    MutexLock lock(disk_->mutex);
    disk_->Deallocate(*file_, begin, end);
    return absl::OkStatus();
  }

  absl::StatusOr<std::size_t> ReadAt(std::uint64_t position, std::span<std::byte> out) override {
    if (const auto status = disk_->Before(Operation::kRead, path_); !status.ok()) return status;
    MutexLock lock(disk_->mutex);
    if (position >= file_->size()) return std::size_t{0};
    const std::size_t size = std::min<std::uint64_t>(out.size(), file_->size() - position);
    if (size != 0) std::memcpy(out.data(), file_->data() + position, size);
    return size;
  }

  absl::Status WriteAt(std::uint64_t position, std::span<const std::byte> bytes) override {
    if (const auto status = disk_->Before(Operation::kWrite, path_); !status.ok()) return status;
    if (!is_writable_) {
      return absl::PermissionDeniedError(absl::StrCat(path_, " is open for reading only"));
    }
    if (position + bytes.size() < position) {
      return absl::InvalidArgumentError(absl::StrCat(path_, ": no file is that long"));
    }
    MutexLock lock(disk_->mutex);
    if (const auto status = disk_->Grow(*file_, position + bytes.size(), path_); !status.ok()) {
      return status;
    }
    if (!bytes.empty()) {
      std::memcpy(file_->data() + position, bytes.data(), bytes.size());
      file_->MarkDirty(position, position + bytes.size());
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    const auto status = disk_->Before(Operation::kSync, path_);
    MutexLock lock(disk_->mutex);
    if (status.ok()) {
      file_->Sync();
    } else {
      file_->ForgetDirty();
    }
    return status;
  }

  absl::StatusOr<std::unique_ptr<MappedFile>> Map(std::uint64_t length, MapAccess) override {
    if (const auto status = disk_->Before(Operation::kMap, path_); !status.ok()) return status;
    if (length > SimulatedFile::kLargest) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot map ", path_,
                                                       ": the simulated disk maps at most ",
                                                       SimulatedFile::kLargest, " bytes"));
    }
    return std::make_unique<SimulatedMappedFile>(disk_, file_, length);
  }

 private:
  const std::shared_ptr<SimulatedDisk> disk_;
  const std::shared_ptr<SimulatedFile> file_;
  const std::string path_;
  const bool is_writable_;
  const OpenHandle handle_{disk_};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_OPENED_FILE_H_
