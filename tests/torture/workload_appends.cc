#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "torture/hostile.h"
#include "torture/workload.h"

// Appends of a workload, and what becomes of them in the model.

namespace daybook::torture {
namespace {

constexpr int kAppenders = 3;

Record RecordOf(std::string_view value) {
  Record record;
  record.value = value;
  return record;
}

}  // namespace

std::string Workload::Value(std::size_t offset, std::size_t bytes) {
  // No two values are the same.
  std::string value = absl::StrCat(plans_[topic_].name, "#", made_, "-", partition_, "@", offset,
                                   ":", random_() % 1000, " ");
  if (Pick(3) != 0) {
    value.resize(std::max(value.size(), bytes), static_cast<char>('a' + Pick(26)));
    return value;
  }
  value.resize((value.size() + 7) / 8 * 8, ' ');  // what looks like a frame is aligned like one
  if (value.size() < bytes)
    value += (is_small_ ? SmallHostilePool() : LargeHostilePool())
                 .Payload(bytes - value.size(), random_());
  return value;
}

std::size_t Workload::WithoutRefused(Offset offset, std::size_t records) {
  PartitionModel& partition = model();
  std::size_t first = partition.attempted.size() - records;
  if (partition.is_unsure && offset.value() < static_cast<std::int64_t>(first)) {
    partition.attempted.erase(
        partition.attempted.begin() + static_cast<std::ptrdiff_t>(offset.value()),
        partition.attempted.begin() + static_cast<std::ptrdiff_t>(first));
    first = static_cast<std::size_t>(offset.value());
  }
  partition.is_unsure = false;
  return first;
}

void Workload::Settle(const absl::StatusOr<Offset>& offset, std::size_t records,
                      std::optional<Durability> level, std::string_view what) {
  PartitionModel& partition = model();
  if (!offset.ok()) {
    Error(offset.status(), what);
    // Without a sync nothing was appended; a sync that failed leaves it in the log.
    const auto end = this->partition().end_offset();
    if (!end.ok()) {
      partition.is_unsure = true;
    } else if (end->value() < static_cast<std::int64_t>(partition.attempted.size())) {
      partition.attempted.resize(partition.attempted.size() - records);
    }
    return;
  }
  const std::size_t first = WithoutRefused(*offset, records);
  if (offset->value() != static_cast<std::int64_t>(first)) {
    Error(absl::InternalError(absl::StrCat("offset ", offset->value(), " in place of ", first)),
          what);
  }
  partition.in_process = partition.attempted.size();
  if (level == Durability::kDisk || plans_[topic_].options.durability == Durability::kDisk) {
    partition.on_disk = partition.attempted.size();
  }
}

void Workload::Append(std::size_t bytes, std::optional<Durability> level) {
  const std::string value = Value(model().attempted.size(), bytes);
  Attempt(value);
  const auto offset = partition().Append(RecordOf(value), {.durability = level});
  Settle(offset, 1, level, "append");
  if (offset.ok() && level == Durability::kInterval) model().promised = model().in_process;
}

void Workload::Batch() {
  constexpr std::size_t kRecords = 5;
  const std::size_t first = model().attempted.size();
  std::vector<std::string> values;
  const std::size_t most = is_small_ || Pick(4) != 0 ? 1000 : 100'000;
  for (std::size_t i = 0; i < kRecords; ++i) values.push_back(Value(first + i, Pick(most)));
  std::vector<Record> records;
  for (const std::string& value : values) {
    Attempt(value);
    records.push_back(RecordOf(value));
  }
  Settle(partition().AppendBatch(records), kRecords, std::nullopt, "batch");
}

void Workload::Roll() {
  const auto segment = static_cast<std::size_t>(plans_[topic_].options.segment_bytes);
  for (std::size_t i = 0; i < segment / Largest(); ++i) Append(Largest(), std::nullopt);
}

void Workload::AppendTogether() {
  auto together = std::make_unique<Together>();
  together->topic = plans_[topic_].name;
  together->partition = partition_;
  for (int i = 0; i < kAppenders; ++i) {
    Together::Appender& appender = together->appenders.emplace_back();
    const std::size_t count = 1 + Pick(4);
    for (std::size_t n = 0; n < count; ++n) {
      appender.values.push_back(absl::StrCat(
          "thread ", i, " ", Value(n, Pick(8) == 0 ? std::min(Large(), Largest() - 16) : Usual())));
    }
  }
  model_.together = std::move(together);
  std::vector<std::thread> threads;
  std::vector<std::vector<std::int64_t>> offsets(kAppenders);
  std::vector<absl::Status> errors(kAppenders);
  for (std::size_t i = 0; i < kAppenders; ++i) {
    threads.emplace_back([&, i] {
      Together::Appender& appender = model_.together->appenders[i];
      for (const std::string& value : appender.values) {
        ++appender.attempted;
        const auto offset = partition().Append(RecordOf(value), {.durability = Durability::kDisk});
        if (!offset.ok()) {
          errors[i] = offset.status();
          return;
        }
        offsets[i].push_back(offset->value());
        ++appender.acknowledged;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::unique_ptr<Together> done = std::move(model_.together);
  PartitionModel& into = model();
  for (std::size_t i = 0; i < kAppenders; ++i) {
    if (!errors[i].ok()) Error(errors[i], "append together");
    for (std::size_t n = 0; n < offsets[i].size(); ++n) {
      const auto offset = static_cast<std::size_t>(offsets[i][n]);
      if (into.attempted.size() <= offset) into.attempted.resize(offset + 1);
      into.attempted[offset] = done->appenders[i].values[n];
    }
  }
  into.in_process = into.on_disk = into.attempted.size();
}

}  // namespace daybook::torture
