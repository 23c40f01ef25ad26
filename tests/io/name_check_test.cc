#include "io/name_check.h"

#include <string>

#include "catch.h"

namespace daybook {

TEST_CASE("One component of a path is a name and nothing else is") {
  for (const std::string good : {"a", "orders-0", "...", "~replace", "with space", "\xff"}) {
    CHECK(CheckComponent(good).ok());
  }
  CHECK(CheckComponent(std::string(255, 'x')).ok());
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/"),
        std::string("../x"), std::string("a\0b", 3), std::string(256, 'x')}) {
    CHECK(absl::IsInvalidArgument(CheckComponent(bad)));
  }
}

TEST_CASE("A bad name is shown with its control characters escaped") {
  CHECK(CheckComponent(std::string("a\0\n/", 4)).message().find("a\\x00\\n/") !=
        absl::string_view::npos);
}

}  // namespace daybook
