#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "daybook/producer.h"
#include "daybook/reader.h"
#include "daybook/transaction.h"
#include "segment/segment_steps.h"
#include "support/paths.h"
#include "torture/family.h"
#include "torture/hostile.h"
#include "torture/scratch.h"

// A real process that consumes, transforms and produces with transactions is killed with SIGKILL,
// again and again, until it has worked through all events. The output must then hold every input
// once, in the order of its partition: shown by the number of records and by a checksum over both
// sides that does not depend on the order of partitions.
//
// In kSmall the events are the flights that scripts/fetch-flights --all has fetched, or where there
// are none the vendored ones, each often enough; at the default settings, the vendored ones. One in
// eight is followed by something that looks like anything else, up to the shape's largest record.

namespace daybook::torture {
namespace {

constexpr int kPartitions = 4;
constexpr char kGroup[] = "transformers";
constexpr std::size_t kVendoredEvents = 100'000;
constexpr std::size_t kEventsOfDefault = 120'000;  // larger ones

std::string Transform(std::string_view value) {
  std::string transformed(value);
  for (char& c : transformed) c ^= ' ';
  return transformed;
}

// What is the same for all orders of the same values.
struct Sum {
  std::int64_t records = 0;
  std::uint64_t hashes = 0;

  void Add(std::string_view value) {
    ++records;
    hashes += Hash64(std::as_bytes(std::span(value)));
  }
  friend bool operator==(const Sum&, const Sum&) = default;
};

std::vector<std::string> EventFiles() {
  const std::string root = DAYBOOK_SOURCE_DIR;
  return {root + "/build/data/flights-3m.ndjson", root + "/build/data/flights-20k.ndjson",
          root + "/examples/data/usgs_earthquakes.ndjson"};
}

// Appends the events, numbered, so that each is there once; what the output must be.
absl::StatusOr<Sum> Fill(Broker& broker, const RunOptions& options, Tally& tally) {
  const bool is_small = options.shape == Shape::kSmall;
  std::ifstream file;
  std::string name;
  for (const std::string& candidate : EventFiles()) {
    if (!is_small && candidate != EventFiles().back()) continue;
    file.open(candidate);
    name = candidate;
    if (file.is_open()) break;
  }
  if (!file.is_open()) return absl::NotFoundError("there are no events");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  const bool is_all = name.find("flights-3m") != std::string::npos;
  if (!is_all && is_small) {
    tally.Skip("the 3,000,000 flights are not here (scripts/fetch-flights --all)");
  }
  const std::size_t events = is_all ? lines.size() : is_small ? kVendoredEvents : kEventsOfDefault;
  const HostileValues values(options.shape);
  Sum expected;
  Producer producer(broker, {.linger = std::chrono::milliseconds(5)});
  const auto topic = broker.OpenTopic("in");
  if (!topic.ok()) return topic.status();
  for (std::size_t i = 0; i < events; ++i) {
    std::string value = absl::StrCat(i, " ", lines[i % lines.size()]);
    if (i % 8 == 5) {
      const std::uint64_t seed = SeedOf(options, static_cast<std::int64_t>(i));
      value = values.ValueOf(std::move(value), values.BytesOf(seed), seed);
    }
    const std::string key = std::to_string(i % 1000);
    Record record;
    record.key = key;
    record.value = value;
    if (auto sent = producer.SendAsync(*topic, record); !sent.ok()) return sent.status();
    expected.Add(Transform(value));
  }
  if (auto status = producer.Flush(); !status.ok()) return status;
  tally.Count("events", static_cast<std::int64_t>(events));
  return expected;
}

absl::StatusOr<std::unique_ptr<Broker>> OpenBroker(const std::string& directory, Shape shape) {
  auto broker = Broker::Open(directory);
  if (broker.ok() && shape == Shape::kSmall) Access::Core(*(*broker)).UseSteps(kSmallSteps);
  return broker;
}

// Works until everything is done (exit code 0), or it is killed.
[[noreturn]] void RunVictim(const std::string& directory, Shape shape,
                            std::atomic<std::int64_t>& progress) {
  auto broker = OpenBroker(directory, shape);
  if (!broker.ok()) _exit(3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      ConsumerGroup group(**broker, kGroup, {.guarantee = Guarantee::kExactlyOnce});
      auto consumer = group.Join({"in"});
      if (!consumer.ok()) _exit(4);
      for (;;) {
        const auto batch = (*consumer)->Poll(std::chrono::milliseconds(200));
        if (!batch.ok()) _exit(5);
        if (batch->empty()) {
          // All members come here in the end; what is left to others, they do.
          std::int64_t lag = 0;
          for (const TopicPartition& one : (*consumer)->Assignment()) {
            lag += (*consumer)->Lag(one).value_or(1);
          }
          if (lag == 0) return;
          continue;
        }
        auto transaction = Transaction::Begin(**broker);
        if (!transaction.ok()) _exit(6);
        for (const RecordView& record : *batch) {
          const std::string value = Transform(record.value);
          Record out;
          out.key = record.key;
          out.value = value;
          if (!transaction->Send("out", out).ok()) _exit(7);
        }
        if (!transaction->AddOffsets(**consumer).ok()) _exit(8);
        const auto status = transaction->Commit();
        if (absl::IsAborted(status)) {  // a partition went to the other member
          if (!(*consumer)->SeekToCommitted().ok()) _exit(10);
          continue;
        }
        if (!status.ok()) _exit(9);
        progress.fetch_add(static_cast<std::int64_t>(batch->size()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  _exit(0);
}

absl::StatusOr<Sum> SumOf(Broker& broker) {
  Sum sum;
  auto reader = Reader::Open(broker, "out");
  if (!reader.ok()) return reader.status();
  for (;;) {
    const auto batch = reader->Poll({});
    if (!batch.ok()) return batch.status();
    if (batch->empty()) return sum;
    for (const RecordView& record : *batch) sum.Add(record.value);
  }
}

void RunCase(const RunOptions& options, std::int64_t kills, Tally& tally) {
  const ScratchDirectory scratch(options.directory);
  const std::string directory = scratch.path() + "/data";
  Sum expected;
  {
    auto broker = OpenBroker(directory, options.shape);
    if (!broker.ok()) return tally.Violate(broker.status().ToString());
    TopicOptions of_topics;
    of_topics.partitions = kPartitions;
    if (options.shape == Shape::kSmall) of_topics.segment_bytes = 256 << 10;
    for (const char* const name : {"in", "out"}) {
      const auto status = (*broker)->CreateTopic(name, of_topics);
      if (!status.ok()) return tally.Violate(status.ToString());
    }
    const auto filled = Fill(**broker, options, tally);
    if (!filled.ok()) return tally.Violate(filled.status().ToString());
    expected = *filled;
  }
  InSharedMemory<std::atomic<std::int64_t>> shared;
  std::atomic<std::int64_t>& progress = *shared;
  std::mt19937_64 random(SeedOf(options, 0));
  const std::int64_t step = expected.records / (2 * (kills + 1));
  bool is_done = false;
  for (std::int64_t kill_number = 0; !is_done; ++kill_number) {
    const std::int64_t before = progress.load();
    const pid_t victim = fork();
    if (victim == 0) RunVictim(directory, options.shape, progress);
    if (victim < 0) return tally.Violate("no process can be started");
    int status = 0;
    pid_t ended = 0;
    // A part of what is left each time, so that the last ones still find work.
    const std::int64_t left = expected.records - before;
    const std::int64_t enough =
        before + 1 +
        static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(std::max<std::int64_t>(
                                                 1, std::min(2 * step, left))));
    while (ended == 0) {
      ended = waitpid(victim, &status, WNOHANG);
      if (ended == 0 && kill_number < kills && progress.load() >= enough) {
        kill(victim, SIGKILL);
        ended = waitpid(victim, &status, 0);
        tally.Count("kills");
      }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
      return tally.Violate(absl::StrCat("the process ended by itself, with ", WEXITSTATUS(status)));
    }
    is_done = WIFEXITED(status);
  }
  auto broker = Broker::Open(directory);
  if (!broker.ok()) return tally.Violate(broker.status().ToString());
  const auto found = SumOf(**broker);
  if (!found.ok()) return tally.Violate(found.status().ToString());
  if (*found != expected) {
    tally.Violate(absl::StrCat("the output has ", found->records, " records and the checksum ",
                               found->hashes, "; the input ", expected.records, " and ",
                               expected.hashes));
  }
  tally.Count("records in the output", found->records);
}

}  // namespace

Family ExactlyOnceFamily() {
  return {.name = "exactly-once",
          .about =
              "a process that consumes, transforms and produces with transactions is killed until "
              "it is through; its output must hold every input once",
          .figure = "kills",
          .asked = {{Shape::kSmall, {.quick = 5, .ci = 200, .soak = 5'000}},
                    {Shape::kDefault, {.quick = 3, .ci = 200, .soak = 5'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, 1, [&](std::int64_t, Tally& tally) {
              RunCase(options, options.amount, tally);
              return options.amount;
            });
          }};
}

}  // namespace daybook::torture
