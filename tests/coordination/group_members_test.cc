#include "coordination/group_members.h"

#include "catch.h"

namespace daybook {
namespace {

using Partitions = std::set<TopicPartition>;

// Members of a group without a broker.
struct MembersFixture {
  void Add(const std::string& id) {
    members.Add(id, {.subscription = Subscription::ToTopics({"t"}),
                     .instance_id = {},
                     .deadline = nullptr,
                     .topics = {"t"}});
  }
  // Answers what the member owns then.
  Partitions Claim(const std::string& id) {
    members.Claim(members.Find(id), ++generation);
    return Owned(id);
  }
  Partitions Owned(const std::string& id) { return members.Find(id)->second.owned; }
  std::string OwnerOf(int partition) { return members.Of({"t", partition}).owner; }

  std::int64_t generation = 0;
  GroupMembers members;
};

const TopicPartition kFirst{"t", 0};
const TopicPartition kSecond{"t", 1};

}  // namespace

TEST_CASE_METHOD(MembersFixture,
                 "A partition goes to its next member after its owner let go of it") {
  Add("a");
  Add("b");
  members.SetTargets({{"a", {kFirst, kSecond}}});
  CHECK(Claim("a") == Partitions{kFirst, kSecond});
  members.SetTargets({{"a", {kFirst}}, {"b", {kSecond}}});
  CHECK(Claim("b").empty());
  const auto revoked = GroupMembers::Revoked(members.Find("a")->second);
  CHECK(revoked == std::vector<TopicPartition>{kSecond});
  members.Release(members.Find("a"), revoked);
  CHECK(OwnerOf(1).empty());
  CHECK(Claim("b") == Partitions{kSecond});
  CHECK(members.Of(kSecond).owned_since == generation);
  CHECK(members.Of(kFirst).owned_since == 1);  // it stayed where it was
  CHECK(Owned("a") == Partitions{kFirst});
}

TEST_CASE_METHOD(MembersFixture,
                 "A member that goes leaves nothing behind, and the last one no marks") {
  Add("a");
  Add("b");
  members.SetTargets({{"a", {kFirst}}, {"b", {kSecond}}});
  Claim("a");
  Claim("b");
  members.Of(kFirst).is_held = true;
  members.Remove(members.Find("a"));
  CHECK(OwnerOf(0).empty());
  CHECK(members.Of(kFirst).is_held);
  members.Remove(members.Find("b"));
  CHECK(members.empty());
  CHECK_FALSE(members.Of(kFirst).is_held);
}

TEST_CASE_METHOD(MembersFixture,
                 "A member that takes another one's place owns the same, as long as that did") {
  Add("a");
  members.SetTargets({{"a", {kFirst}}});
  Claim("a");
  GroupMembers::Member newer{.subscription = Subscription::ToTopics({"t"}),
                             .instance_id = "pod",
                             .deadline = nullptr,
                             .topics = {}};
  members.TakeOver(members.Find("a"), newer, "b");
  members.Add("b", std::move(newer));
  CHECK_FALSE(members.contains("a"));
  CHECK(OwnerOf(0) == "b");
  CHECK(Owned("b") == Partitions{kFirst});
  CHECK(members.Of(kFirst).owned_since == 1);
  CHECK(members.Find("b")->second.topics == std::vector<std::string>{"t"});
}

TEST_CASE_METHOD(MembersFixture,
                 "A member that is away lets go of what is to move, and keeps the rest") {
  Add("a");
  Add("b");
  members.SetTargets({{"a", {kFirst, kSecond}}});
  Claim("a");
  members.Find("a")->second.is_away = true;
  members.SetTargets({{"a", {kFirst}}, {"b", {kSecond}}});
  CHECK(Owned("a") == Partitions{kFirst});
  CHECK(Claim("b") == Partitions{kSecond});
}

TEST_CASE_METHOD(MembersFixture, "Nobody has anything of a topic that was deleted") {
  Add("a");
  members.SetTargets({{"a", {kFirst, {"u", 0}}}});
  Claim("a");
  members.ForgetTopic("t");
  CHECK(OwnerOf(0).empty());
  CHECK(Owned("a") == Partitions{{"u", 0}});
  CHECK(members.Find("a")->second.target == Partitions{{"u", 0}});
}

TEST_CASE_METHOD(MembersFixture, "What a group has of a partition stays where it is") {
  GroupPartition* const first = &members.Of(kFirst);
  for (int id = 1; id < 1000; ++id) members.Of({"t", id});
  members.ForgetTopic("t");
  CHECK(&members.Of(kFirst) == first);
  CHECK(members.partitions().size() == 1000);
}

}  // namespace daybook
