#ifndef DAYBOOK_BROKER_ACCESS_H_
#define DAYBOOK_BROKER_ACCESS_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/partition.h"
#include "daybook/topic.h"
#include "daybook/transaction.h"

namespace daybook::inline v1 {

// What is behind the handles of the public headers, which show it to the library and its tests by
// this class alone.
class Access {
 public:
  Access() = delete;

  static BrokerCore& Core(const Broker& broker) { return *broker.core_; }
  static const std::shared_ptr<BrokerCore>& SharedCore(const Broker& broker) {
    return broker.core_;
  }
  static std::shared_ptr<GroupRegistry> Groups(const Broker& broker) {
    return {broker.core_, broker.groups_};
  }
  static const std::shared_ptr<TopicState>& State(const Topic& topic) { return topic.state_; }
  static PartitionLog& Log(const Partition& partition) { return *partition.log_; }

  static absl::StatusOr<Transaction> Begin(std::shared_ptr<GroupRegistry> groups,
                                           TransactionOptions options) {
    return Transaction::Begin(std::move(groups), std::move(options));
  }
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_ACCESS_H_
