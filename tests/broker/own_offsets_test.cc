#include "broker/own_offsets.h"

#include <filesystem>
#include <map>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/admin.h"
#include "daybook/consumer_group.h"
#include "support/broker_fixture.h"
#include "support/temporary_directory.h"

namespace daybook {
namespace {

using Operation = SimulatedFileSystem::Operation;

// A process that writes /data, and options for one that follows it and commits in /own.
struct FollowedBroker {
  BrokerOptions Options(const std::string& offsets_directory = "/own") {
    BrokerOptions options = broker.Options(BrokerAccess::kReadOnly);
    options.offsets_directory = offsets_directory;
    return options;
  }
  absl::StatusOr<std::unique_ptr<Broker>> Open() { return Broker::Open("/data", Options()); }
  absl::Status OpenStatus(const BrokerOptions& options) {
    return Broker::Open("/data", options).status();
  }

  BrokerFixture broker;
};

bool Contains(const absl::Status& status, const std::string& text) {
  return status.message().find(text) != absl::string_view::npos;
}

OffsetStore& OffsetsOf(const std::unique_ptr<Broker>& broker) {
  return Access::Core(*broker).group_offsets();
}

const OffsetStore::Key kPlace{"g", "t", 0};

}  // namespace

TEST_CASE_METHOD(FollowedBroker, "A broker that writes has no other directory for its offsets") {
  BrokerOptions options = Options();
  options.access = BrokerAccess::kReadWrite;
  const auto status = OpenStatus(options);
  CHECK(absl::IsInvalidArgument(status));
  CHECK(Contains(status, "leave it empty"));
}

TEST_CASE("The directory that is followed is none of its own, however it is spelled") {
  const TemporaryDirectory directory;
  const std::string data = directory.path() + "/data";
  std::filesystem::create_directory_symlink(data, directory.path() + "/link");
  const auto writer = Broker::Open(data).value();
  for (const std::string path : {"/data", "/data/", "//data/../data/.", "/link"}) {
    BrokerOptions options{.access = BrokerAccess::kReadOnly};
    options.offsets_directory = directory.path() + path;
    const auto status = Broker::Open(data, options).status();
    INFO(path << ": " << status);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(Contains(status, "is the directory that is followed"));
  }
}

TEST_CASE_METHOD(FollowedBroker, "A directory with topics is not one for offsets, and stays") {
  BrokerOptions options = broker.Options();
  {
    const auto other = Broker::Open("/own", options).value();
    REQUIRE(other->CreateTopic("t").ok());
  }
  const auto files = broker.disk().Files();
  const auto status = OpenStatus(Options());
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(Contains(status, "/own has a topic t"));
  CHECK(broker.disk().Files() == files);
}

TEST_CASE_METHOD(FollowedBroker, "A failed open leaves nothing open and nothing locked") {
  broker.MakeTopic("t");
  const auto handles = broker.disk().OpenHandles();
  for (int fail_at = 0;; ++fail_at) {
    int calls = 0;
    broker.disk().SetHook([&](Operation, const std::string&) {
      return calls++ == fail_at ? absl::ResourceExhaustedError("no") : absl::OkStatus();
    });
    const auto status = Open().status();
    broker.disk().SetHook(nullptr);
    INFO(fail_at << ": " << status);
    CHECK(broker.disk().OpenHandles() == handles);
    CHECK(Open().ok());
    if (calls <= fail_at) break;
    REQUIRE(fail_at < 300);
  }
  CHECK(absl::IsNotFound(OpenStatus(Options("/no/where"))));
  CHECK(broker.disk().OpenHandles() == handles);
}

TEST_CASE_METHOD(FollowedBroker, "One process at a time commits in a directory") {
  const auto first = Open().value();
  CHECK(absl::IsFailedPrecondition(Open().status()));
  CHECK(OpenStatus(Options("/other")).ok());
  REQUIRE(first->Close().ok());
  CHECK(Open().ok());
}

TEST_CASE_METHOD(FollowedBroker, "What is noted of topics is no group, nor is it one to describe") {
  broker.MakeTopic("t");
  const auto follower = Open().value();
  CHECK(OffsetsOf(follower).Find({std::string(kTopicIds), "t", 0})->has_value());
  CHECK(Admin(*follower).ListGroups()->empty());
  CHECK(absl::IsNotFound(Admin(*follower).DescribeGroup(kTopicIds).status()));
  CHECK(absl::IsInvalidArgument(Admin(*follower).DeleteGroup(kTopicIds)));
  const auto own = Broker::Open("/own", broker.Options(BrokerAccess::kReadOnly)).value();
  CHECK(Admin(*own).ListGroups()->empty());
}

TEST_CASE_METHOD(FollowedBroker, "A topic is found when its id is noted, and not before") {
  const auto follower = Open().value();
  broker.MakeTopic("t");
  BrokerCore& core = Access::Core(*follower);
  CHECK(absl::IsNotFound(core.catalog().Find("t").status()));
  broker.disk().SetHook([](Operation operation, const std::string& path) {
    const bool is_own = path.starts_with("/own/") && operation != Operation::kRead;
    return is_own ? absl::ResourceExhaustedError("full") : absl::OkStatus();
  });
  // What the file has blocks for takes some more.
  for (int i = 0; OffsetsOf(follower).Commit({"g", "x", 0}, Offset(i)).ok(); ++i)
    REQUIRE(i < 1'000'000);
  CHECK(absl::IsResourceExhausted(follower->OpenTopic("t").status()));
  const auto joined = ConsumerGroup(*follower, "g", {}).Join({"t"});
  CHECK(absl::IsResourceExhausted(joined.status()));
  CHECK(Admin(*follower).DescribeGroup("g").ok());
  CHECK(absl::IsNotFound(core.catalog().Find("t").status()));
  broker.disk().SetHook(nullptr);
  CHECK(follower->OpenTopic("t").ok());
  CHECK(core.catalog().Find("t").ok());
  CHECK(absl::IsNotFound(follower->OpenTopic("u").status()));
}

TEST_CASE_METHOD(FollowedBroker, "Internal topics of the other process need no noting") {
  const auto follower = Open().value();
  REQUIRE(Access::Core(*broker).offsets().Commit(kPlace, Offset(1)).ok());
  CHECK(Access::Core(*follower).offsets().Find(kPlace)->has_value());
  CHECK_FALSE(OffsetsOf(follower).Find(kPlace)->has_value());
}

TEST_CASE_METHOD(FollowedBroker, "A crash while places are forgotten leaves none in a new topic") {
  broker.MakeTopic("t", {.partitions = 3000});
  {
    const auto follower = Open().value();
    std::map<OffsetStore::Key, Offset> places;
    for (int id = 0; id < 3000; ++id) places[{"g", "t", id}] = Offset(0);
    REQUIRE(OffsetsOf(follower).CommitAll(places).ok());
    REQUIRE(OffsetsOf(follower).WaitDurable(Soon()).ok());
  }
  REQUIRE(broker->DeleteTopic("t").ok());
  broker.MakeTopic("t", {.partitions = 3000});
  // As when a crash came behind the first of the batches in which they are forgotten.
  {
    const auto own = Broker::Open("/own", broker.Options()).value();
    REQUIRE(OffsetsOf(own).ForgetGroup(kTopicIds).ok());
  }
  const auto follower = Open().value();
  CHECK(OffsetsOf(follower).FindGroup("g")->empty());
  CHECK(OffsetsOf(follower).Find({std::string(kTopicIds), "t", 0})->has_value());
}

TEST_CASE_METHOD(FollowedBroker,
                 "What a damaged topic file is about is neither found nor forgotten") {
  broker.MakeTopic("t");
  REQUIRE(OffsetsOf(Open().value()).Commit(kPlace, Offset(0)).ok());
  REQUIRE(broker.disk().Corrupt("/data/t.topic", 20, std::byte{1}).ok());
  const auto follower = Open().value();
  CHECK(absl::IsDataLoss(follower->OpenTopic("t").status()));
  CHECK(OffsetsOf(follower).Find(kPlace)->has_value());
}

TEST_CASE_METHOD(FollowedBroker,
                 "A topic that could not be looked at once is there the next time, unasked") {
  broker.MakeTopic("t");
  const auto follower = Open().value();
  broker.MakeTopic("u");
  broker.disk().SetHook([](Operation operation, const std::string& path) {
    const bool fails = operation == Operation::kOpen && path == "/data/u.topic";
    return fails ? absl::ResourceExhaustedError("no descriptors left") : absl::OkStatus();
  });
  CHECK_FALSE(follower->OpenTopic("u").ok());
  broker.disk().SetHook(nullptr);
  CHECK(follower->OpenTopic("u").ok());
}

TEST_CASE_METHOD(FollowedBroker, "An expression passes over what only the other process can read") {
  broker.MakeTopic("t");
  broker.MakeTopic("m", {.storage = Storage::kMemory});
  REQUIRE(broker->OpenTopic("t")->partition(0).Append(RecordOf("a")).ok());
  const auto follower = Open().value();
  ConsumerGroup group(*follower, "g");
  const auto consumer = group.JoinMatching(".*").value();
  CHECK(consumer->Poll(std::chrono::seconds(0))->size() == 1);
  CHECK(consumer->Commit().ok());
  CHECK(absl::IsFailedPrecondition(group.Join({"m"}).status()));
}

TEST_CASE_METHOD(FollowedBroker, "Offsets in another data directory are refused, and stay") {
  broker.MakeTopic("t");
  REQUIRE(OffsetsOf(Open().value()).Commit(kPlace, Offset(0)).ok());
  const auto other = Broker::Open("/other", broker.Options()).value();
  const auto status = Broker::Open("/other", Options()).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(Contains(status, "another data directory"));
  CHECK(OffsetsOf(Open().value()).Find(kPlace)->has_value());
}

TEST_CASE_METHOD(FollowedBroker, "Closing gives up both directories, and the destructor does") {
  const auto handles = broker.disk().OpenHandles();
  if (GENERATE(false, true)) {
    const auto follower = Open().value();
    REQUIRE(follower->Close().ok());
    CHECK(absl::IsFailedPrecondition(OffsetsOf(follower).Find(kPlace).status()));
    CHECK(Open().ok());
  } else {
    CHECK(Broker::Open("/data", Options()).ok());
  }
  CHECK(broker.disk().OpenHandles() == handles);
}

TEST_CASE_METHOD(FollowedBroker, "Work in the background is done for its own directory, too") {
  broker.MakeTopic("t");
  const auto follower = Open().value();
  OffsetStore& store = OffsetsOf(follower);
  const std::string metadata(500'000, 'm');
  for (int i = 0; i < 20; ++i) REQUIRE(store.Commit(kPlace, Offset(i % 2), metadata).ok());
  REQUIRE(follower->RunBackgroundWork().ok());
  std::size_t segments = 0;
  for (const std::string& file : broker.disk().Files()) {
    segments += file.starts_with("/own/__consumer_offsets-0/") && file.ends_with(".log") ? 1 : 0;
  }
  CHECK(segments < 3);
}

}  // namespace daybook
