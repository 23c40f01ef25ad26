#ifndef DAYBOOK_LOG_STORE_PARTITION_DIRECTORY_H_
#define DAYBOOK_LOG_STORE_PARTITION_DIRECTORY_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

// The directory of one partition, which is there from the first append on. It is opened for each
// use: partitions would need more descriptors than a process has. Thread-safe.
class PartitionDirectory {
 public:
  // `root`: the data directory; must outlive this.
  PartitionDirectory(Directory* root, std::string name) : root_(root), name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  // NotFound: nothing was ever appended, or the topic is gone.
  absl::StatusOr<std::unique_ptr<Directory>> Open() const { return root_->OpenDirectory(name_); }
  absl::StatusOr<std::unique_ptr<Directory>> OpenOrCreate() const {
    auto directory = Open();
    return absl::IsNotFound(directory.status()) ? root_->CreateDirectory(name_)
                                                : std::move(directory);
  }
  // Makes its own name durable.
  absl::Status SyncName() const { return root_->Sync(); }

 private:
  Directory* root_;
  std::string name_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_PARTITION_DIRECTORY_H_
