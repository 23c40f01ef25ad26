#include "broker/transactions/transaction_names.h"

#include <memory>

#include "catch.h"

namespace daybook {

TEST_CASE("Only who took a name last may decide under it") {
  TransactionNames names;
  int decided = 0;
  const auto decide = [&decided] {
    ++decided;
    return absl::OkStatus();
  };
  TransactionNames::Holder first;
  TransactionNames::Holder second;
  TransactionNames::Holder another;
  names.Raise("importer", first);
  CHECK(TransactionNames::WhileCurrent(first, decide).ok());
  names.Raise("importer", second);
  names.Raise("another", another);
  CHECK(absl::IsAborted(TransactionNames::WhileCurrent(first, decide)));
  CHECK(decided == 1);
  CHECK(TransactionNames::WhileCurrent(second, decide).ok());
  CHECK(TransactionNames::WhileCurrent(another, decide).ok());
  CHECK(decided == 3);
}

TEST_CASE("What a decision answers is what its name's holder is told") {
  TransactionNames names;
  TransactionNames::Holder holder;
  names.Raise("importer", holder);
  const auto fail = [] { return absl::ResourceExhaustedError("the disk is full"); };
  CHECK(absl::IsResourceExhausted(TransactionNames::WhileCurrent(holder, fail)));
}

TEST_CASE("A name stays as long as somebody holds it, whoever took it last") {
  TransactionNames names;
  const auto decide = [] { return absl::OkStatus(); };
  auto first = std::make_unique<TransactionNames::Holder>();
  auto second = std::make_unique<TransactionNames::Holder>();
  names.Raise("importer", *first);
  names.Raise("importer", *second);
  second.reset();
  CHECK(names.size() == 1);
  CHECK(absl::IsAborted(TransactionNames::WhileCurrent(*first, decide)));
  first.reset();
  CHECK(names.size() == 0);
}

TEST_CASE("A transaction of one name is begun and decided while one of another is being decided") {
  TransactionNames names;
  TransactionNames::Holder outer;
  names.Raise("outer", outer);
  const auto status = TransactionNames::WhileCurrent(outer, [&] {
    TransactionNames::Holder inner;
    names.Raise("inner", inner);
    return TransactionNames::WhileCurrent(inner, [] { return absl::OkStatus(); });
  });
  CHECK(status.ok());
}

}  // namespace daybook
