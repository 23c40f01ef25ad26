#ifndef DAYBOOK_SUPPORT_GUARDED_DIRECTORY_H_
#define DAYBOOK_SUPPORT_GUARDED_DIRECTORY_H_

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "catch.h"
#include "daybook/daybook.h"
#include "support/segment_bytes.h"
#include "support/temporary_directory.h"

namespace daybook {

// A data directory with one topic of a few records, and beside it the canary tree.
class Guarded {
 public:
  Guarded() {
    std::filesystem::create_directories(canary() / "directory");
    for (const std::string name : {"file", "directory/file"}) {
      std::ofstream(canary() / name) << "canary";
    }
    before_ = Canary();
    auto broker = Open().value();
    REQUIRE(broker->CreateTopic("t").ok());
    for (int i = 0; i < 3; ++i) Append(*broker).IgnoreError();
  }
  ~Guarded() { CHECK(Canary() == before_); }

  std::filesystem::path root() const { return directory_.path(); }
  std::filesystem::path data() const { return root() / "data"; }
  std::filesystem::path canary() const { return root() / "canary"; }

  absl::StatusOr<std::unique_ptr<Broker>> Open(BrokerAccess access = BrokerAccess::kReadWrite) {
    return Broker::Open(data().string(), {.access = access, .background = Background::kCaller});
  }
  static absl::Status Append(Broker& broker) {
    const auto topic = broker.OpenTopic("t");
    if (!topic.ok()) return topic.status();
    return topic->partition(0).Append(RecordOf("value")).status();
  }
  static absl::Status Read(Broker& broker) {
    auto reader = Reader::Open(broker, "t");
    if (!reader.ok()) return reader.status();
    return reader->Poll({}).status();
  }
  // Everything that can be done with the directory, as far as it goes; the first error.
  absl::Status UseAll() {
    absl::Status first;
    auto broker = Open();
    first.Update(broker.status());
    if (broker.ok()) {
      first.Update(Read(**broker));
      first.Update(Append(**broker));
      first.Update((*broker)->CreateTopic("new"));
      first.Update((*broker)->Close());
    }
    const auto reading = Open(BrokerAccess::kReadOnly);
    first.Update(reading.status());
    if (reading.ok()) first.Update(Read(**reading));
    for (const RepairMode mode : {RepairMode::kDryRun, RepairMode::kExecute}) {
      first.Update(Repair(data().string(), {.mode = mode}).status());
    }
    return first;
  }

 private:
  static std::string Get(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // Names, modes and contents.
  std::map<std::string, std::string> Canary() const {
    std::map<std::string, std::string> tree;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(canary())) {
      struct stat status {};
      REQUIRE(lstat(entry.path().c_str(), &status) == 0);
      tree[entry.path().string()] =
          std::to_string(status.st_mode) + (entry.is_regular_file() ? Get(entry.path()) : "");
    }
    return tree;
  }

  TemporaryDirectory directory_;
  std::map<std::string, std::string> before_;
};

// What can be planted in place of a file or a directory; false where that cannot be done here.
struct Plant {
  std::string name;
  std::function<bool(const Guarded&, const std::filesystem::path&)> put;
};
inline const std::vector<Plant>& Plants() {
  static const std::vector<Plant> plants = {
      {"a link to a file",
       [](const Guarded& guarded, const std::filesystem::path& path) {
         return symlink((guarded.canary() / "file").c_str(), path.c_str()) == 0;
       }},
      {"a link to a directory",
       [](const Guarded& guarded, const std::filesystem::path& path) {
         return symlink((guarded.canary() / "directory").c_str(), path.c_str()) == 0;
       }},
      {"a link to nothing",
       [](const Guarded& guarded, const std::filesystem::path& path) {
         return symlink((guarded.canary() / "nothing").c_str(), path.c_str()) == 0;
       }},
      {"a FIFO", [](const Guarded&,
                    const std::filesystem::path& path) { return mkfifo(path.c_str(), 0600) == 0; }},
      {"a device",
       [](const Guarded&, const std::filesystem::path& path) {
         return mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0;  // root alone may
       }},
      {"a directory",
       [](const Guarded&, const std::filesystem::path& path) {
         return std::filesystem::create_directory(path);
       }},
      {"a file", [](const Guarded&, const std::filesystem::path& path) {
         std::ofstream(path) << "stranger";
         return true;
       }}};
  return plants;
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_GUARDED_DIRECTORY_H_
