#ifndef DAYBOOK_ADMIN_DIRECTORY_CHECK_H_
#define DAYBOOK_ADMIN_DIRECTORY_CHECK_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/data_directory.h"
#include "log/check/verify.h"

namespace daybook::inline v1 {

inline constexpr std::string_view kQuarantineDirectory = "quarantine";

// OK: it is a data directory, whatever is damaged in it. FailedPrecondition: it is none, or one of
// another format version.
absl::Status CheckIsDataDirectory(Directory& root);

struct DirectoryVerification {
  std::vector<VerifyIssue> issues;                // of the directory's own files
  std::vector<PartitionVerification> partitions;  // `directory` is the name, "orders-0"

  bool has_damage() const;
};

// Checks every byte of a data directory: its own files, those of the topics, or of `topics` alone,
// and their partitions. Changes nothing, takes no lock; another process may be writing. Damage is
// an issue, not an error.
//   FailedPrecondition  it is no data directory, or of another format version
//   NotFound            none of its files is of one of `topics`
absl::StatusOr<DirectoryVerification> VerifyDirectory(Directory& root, const BootId& boot,
                                                      const std::vector<std::string>& topics);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_ADMIN_DIRECTORY_CHECK_H_
