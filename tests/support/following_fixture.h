#ifndef DAYBOOK_SUPPORT_FOLLOWING_FIXTURE_H_
#define DAYBOOK_SUPPORT_FOLLOWING_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/consumer_group.h"
#include "support/group_fixture.h"
#include "support/temporary_directory.h"

namespace daybook {

inline absl::StatusOr<std::unique_ptr<Broker>> TryFollowIn(BrokerFixture& writer,
                                                           const std::string& offsets) {
  BrokerOptions options = writer.Options(BrokerAccess::kReadOnly);
  options.offsets_directory = offsets;
  return Broker::Open("/data", options);
}
inline std::unique_ptr<Broker> FollowIn(BrokerFixture& writer) {
  auto opened = TryFollowIn(writer, "/own");
  INFO(opened.status());
  REQUIRE(opened.ok());
  return *std::move(opened);
}

// A process that writes, with a topic t, and one that follows it.
struct FollowingFixture {
  FollowingFixture() { writer.MakeTopic("t", {.partitions = 2}); }

  absl::StatusOr<std::unique_ptr<Broker>> TryFollow(const std::string& offsets = "/own") {
    return TryFollowIn(writer, offsets);
  }
  void Follow() {
    follower.reset();
    follower = FollowIn(writer);
  }
  std::unique_ptr<Consumer> Join(GroupOptions options = {}) {
    if (follower == nullptr) Follow();
    auto consumer = ConsumerGroup(*follower, "g", options).Join({"t"});
    INFO(consumer.status());
    REQUIRE(consumer.ok());
    return *std::move(consumer);
  }
  void DrainAndCommit() {
    const auto consumer = Join();
    Drain(*consumer);
    REQUIRE(consumer->Commit().ok());
  }
  void MakeAnew() {
    REQUIRE(writer->DeleteTopic("t").ok());
    writer.MakeTopic("t", {.partitions = 2});
  }
  OffsetStore& offsets() { return Access::Core(*follower).group_offsets(); }

  BrokerFixture writer;
  std::unique_ptr<Broker> follower;
};

// The same in files: each of the two has a map of its own, as two processes have, so that threads
// may write in one of them and read in the other.
struct FollowingInFiles {
  FollowingInFiles() {
    REQUIRE(writer->CreateTopic("t", {.partitions = 2}).ok());
    const BrokerOptions options{.access = BrokerAccess::kReadOnly,
                                .offsets_directory = where.path() + "/own"};
    follower = Broker::Open(where.path() + "/data", options).value();
  }

  std::unique_ptr<Consumer> Join() { return ConsumerGroup(*follower, "g").Join({"t"}).value(); }
  void SendMany(int partition, int records) {
    const Topic topic = writer->OpenTopic("t").value();
    for (int i = 0; i < records; ++i) {
      REQUIRE(topic.partition(partition).Append(RecordOf(std::to_string(i))).ok());
    }
  }
  void MakeAnew() {
    REQUIRE(writer->DeleteTopic("t").ok());
    REQUIRE(writer->CreateTopic("t", {.partitions = 2}).ok());
  }

  const TemporaryDirectory where;
  const std::unique_ptr<Broker> writer = Broker::Open(where.path() + "/data").value();
  std::unique_ptr<Broker> follower;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_FOLLOWING_FIXTURE_H_
