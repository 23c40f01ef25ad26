#ifndef DAYBOOK_SUPPORT_TRANSACTION_FIXTURE_H_
#define DAYBOOK_SUPPORT_TRANSACTION_FIXTURE_H_

#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "daybook/transaction.h"
#include "support/broker_fixture.h"

namespace daybook {

inline Transaction Begin(BrokerFixture& broker, TransactionOptions options = {}) {
  auto transaction = Transaction::Begin(*broker, std::move(options));
  INFO(transaction.status());
  REQUIRE(transaction.ok());
  return *std::move(transaction);
}

using Strings = std::vector<std::string>;

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_TRANSACTION_FIXTURE_H_
