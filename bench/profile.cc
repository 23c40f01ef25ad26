#include "profile.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstring>
#include <iostream>
#include <utility>

#include "daybook/consumer_group.h"
#include "daybook/producer.h"
#include "daybook/reader.h"
#include "scratch.h"

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;

template <typename Body>
[[gnu::noinline]] void ProfiledLoop(std::int64_t records, Body body) {
  for (std::int64_t done = 0; done < records;) done += body();
}

}  // namespace

void Profile(const std::string& what, const Settings& settings) {
  ScratchBroker scratch(settings);
  TopicOptions options_of_topic;
  if (what == "append_hot") options_of_topic.storage = Storage::kMemory;
  const Topic topic = scratch.NewTopic("profile", options_of_topic);
  Partition& partition = topic.partition(0);
  const std::string value(kValueBytes, 'v');
  Record record;
  record.value = value;
  ClaimOptions options;
  options.value_bytes = value.size();
  Check(partition.Append(record).status());  // opens it
  const std::int64_t records = RecordsIn(settings.log_bytes, kValueBytes);
  Stopwatch watch;
  if (what.starts_with("append")) {
    ProfiledLoop(records, [&] {
      const auto offset = partition.Append(record);
      if (!offset.ok()) Check(offset.status());
      return 1;
    });
  } else if (what == "send") {
    Producer producer(scratch.broker());
    ProfiledLoop(records, [&] {
      const auto receipt = producer.Send("profile", record);
      if (!receipt.ok()) Check(receipt.status());
      return 1;
    });
  } else if (what == "claim") {
    ProfiledLoop(records, [&] {
      auto claim = partition.Claim(options);
      if (!claim.ok()) Check(claim.status());
      std::memcpy(claim->value().data(), value.data(), value.size());
      std::move(*claim).Commit();
      return 1;
    });
  } else if (what == "commit") {
    scratch.Fill(partition, settings.log_bytes, kValueBytes);
    ConsumerGroup group(scratch.broker(), "profile",
                        {.batch = {.max_records = 1, .max_bytes = 1 << 20}});
    const auto consumer = Check(group.Join({"profile"}));
    Check(consumer->Poll(std::chrono::seconds(1)).status());  // opens the store
    Check(consumer->Commit());
    watch = Stopwatch();
    ProfiledLoop(records, [&] {
      const auto batch = consumer->Poll(std::chrono::seconds(1));
      if (!batch.ok()) Check(batch.status());
      const absl::Status status = consumer->Commit();
      if (!status.ok()) Check(status);
      return 1;
    });
  } else {
    scratch.Fill(partition, settings.log_bytes, kValueBytes);
    Reader reader = Check(Reader::Open(scratch.broker(), "profile"));
    watch = Stopwatch();
    ProfiledLoop(records, [&] {
      const RecordBatch batch = Check(reader.Poll(std::chrono::seconds(1)));
      std::size_t sum = 0;
      for (const RecordView& view : batch) sum += static_cast<unsigned char>(view.value.front());
      benchmark::DoNotOptimize(sum);
      return static_cast<std::int64_t>(batch.size());
    });
  }
  std::cout << what << ": " << records << " records in " << watch.seconds() << " s\n";
}

}  // namespace daybook::bench
