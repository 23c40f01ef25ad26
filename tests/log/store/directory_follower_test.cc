#include "log/store/directory_follower.h"

#include "catch.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook {
namespace {

struct World {
  SimulatedFileSystem disk;
  std::unique_ptr<Directory> root =
      disk.OpenDirectory("/data", DirectoryMode::kCreateIfMissing).value();
};

}  // namespace

TEST_CASE("What has changed is counted for the directory that it is in, and for no other") {
  World world;
  const auto one = world.root->CreateDirectory("t-0").value();
  const auto two = world.root->CreateDirectory("t-1").value();
  DirectoryFollower follower(world.disk, *world.root, "lock");
  CHECK(follower.is_told());
  const auto first = follower.Watch(*one);
  const auto second = follower.Watch(*two);
  const std::uint64_t none = follower.changes(nullptr);
  const std::uint64_t before_first = follower.changes(first.get());
  const std::uint64_t before_second = follower.changes(second.get());
  CHECK(before_first != before_second);
  for (int i = 0; i < 3; ++i) follower.Look();
  CHECK(follower.changes(first.get()) == before_first);
  REQUIRE(one->OpenFile("x", FileMode::kCreate).ok());
  follower.Look();
  CHECK(follower.changes(first.get()) != before_first);
  CHECK(follower.changes(second.get()) == before_second);
  CHECK(follower.changes(nullptr) == none);
}

TEST_CASE("Topics are looked at again when a file of theirs has changed, and not otherwise") {
  World world;
  DirectoryFollower follower(world.disk, *world.root, "lock");
  int told = 0;
  follower.SetOnTopics([&] { ++told; });
  REQUIRE(world.root->CreateDirectory("t-0").ok());
  follower.Look();
  CHECK(told == 0);
  REQUIRE(world.root->OpenFile("t.topic", FileMode::kCreate).ok());
  follower.Look();
  follower.Look();
  CHECK(told == 1);
  REQUIRE(world.root->Rename("t.topic", "t.gone").ok());
  follower.Look();
  CHECK(told == 2);
}

TEST_CASE("A process that comes or dies is a change, and known to be gone when it has") {
  World world;
  DirectoryFollower follower(world.disk, *world.root, "lock");
  CHECK(follower.WriterIsGone());
  const std::uint64_t before = follower.changes(nullptr);
  auto lock = world.root->Lock("lock").value();
  CHECK_FALSE(follower.WriterIsGone());
  follower.Look();
  const std::uint64_t with = follower.changes(nullptr);
  CHECK(with != before);
  lock.reset();
  CHECK(follower.WriterIsGone());
  follower.Look();
  CHECK(follower.changes(nullptr) != with);
}

TEST_CASE("A process that lives is gone for a part that it does not show to be in use") {
  World world;
  DirectoryFollower follower(world.disk, *world.root, "lock");
  auto lock = world.root->Lock("lock").value();
  CHECK(follower.WriterIsGone(5));
  REQUIRE(lock->ShowInUse(5).ok());
  CHECK_FALSE(follower.WriterIsGone(5));
  CHECK(follower.WriterIsGone(6));
  lock.reset();
  CHECK(follower.WriterIsGone(5));
}

TEST_CASE("Where nobody tells, each look may have found a change") {
  World world;
  world.disk.TellNoChanges();
  DirectoryFollower follower(world.disk, *world.root, "lock");
  int told = 0;
  follower.SetOnTopics([&] { ++told; });
  CHECK_FALSE(follower.is_told());
  const auto watched = follower.Watch(*world.root->CreateDirectory("t-0").value());
  CHECK_FALSE(follower.Tells(watched.get()));
  const std::uint64_t before = follower.changes(watched.get());
  follower.Look();
  CHECK(follower.changes(watched.get()) != before);
  CHECK(told == 1);
}

TEST_CASE("Whether a process lives that cannot be asked about is not known: it may") {
  World world;
  DirectoryFollower follower(world.disk, *world.root, "lock");
  world.disk.SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kLock ? absl::DataLossError("I/O error")
                                                              : absl::OkStatus();
  });
  CHECK_FALSE(follower.WriterIsGone());
}

TEST_CASE("Of directories that nobody looks at any more others take the places") {
  World world;
  DirectoryFollower follower(world.disk, *world.root, "lock");
  const auto kept = follower.Watch(*world.root->CreateDirectory("kept-0").value());
  const std::uint64_t first =
      follower.changes(follower.Watch(*world.root->CreateDirectory("t-0").value()).get());
  for (int i = 1; i < 10; ++i) {
    const auto watched =
        follower.Watch(*world.root->CreateDirectory("t-" + std::to_string(i)).value());
    follower.Look();
    // What has changed beside it is little: it is the same place.
    CHECK(follower.changes(watched.get()) - first < 100);
    CHECK(follower.changes(kept.get()) != follower.changes(watched.get()));
  }
}

}  // namespace daybook
