#include "daybook/transaction.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "daybook/consumer_group.h"
#include "scratch.h"
#include "suites.h"

// A transaction that consumes a record, sends one of 100 bytes to each of ten partitions, and
// commits the group's place with them. The limit is what any commit to a disk costs at least: one
// write of as many bytes into a file with real blocks, and one fdatasync.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;
constexpr int kPartitions = 10;
constexpr std::chrono::seconds kTimeout{1};
// At kProcess so many for each one at kDisk.
constexpr std::int64_t kFaster = 10;

class TransactionContest final : public Contest {
 public:
  explicit TransactionContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override {
    return {Micros(Durability::kProcess, kFaster * settings_.syncs),
            Micros(Durability::kDisk, settings_.syncs)};
  }

  std::vector<double> MeasureLimit() override {
    const ScratchDirectory directory(settings_);
    const std::string path = directory.path() + "/sync";
    const std::string bytes(kPartitions * FrameBytes(kValueBytes), 'v');
    const std::uint64_t needed = static_cast<std::uint64_t>(settings_.syncs) * bytes.size();
    { const Map blocks = Map::Create(path, needed); }
    const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) Check(absl::ErrnoToStatus(errno, "open"));
    const Stopwatch watch;
    for (std::int64_t i = 0; i < settings_.syncs; ++i) {
      const auto at = i * static_cast<off_t>(bytes.size());
      if (pwrite(descriptor, bytes.data(), bytes.size(), at) !=
              static_cast<ssize_t>(bytes.size()) ||
          fdatasync(descriptor) != 0) {
        Check(absl::ErrnoToStatus(errno, "sync"));
      }
    }
    const double micros = 1e6 * watch.seconds() / static_cast<double>(settings_.syncs);
    close(descriptor);
    return {micros, micros};
  }

 private:
  double Micros(Durability durability, std::int64_t count) {
    ScratchBroker scratch(settings_);
    const Topic in = scratch.NewTopic("in");
    TopicOptions options;
    options.partitions = kPartitions;
    const Topic out = scratch.NewTopic("out", options);
    scratch.Fill(in.partition(0), static_cast<std::uint64_t>(count + 1) * FrameBytes(kValueBytes),
                 kValueBytes);
    ConsumerGroup group(scratch.broker(), "bench",
                        {.batch = {.max_records = 1, .max_bytes = 1 << 20}});
    const auto consumer = Check(group.Join({"in"}));
    const auto run = [&] {
      Transaction transaction =
          Check(Transaction::Begin(scratch.broker(), {.durability = durability}));
      const RecordBatch batch = Check(consumer->Poll(kTimeout));
      Record record;
      record.value = batch.begin()->value;
      for (int partition = 0; partition < kPartitions; ++partition) {
        record.partition = partition;
        Check(transaction.Send(out, record));
      }
      Check(transaction.AddOffsets(*consumer));
      Check(transaction.Commit());
    };
    run();  // opens them all
    const Stopwatch watch;
    for (std::int64_t i = 0; i < count; ++i) run();
    return 1e6 * watch.seconds() / static_cast<double>(count);
  }

  const Settings settings_;
};

}  // namespace

Suite TransactionSuite() {
  constexpr char kNote[] = "the limit is one bare write and fdatasync";
  return {.name = "transaction_10_partitions",
          .rows = {{.name = "transaction_10_partitions", .unit = "us", .note = kNote},
                   {.name = "transaction_10_partitions.disk", .unit = "us", .note = kNote}},
          .open = [](const Settings& settings) {
            return std::make_unique<TransactionContest>(settings);
          }};
}

}  // namespace daybook::bench
