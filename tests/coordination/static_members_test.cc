#include "coordination/static_members.h"

#include <set>

#include "catch.h"

namespace daybook {
namespace {

struct Instances {
  using Consumer = std::shared_ptr<PollDeadline>;
  Consumer Note(const std::string& instance, const std::string& member) {
    auto consumer = std::make_shared<PollDeadline>(std::chrono::seconds(1));
    members.Note(instance, member, consumer,
                 [&](const std::string& id) { return joined.contains(id); });
    return consumer;
  }

  std::set<std::string> joined;
  StaticMembers members;
};

}  // namespace

TEST_CASE_METHOD(Instances,
                 "The member that joined last has the instance id, and older ones are fenced") {
  const auto first = Note("pod", "g-1");
  CHECK(members.Latest("pod") == "g-1");
  CHECK_FALSE(members.IsFenced("pod", "g-1"));
  const auto second = Note("pod", "g-2");
  CHECK(members.Latest("pod") == "g-2");
  CHECK(members.IsFenced("pod", "g-1"));
  CHECK_FALSE(members.IsFenced("pod", "g-2"));
}

TEST_CASE_METHOD(Instances, "A member without an instance id is never fenced") {
  const auto consumer = Note("pod", "g-1");
  CHECK(members.Latest("").empty());
  CHECK_FALSE(members.IsFenced("", "g-2"));
  CHECK_FALSE(members.IsFenced("other", "g-2"));
}

TEST_CASE_METHOD(Instances,
                 "An instance id is forgotten when its member and all its consumers are gone") {
  const auto fenced = Note("fenced", "g-1");
  Note("fenced", "g-2");
  joined.insert("g-3");
  Note("joined", "g-3");  // it is away
  for (int i = 0; i < 10'000; ++i) Note("pod-" + std::to_string(i), "g");
  CHECK(members.size() < 200);
  CHECK(members.IsFenced("fenced", "g-1"));
  CHECK(members.Latest("joined") == "g-3");
}

}  // namespace daybook
