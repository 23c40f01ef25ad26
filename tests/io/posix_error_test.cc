#include "io/posix_error.h"

#include <cerrno>

#include "catch.h"

namespace daybook {

TEST_CASE("Errors have the code that the file system's contract promises") {
  const auto code = [](int error) { return PosixError(error, "open", "/x").code(); };
  CHECK(code(ENOENT) == absl::StatusCode::kNotFound);
  CHECK(code(EEXIST) == absl::StatusCode::kAlreadyExists);
  for (const int error : {ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE, ENOMEM, EAGAIN}) {
    CHECK(code(error) == absl::StatusCode::kResourceExhausted);
  }
  for (const int error : {EACCES, EPERM, EROFS}) {
    CHECK(code(error) == absl::StatusCode::kPermissionDenied);
  }
  for (const int error : {ELOOP, ENOTDIR, EISDIR, ENXIO}) {
    CHECK(code(error) == absl::StatusCode::kFailedPrecondition);
  }
  CHECK(code(EIO) == absl::StatusCode::kDataLoss);
}

TEST_CASE("A message says what was tried, with what, why it failed and the way out") {
  CHECK(PosixError(EMFILE, "open", "/data/x.log").message() ==
        "cannot open /data/x.log: Too many open files; raise the limit on open files (ulimit -n)");
}

TEST_CASE("A call that a signal interrupts is made again") {
  int calls = 0;
  const int result = RetryOnSignal([&] {
    errno = EINTR;
    return ++calls < 3 ? -1 : 7;
  });
  CHECK(result == 7);
  CHECK(calls == 3);
}

}  // namespace daybook
