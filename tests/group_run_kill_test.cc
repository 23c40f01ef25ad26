#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>

#include "catch.h"
#include "daybook/group_run.h"
#include "support/run_fixture.h"
#include "support/temporary_directory.h"

// A real process in Run is killed, again and again.

namespace daybook {
namespace {

constexpr int kRecords = 20'000;

// Which records were finished, in memory that outlives the process.
struct Finished {
  std::array<std::atomic<bool>, kRecords> record;
};

[[noreturn]] void RunUntilKilled(const std::string& directory, Finished& finished) {
  auto broker = Broker::Open(directory);
  if (!broker.ok()) _exit(3);
  ConsumerGroup group(**broker, "g");
  const auto result =
      group.Run({"t"}, {.threads = 4, .commit_interval = std::chrono::milliseconds(0)},
                [&](const RecordView& record) {
                  finished.record[static_cast<std::size_t>(record.offset.value())] = true;
                  return absl::OkStatus();
                });
  _exit(result.ok() ? 4 : 5);
}

}  // namespace

TEST_CASE("A kill never finds an unfinished record before the committed offset", "[crash]") {
  const TemporaryDirectory directory;
  const std::string data = directory.path() + "/data";
  {
    auto broker = Broker::Open(data).value();
    REQUIRE(broker->CreateTopic("t").ok());
    const Topic topic = broker->OpenTopic("t").value();
    for (int i = 0; i < kRecords; ++i) {
      const std::string key = std::to_string(i);
      REQUIRE(topic.partition(0).Append({.key = std::string_view(key), .value = "v"}).ok());
    }
  }
  void* const shared =
      mmap(nullptr, sizeof(Finished), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  auto& finished = *new (shared) Finished;
  std::int64_t committed = 0;
  for (std::size_t kill = 0; kill < 10; ++kill) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) RunUntilKilled(data, finished);
    const std::size_t at = (kill + 1) * kRecords / 11;
    const auto deadline = Soon();
    while (!finished.record[at] && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    const auto broker = Broker::Open(data).value();
    const std::int64_t now = CommittedIn(*broker, "t", 0);
    CHECK(now >= committed);
    committed = std::max(committed, now);
    for (std::int64_t i = 0; i < now; ++i) {
      if (!finished.record[static_cast<std::size_t>(i)]) FAIL("record " << i << " was lost");
    }
  }
  CHECK(committed > 0);
  munmap(shared, sizeof(Finished));
}

}  // namespace daybook
