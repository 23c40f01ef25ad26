#include "broker/transaction_names.h"

#include "catch.h"

namespace daybook {

TEST_CASE("Only who took a name last may decide under it") {
  TransactionNames names;
  int decided = 0;
  const auto decide = [&decided] {
    ++decided;
    return absl::OkStatus();
  };
  const std::uint64_t first = names.Raise("importer");
  CHECK(names.WhileCurrent("importer", first, decide).ok());
  const std::uint64_t second = names.Raise("importer");
  names.Raise("another");
  CHECK(absl::IsAborted(names.WhileCurrent("importer", first, decide)));
  CHECK(decided == 1);
  CHECK(names.WhileCurrent("importer", second, decide).ok());
  CHECK(absl::IsAborted(names.WhileCurrent("unknown", 1, decide)));
  CHECK(decided == 2);
}

TEST_CASE("What a decision answers is what its name's holder is told") {
  TransactionNames names;
  const std::uint64_t epoch = names.Raise("importer");
  const auto fail = [] { return absl::ResourceExhaustedError("the disk is full"); };
  CHECK(absl::IsResourceExhausted(names.WhileCurrent("importer", epoch, fail)));
}

}  // namespace daybook
