#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "catch.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "daybook/producer.h"
#include "daybook/reader.h"
#include "daybook/simulated_file_system.h"
#include "support/segment_bytes.h"

// The simulated power is cut before every sync of a random workload, and what is left is opened and
// compared with what had been promised. One record in three classes: acknowledged at kDisk (must be
// there), attempted (may be there, and then whole and in its place), never attempted (must not be).

namespace daybook {
namespace {

constexpr int kPartitions = 2;

struct PartitionModel {
  // By offset; an abandoned claim takes an offset and holds nothing.
  std::vector<std::optional<std::string>> attempted;
  std::size_t acknowledged = 0;  // so many from the beginning survive a power cut
  std::int64_t committed = 0;    // the highest offset that the group ever committed
};

struct TopicModel {
  bool is_acknowledged = false;  // its creation was
  std::vector<PartitionModel> partitions = std::vector<PartitionModel>(kPartitions);
};

class PowerCutRun {
 public:
  explicit PowerCutRun(std::uint64_t seed) : random_(seed) {}

  // Runs the workload and cuts at every sync of it. Returns how many cuts were made.
  int Run() {
    disk_.SetHook([this](SimulatedFileSystem::Operation operation, const std::string&) {
      if (operation == SimulatedFileSystem::Operation::kSync ||
          operation == SimulatedFileSystem::Operation::kSyncDirectory) {
        CutAndCheck();
      }
      return absl::OkStatus();
    });
    auto broker = Open(disk_);
    for (int step = 0; step < 30; ++step) Step(*broker);
    CutAndCheck();
    disk_.SetHook(nullptr);
    return cuts_;
  }

 private:
  static std::unique_ptr<Broker> Open(SimulatedFileSystem& disk) {
    auto broker = Broker::Open("/data", {.access = BrokerAccess::kReadWrite,
                                         .background = Background::kCaller,
                                         .file_system = &disk});
    INFO(broker.status());
    REQUIRE(broker.ok());
    return *std::move(broker);
  }

  std::uint64_t Pick(std::uint64_t below) { return random_() % below; }

  void Step(Broker& broker) {
    static const std::vector<std::string> kNames = {"disk", "process"};
    const std::string& name = kNames[Pick(kNames.size())];
    TopicModel& topic = topics_[name];
    if (!topic.is_acknowledged) {
      const Durability durability = name == "disk" ? Durability::kDisk : Durability::kProcess;
      REQUIRE(broker
                  .CreateTopic(name, {.partitions = kPartitions,
                                      .durability = durability,
                                      .segment_bytes = 64 << 10,
                                      .max_record_bytes = 16 << 10,
                                      .compression =
                                          name == "disk" ? Compression::kNone : Compression::kZstd})
                  .ok());
      topic.is_acknowledged = true;
      return;
    }
    const Topic handle = broker.OpenTopic(name).value();
    const int id = static_cast<int>(Pick(kPartitions));
    Partition& partition = handle.partition(id);
    PartitionModel& model = topic.partitions[static_cast<std::size_t>(id)];
    switch (Pick(9)) {
      case 0: {  // a claim that is abandoned
        ClaimOptions options;
        options.value_bytes = Pick(3000);
        model.attempted.push_back(std::nullopt);
        REQUIRE(partition.Claim(options).ok());
        break;
      }
      case 1: {  // everything so far made durable
        const std::size_t end = model.attempted.size();
        REQUIRE(partition.WaitDurable(Offset(static_cast<std::int64_t>(end))).ok());
        model.acknowledged = end;
        break;
      }
      case 2: {  // the group reads on and commits
        ConsumerGroup group(broker, "group");
        const auto consumer = group.Join({name}).value();
        for (int i = 0; i < kPartitions; ++i) REQUIRE(consumer->Poll({}).ok());
        for (int i = 0; i < kPartitions; ++i) {
          PartitionModel& read = topic.partitions[static_cast<std::size_t>(i)];
          read.committed = std::max(read.committed, consumer->Position({name, i}).value().value());
        }
        REQUIRE(consumer->Commit().ok());
        break;
      }
      case 3: {  // a batch: all of it or none
        std::vector<Record> records;
        const std::size_t first = model.attempted.size();
        for (std::size_t i = first; i < first + 5; ++i) {
          model.attempted.push_back(name + std::to_string(i) + std::string(Pick(1000), 'b'));
        }
        for (std::size_t i = first; i < first + 5; ++i) {
          records.push_back(RecordOf(*model.attempted[i]));
        }
        const auto offset = partition.AppendBatch(records);
        REQUIRE(offset.ok());
        REQUIRE(offset->value() == static_cast<std::int64_t>(first));
        if (name == "disk") model.acknowledged = model.attempted.size();
        break;
      }
      default: {
        const std::size_t bytes = Pick(4) == 0 ? Pick(15'000) : Pick(300);
        std::string value = name + std::to_string(model.attempted.size());
        value.resize(std::max(value.size(), bytes), static_cast<char>('a' + Pick(26)));
        model.attempted.push_back(value);
        const auto offset = partition.Append(RecordOf(value));
        REQUIRE(offset.ok());
        REQUIRE(offset->value() == static_cast<std::int64_t>(model.attempted.size()) - 1);
        if (name == "disk") model.acknowledged = model.attempted.size();
      }
    }
  }

  void CutAndCheck() {
    ++cuts_;
    std::unique_ptr<SimulatedFileSystem> left = disk_.CutPower(random_());
    if (Pick(10) == 0) {
      // The power goes again while the first cut is being recovered from.
      std::vector<std::unique_ptr<SimulatedFileSystem>> again;
      SimulatedFileSystem* disk = left.get();
      left->SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
        if (again.size() < 20) again.push_back(disk->CutPower(random_()));
        return absl::OkStatus();
      });
      Check(*left);
      left->SetHook(nullptr);
      for (const auto& second : again) Check(*second);
    }
    const auto first = Check(*left);
    CHECK(Check(*left) == first);  // opening once more changes nothing
  }

  // Opens what is left, compares it with the model, and returns all there is.
  std::map<std::string, std::vector<std::string>> Check(SimulatedFileSystem& left) {
    std::map<std::string, std::vector<std::string>> found;
    const auto broker = Open(left);
    for (const auto& [name, topic] : topics_) {
      const auto handle = broker->OpenTopic(name);
      if (!handle.ok()) {
        CHECK(absl::IsNotFound(handle.status()));
        CHECK_FALSE(topic.is_acknowledged);
        continue;
      }
      for (int id = 0; id < kPartitions; ++id) {
        const PartitionModel& model = topic.partitions[static_cast<std::size_t>(id)];
        Partition& partition = handle->partition(id);
        const auto end = partition.end_offset();
        INFO(end.status());
        REQUIRE(end.ok());
        REQUIRE(end->value() >= static_cast<std::int64_t>(model.acknowledged));
        REQUIRE(end->value() <= static_cast<std::int64_t>(model.attempted.size()));
        found[name + std::to_string(id)] = CheckRecords(partition, model, *end);
        CheckGroup(*broker, {name, id}, model);
      }
    }
    return found;
  }

  static std::vector<std::string> CheckRecords(Partition& partition, const PartitionModel& model,
                                               Offset end) {
    std::vector<std::string> values;
    std::size_t next = 0;
    for (Offset at(0); at < end;) {
      const auto batch = partition.Read(at);
      INFO(batch.status());
      REQUIRE(batch.ok());
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        const auto offset = static_cast<std::size_t>(record.offset.value());
        // Only abandoned claims may be missing in between.
        for (; next < offset; ++next) REQUIRE_FALSE(model.attempted[next].has_value());
        REQUIRE(model.attempted[offset] == record.value);
        next = offset + 1;
        values.emplace_back(record.value);
      }
      at = batch->next_offset();
    }
    for (; next < static_cast<std::size_t>(end.value()); ++next) {
      REQUIRE_FALSE(model.attempted[next].has_value());
    }
    return values;
  }

  static void CheckGroup(Broker& broker, const TopicPartition& which, const PartitionModel& model) {
    ConsumerGroup group(broker, "group");
    const auto consumer = group.Join({which.topic}).value();
    const auto polled = consumer->Poll({});
    INFO(polled.status());
    REQUIRE(polled.ok());
    const auto committed = consumer->Committed(which);
    if (committed.ok()) {
      CHECK(committed->offset.value() <= model.committed);
    } else {
      CHECK(absl::IsNotFound(committed.status()));
    }
  }

  std::mt19937_64 random_;
  SimulatedFileSystem disk_;
  std::map<std::string, TopicModel> topics_;
  int cuts_ = 0;
};

}  // namespace

TEST_CASE("No acknowledged record is lost in a power cut at any sync", "[crash]") {
  // A failure names its seed: it repeats alone. For other seeds than the first 1,000, set
  // DAYBOOK_FIRST_SEED.
  const int part = GENERATE(range(0, 10));
  int cuts = 0;
  const char* const others = std::getenv("DAYBOOK_FIRST_SEED");
  const std::uint64_t first = others == nullptr ? 0 : std::strtoull(others, nullptr, 10);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t seed =
        first + static_cast<std::uint64_t>(part) * 100 + static_cast<unsigned>(i);
    INFO("seed " << seed);
    cuts += PowerCutRun(seed).Run();
  }
  CHECK(cuts > 1000);
}

}  // namespace daybook
