#ifndef DAYBOOK_SUPPORT_GROUP_FIXTURE_H_
#define DAYBOOK_SUPPORT_GROUP_FIXTURE_H_

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "broker/access.h"
#include "coordination/group_registry.h"
#include "support/broker_fixture.h"

namespace daybook {

using Members = std::vector<std::unique_ptr<Consumer>>;

// What Poll gives until there is nothing more.
inline std::vector<std::string> Drain(Consumer& consumer) {
  std::vector<std::string> values;
  for (;;) {
    const auto batch = consumer.Poll({});
    INFO(batch.status());
    REQUIRE(batch.ok());
    if (batch->empty()) return values;
    for (const RecordView& record : *batch) values.emplace_back(record.value);
  }
}

// Takes part in what there is to take part in, and reads nothing: for topics without records.
inline std::vector<TopicPartition> Settled(Consumer& consumer) {
  CHECK(Drain(consumer).empty());
  return consumer.Assignment();
}

// Listeners that write down what they are told: "+t-0", "-t-0" for revoked, "!t-0" for lost.
class Diary {
 public:
  RebalanceListener Listener() {
    return {.on_assigned = Writer("+"), .on_revoked = Writer("-"), .on_lost = Writer("!")};
  }
  // What was written since the last call.
  std::vector<std::string> Take() { return std::exchange(lines_, {}); }

 private:
  RebalanceListener::Callback Writer(const std::string& sign) {
    return [this, sign](Consumer&, const std::vector<TopicPartition>& partitions) {
      for (const TopicPartition& partition : partitions) {
        lines_.push_back(sign + partition.topic + "-" + std::to_string(partition.partition));
      }
    };
  }

  std::vector<std::string> lines_;
};

// A coordinator alone, of the topic t.
struct CoordinatorFixture {
  explicit CoordinatorFixture(int partitions = 4) {
    broker.MakeTopic("t", {.partitions = partitions});
  }

  using Membership = GroupCoordinator::Membership;
  Membership Join(const std::string& instance = "") {
    return group->Join({.subscription = Subscription::ToTopics({"t"}), .instance_id = instance})
        .value();
  }
  // Lets go of what is asked for; what the member then has.
  std::set<TopicPartition> Owned(const Membership& member) {
    GroupCoordinator::Assignment assignment = group->Sync(member);
    while (!assignment.revoked.empty()) assignment = group->Sync(member, assignment.revoked);
    CHECK(assignment.standing == GroupCoordinator::MemberStatus::kMember);
    return {assignment.owned.begin(), assignment.owned.end()};
  }
  std::size_t Count(const Membership& member) { return Owned(member).size(); }
  absl::Status Commit(const Membership& member, int partition, std::int64_t offset) {
    group->DropLost(broker.clock().MonotonicNow());
    return group->Commit(member.id, {"t", partition}, Offset(offset));
  }
  OffsetStore& store() { return Access::Core(*broker).offsets(); }

  BrokerFixture broker;
  std::shared_ptr<GroupCoordinator> group = Access::Groups(*broker)->Find("g").value();
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_GROUP_FIXTURE_H_
