#ifndef DAYBOOK_TORTURE_PROCESS_FILE_WATCH_H_
#define DAYBOOK_TORTURE_PROCESS_FILE_WATCH_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace daybook::torture {

// The files of a directory, mapped, and what they held at the last look.
class FileWatch {
 public:
  explicit FileWatch(std::string directory) : directory_(std::move(directory)) { List(); }
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  ~FileWatch() {
    for (auto& [path, file] : files_) Unmap(file);
  }

  // True when files came, went, changed their name or size since.
  bool List() {
    std::map<std::string, File> files;
    bool is_changed = false;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_, ignored)) {
      struct stat found;
      if (stat(entry.path().c_str(), &found) != 0 || !S_ISREG(found.st_mode)) continue;
      const std::string path = entry.path();
      const auto before = files_.find(path);
      if (before != files_.end() && before->second.inode == found.st_ino &&
          before->second.content.size() == static_cast<std::size_t>(found.st_size)) {
        files.insert(files_.extract(before));
        continue;
      }
      is_changed = true;
      files[path] = Map(path, found);
    }
    is_changed = is_changed || !files_.empty();
    for (auto& [path, file] : files_) Unmap(file);
    files_ = std::move(files);
    return is_changed;
  }

  // True when bytes of them changed since.
  bool Look() {
    bool is_changed = false;
    for (auto& [path, file] : files_) {
      if (std::memcmp(file.data, file.content.data(), file.content.size()) == 0) continue;
      std::memcpy(file.content.data(), file.data, file.content.size());
      is_changed = true;
    }
    return is_changed;
  }

  void CopyTo(const std::string& directory) const {
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    for (const auto& [path, file] : files_) {
      const std::string to = directory + path.substr(directory_.size());
      std::filesystem::create_directories(std::filesystem::path(to).parent_path());
      const int descriptor = open(to.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
      const auto size = static_cast<ssize_t>(file.content.size());
      if (descriptor < 0 || write(descriptor, file.content.data(), file.content.size()) != size) {
        throw std::runtime_error("cannot write " + to);
      }
      close(descriptor);
    }
  }

 private:
  struct File {
    ino_t inode = 0;
    void* data = nullptr;
    std::vector<char> content;
  };

  static File Map(const std::string& path, const struct stat& found) {
    File file{.inode = found.st_ino, .data = nullptr, .content = {}};
    const auto size = static_cast<std::size_t>(found.st_size);
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0 && size != 0) {
      file.data = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
      if (file.data == MAP_FAILED) throw std::bad_alloc();
      const char* const bytes = static_cast<const char*>(file.data);
      file.content.assign(bytes, bytes + size);
    }
    if (descriptor >= 0) close(descriptor);
    return file;
  }
  static void Unmap(File& file) {
    if (file.data != nullptr) munmap(file.data, file.content.size());
  }

  const std::string directory_;
  std::map<std::string, File> files_;
};

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_PROCESS_FILE_WATCH_H_
