#include "broker/background/sync_requests.h"

#include <algorithm>
#include <array>
#include <vector>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};
constexpr std::chrono::milliseconds kLong{1000};

// Requests of two partitions.
struct Requests {
  void Add(int log, std::int64_t end) { requests.Add(RequestOf(log, end)); }
  SyncRequests::List RequestOf(int log, std::int64_t end) {
    SyncRequests::List one;
    one.push_back({.log = logs[static_cast<std::size_t>(log)].log().shared_from_this(),
                   .done = nullptr,
                   .end = Offset(end),
                   .deadline = {},
                   .outcome = absl::OkStatus()});
    return one;
  }
  static std::vector<std::int64_t> Ends(const SyncRequests::List& taken) {
    std::vector<std::int64_t> ends;
    for (const SyncRequest& one : taken) ends.push_back(one.end.value());
    return ends;
  }

  std::array<LogFixture, 2> logs;
  SyncRequests requests;
};

}  // namespace

TEST_CASE_METHOD(Requests,
                 "A turn is all requests of one partition, in the order of their offsets") {
  Add(0, 7);
  Add(1, 9);
  Add(0, 3);
  Add(0, 5);
  std::vector<std::vector<std::int64_t>> turns = {Ends(requests.TakeGroup(kStart)),
                                                  Ends(requests.TakeGroup(kStart))};
  std::sort(turns.begin(), turns.end());
  CHECK(turns == std::vector<std::vector<std::int64_t>>{{3, 5, 7}, {9}});
  CHECK(requests.TakeGroup(kStart).empty());
}

TEST_CASE_METHOD(Requests, "What comes during a pass waits for the next one") {
  Add(0, 1);
  Add(1, 1);
  const auto first = requests.TakeGroup(kStart).front().log;
  for (int log : {0, 1}) Add(log, 2);
  const auto second = requests.TakeGroup(kStart);
  CHECK(second.front().log != first);
  CHECK(second.size() == 1);
  CHECK(requests.TakeGroup(kStart).size() == 1);
  CHECK(requests.TakeGroup(kStart).size() == 1);
  CHECK(requests.TakeGroup(kStart).empty());
}

TEST_CASE_METHOD(Requests,
                 "A request behind an open claim is looked at again, less and less often") {
  Add(0, 1);
  SyncRequests::List taken = requests.TakeGroup(kStart);
  SteadyTime now = kStart;
  std::chrono::nanoseconds before{0};
  for (int i = 0; i < 10; ++i) {
    requests.PutBack(std::move(taken));
    REQUIRE(requests.has_blocked());
    const std::chrono::nanoseconds wait = requests.retry_at() - now;
    CHECK(wait >= before);
    CHECK(wait < kLong);
    before = wait;
    CHECK(requests.TakeGroup(requests.retry_at() - std::chrono::nanoseconds(1)).empty());
    now = requests.retry_at();
    taken = requests.TakeGroup(now);
    REQUIRE(taken.size() == 1);
  }
  CHECK(before > std::chrono::milliseconds(10));
  CHECK_FALSE(requests.has_blocked());
  CHECK(requests.retry_at() == SteadyTime::max());
}

TEST_CASE_METHOD(Requests, "A new request has those behind a claim looked at with it") {
  Add(0, 1);
  requests.PutBack(requests.TakeGroup(kStart));
  Add(0, 2);
  CHECK(requests.TakeGroup(kStart).size() == 2);
}

TEST_CASE_METHOD(Requests, "All that is left is taken by partition, whichever list it is in") {
  for (int log : {0, 1}) Add(log, 4);
  SyncRequests::List taken = requests.TakeGroup(kStart);
  requests.PutBack(std::move(taken));
  for (int log : {0, 1}) Add(log, 2);
  SyncRequests::List all = requests.TakeAll();
  CHECK(all.size() == 4);
  CHECK(Ends(SyncRequests::TakeGroup(all)) == std::vector<std::int64_t>{2, 4});
  CHECK(Ends(SyncRequests::TakeGroup(all)) == std::vector<std::int64_t>{2, 4});
  CHECK(all.empty());
  CHECK_FALSE(requests.has_blocked());
}

}  // namespace daybook
