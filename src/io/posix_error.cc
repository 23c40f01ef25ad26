#include "io/posix_error.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {
namespace {

struct Meaning {
  absl::StatusCode code;
  std::string_view way_out;
};

Meaning MeaningOf(int error) {
  using absl::StatusCode;
  switch (error) {
    case ENOENT:
      return {StatusCode::kNotFound, ""};
    case EEXIST:
      return {StatusCode::kAlreadyExists, ""};
    case ENOSPC:
    case EDQUOT:
      return {StatusCode::kResourceExhausted, "free some space, then try again"};
    case EFBIG:
      return {StatusCode::kResourceExhausted, "raise the limit on file sizes (ulimit -f)"};
    case EMFILE:
    case ENFILE:
      return {StatusCode::kResourceExhausted, "raise the limit on open files (ulimit -n)"};
    case ENOMEM:
      return {StatusCode::kResourceExhausted,
              "free some memory, or raise vm.max_map_count if there are very many maps"};
    case EAGAIN:
      return {StatusCode::kResourceExhausted, "try again when less is going on"};
    case EACCES:
    case EPERM:
      return {StatusCode::kPermissionDenied, "check its owner and mode"};
    case EROFS:
      return {StatusCode::kPermissionDenied, "the file system is mounted read-only"};
    case ELOOP:
      return {StatusCode::kFailedPrecondition, "it is a link, and links are not followed"};
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EXDEV:
    case ENXIO:
    case ENODEV:
      return {StatusCode::kFailedPrecondition, "something else stands in its place"};
    case ENAMETOOLONG:
    case EINVAL:
      return {StatusCode::kInvalidArgument, ""};
    case EIO:
      return {StatusCode::kDataLoss, "check the disk"};
    default:
      return {StatusCode::kInternal, ""};
  }
}

}  // namespace

absl::Status PosixError(int error, std::string_view what, std::string_view path) {
  const Meaning meaning = MeaningOf(error);
  std::string message = absl::StrCat("cannot ", std::string(what), " ", std::string(path), ": ",
                                     std::generic_category().message(error));
  if (!meaning.way_out.empty()) absl::StrAppend(&message, "; ", std::string(meaning.way_out));
  return absl::Status(meaning.code, message);
}

}  // namespace daybook::inline v1
