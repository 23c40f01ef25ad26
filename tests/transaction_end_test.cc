#include <new>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/transaction.h"
#include "support/broker_fixture.h"
#include "support/child_process.h"

// How transactions end that are not simply committed: src/producer/transaction.cc.

namespace daybook {

TEST_CASE("A transaction whose commit ran out of memory is aborted, and holds up no reader") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.durability = Durability::kDisk});
  broker.MakeTopic("b", {.durability = Durability::kDisk});
  const auto write = [&](const std::string& value) {
    auto transaction = Transaction::Begin(*broker).value();
    REQUIRE(transaction.Send("a", RecordOf(value)).ok());
    REQUIRE(transaction.Send("b", RecordOf(value)).ok());
    return transaction;
  };
  REQUIRE(write("first").Commit().ok());
  bool fails = true;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string& path) {
    const bool is_sync = operation == SimulatedFileSystem::Operation::kSync;
    if (fails && is_sync && path.find("/b-0/") != std::string::npos) throw std::bad_alloc();
    return absl::OkStatus();
  });
  Transaction failed = write("failed");
  CHECK_THROWS_AS(failed.Commit().IgnoreError(), std::bad_alloc);
  fails = false;
  REQUIRE(write("last").Commit().ok());
  const std::vector<std::string> values = {"first", "last"};
  CHECK(broker.Values("a") == values);
  CHECK(broker.Values("b") == values);
  broker.Kill();
  CHECK(broker.Values("a") == values);
}

TEST_CASE("A transaction's end in a child of its process touches nothing of the parent's") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  std::optional<Transaction> named = Transaction::Begin(*broker, {.name = "n"}).value();
  std::optional<Transaction> other = Transaction::Begin(*broker).value();
  REQUIRE(named->Send("a", RecordOf("x")).ok());
  BrokerCore& core = Access::Core(*broker);
  CHECK(InChild([&] {
          named.reset();
          if (core.transaction_names().size() != 1) return 1;
          *other = Transaction(std::move(*other));
          other.reset();
          return 0;
        }) == 0);
  CHECK(core.transaction_names().size() == 1);
  CHECK(named->Commit().ok());
}

}  // namespace daybook
