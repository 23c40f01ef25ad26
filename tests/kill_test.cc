#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "daybook/broker.h"
#include "daybook/reader.h"
#include "support/segment_bytes.h"
#include "support/temporary_directory.h"

// A real process under load is killed, again and again, on a real file system.

namespace daybook {
namespace {

constexpr int kThreads = 3;  // all append to one partition
constexpr int kKills = 100;

// What the victim has got acknowledged, in memory that outlives it.
struct Acknowledged {
  std::array<std::atomic<std::int64_t>, kThreads> next;
};

std::string ValueOf(int thread, std::int64_t sequence) {
  std::string value = std::to_string(thread) + " " + std::to_string(sequence);
  value.resize(40 + static_cast<std::size_t>(sequence % 200), '.');
  return value;
}

// Appends until it is killed. Each thread goes on where the log says it was.
[[noreturn]] void RunVictim(const std::string& directory, Acknowledged& acknowledged) {
  auto broker = Broker::Open(directory);
  if (!broker.ok()) _exit(3);
  const auto topic = (*broker)->OpenTopic("orders");
  if (!topic.ok()) _exit(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t i = acknowledged.next[static_cast<std::size_t>(t)];; ++i) {
        const std::string value = ValueOf(t, i);
        if (!topic->partition(0).Append(RecordOf(value)).ok()) _exit(5);
        acknowledged.next[static_cast<std::size_t>(t)].store(i + 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  _exit(6);
}

}  // namespace

TEST_CASE("No acknowledged record is lost when the process is killed", "[crash]") {
  const TemporaryDirectory directory;
  {
    auto broker = Broker::Open(directory.path());
    REQUIRE(broker.ok());
    // Small segments, so that kills hit rolls, too.
    REQUIRE((*broker)
                ->CreateTopic("orders", {.segment_bytes = 256 << 10, .max_record_bytes = 4096})
                .ok());
  }
  void* shared = mmap(nullptr, sizeof(Acknowledged), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  auto& acknowledged = *new (shared) Acknowledged{};
  std::mt19937_64 random(1);

  Offset checked(0);
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    INFO("kill " << kill_number);
    std::array<std::int64_t, kThreads> before;
    for (std::size_t t = 0; t < kThreads; ++t) before[t] = acknowledged.next[t];
    const pid_t victim = fork();
    if (victim == 0) RunVictim(directory.path(), acknowledged);
    REQUIRE(victim > 0);
    // Killed at a random moment of its work, however fast it is.
    const std::int64_t enough = before[0] + static_cast<std::int64_t>(random() % 2000);
    int status = 0;
    pid_t ended = 0;
    while (acknowledged.next[0] < enough && ended == 0) ended = waitpid(victim, &status, WNOHANG);
    if (ended == 0) {
      kill(victim, SIGKILL);
      REQUIRE(waitpid(victim, &status, 0) == victim);
    }
    REQUIRE(WIFSIGNALED(status));

    auto broker = Broker::Open(directory.path());
    INFO(broker.status());
    REQUIRE(broker.ok());
    auto reader = Reader::Open(**broker, "orders");
    REQUIRE(reader.ok());
    REQUIRE(reader->Seek(0, checked).ok());
    std::array<std::int64_t, kThreads> next = before;
    for (;;) {
      const auto batch = reader->Poll({});
      INFO(batch.status());
      REQUIRE(batch.ok());
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        const int thread = record.value[0] - '0';
        REQUIRE((thread >= 0 && thread < kThreads));
        std::int64_t& expected = next[static_cast<std::size_t>(thread)];
        if (record.value != ValueOf(thread, expected)) {
          FAIL("thread " << thread << ": " << record.value.substr(0, 20) << " instead of "
                         << expected);
        }
        ++expected;
      }
      checked = batch->next_offset();
    }
    for (std::size_t t = 0; t < kThreads; ++t) {
      REQUIRE(next[t] >= acknowledged.next[t]);
      // At most the one that was under way, which the next victim goes on after.
      REQUIRE(next[t] <= acknowledged.next[t] + 1);
      acknowledged.next[t] = next[t];
    }
  }
  munmap(shared, sizeof(Acknowledged));
}

}  // namespace daybook
