#include "fuzz/fuzz_target.h"

#include <algorithm>

namespace daybook::fuzz {

void ExpectTyped(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return;
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnimplemented:
      throw Finding("an error that says nothing: " + status.ToString());
    default:
      Expect(!status.message().empty(), "an error without a message");
  }
}

std::uint8_t Choices::Byte() {
  if (left_.empty()) return 0;
  const std::uint8_t byte = left_.front();
  left_ = left_.subspan(1);
  return byte;
}

std::uint64_t Choices::Number(int bytes) {
  std::uint64_t number = 0;
  for (int i = 0; i < bytes; ++i) number |= std::uint64_t{Byte()} << (8 * i);
  return number;
}

std::uint64_t Choices::Pick(std::uint64_t below) {
  return Number(below <= 256 ? 1 : below <= 65'536 ? 2 : 4) % below;
}

Input Choices::Take(std::size_t size) {
  const Input taken = left_.first(std::min(size, left_.size()));
  left_ = left_.subspan(taken.size());
  return taken;
}

std::string_view Choices::Text(std::size_t size) { return TextOf(Take(size)); }

}  // namespace daybook::fuzz
