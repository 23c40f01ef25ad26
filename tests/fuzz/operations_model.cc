#include "fuzz/operations_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daybook/admin.h"
#include "fuzz/fuzz_target.h"
#include "torture/hostile.h"

namespace daybook::fuzz {
namespace {

using State = PartitionModel::State;
using Entry = PartitionModel::Entry;

bool MayMiss(const PartitionModel& model, Fate fate) {
  return model.is_damaged || (fate == Fate::kPowerCut && model.has_lost_pages);
}

// The record may be at its offset.
void CheckRecord(const PartitionModel& model, const RecordView& record) {
  const std::string where = absl::StrCat("the record at ", record.offset.value());
  const std::string value(record.value);
  Expect(model.attempted.count(value) == 1, where + " was never attempted");
  const auto index = static_cast<std::size_t>(record.offset.value());
  if (index >= model.entries.size()) {
    Expect(model.is_damaged, where + " is behind all that was attempted");
    return;
  }
  const Entry& entry = model.entries[index];
  if (entry.state == State::kUnknown) return;
  Expect(entry.state != State::kAbandoned, where + " was abandoned");
  Expect(entry.value == value, where + " is another one");
}

// There may be none.
void CheckMissing(const PartitionModel& model, std::size_t index, Fate fate) {
  if (MayMiss(model, fate) || index >= model.entries.size()) return;
  Expect(model.entries[index].state != State::kAcknowledged,
         absl::StrCat("the acknowledged record at ", index, " is gone"));
}

// One past the last offset that must be there.
std::size_t LowestEnd(const PartitionModel& model, Fate fate) {
  if (MayMiss(model, fate)) return 0;
  if (fate == Fate::kPowerCut) return model.durable;
  std::size_t end = model.entries.size();
  while (end != 0 && model.entries[end - 1].state != State::kAcknowledged) --end;
  return end;
}

}  // namespace

bool PartitionModel::AllUnknown(std::size_t begin, std::size_t end) const {
  if (begin >= end || end > entries.size()) return false;
  const auto first = entries.begin();
  return std::all_of(first + static_cast<std::ptrdiff_t>(begin),
                     first + static_cast<std::ptrdiff_t>(end),
                     [](const Entry& entry) { return entry.state == State::kUnknown; });
}

void PartitionModel::Acknowledge(std::size_t first, std::size_t index) {
  const std::vector<Entry> mine(entries.begin() + static_cast<std::ptrdiff_t>(first),
                                entries.end());
  entries.resize(std::min(first, index));
  entries.resize(index, {State::kUnknown, ""});
  for (const Entry& entry : mine) entries.push_back({State::kAcknowledged, entry.value});
}

void PartitionModel::GoOnWith(const PartitionModel& found, Fate fate) {
  entries = found.entries;
  durable = std::min(durable, entries.size());
  if (fate != Fate::kPowerCut) return;
  // A new boot reads what the disk has. What is lost was, from now on, never there.
  if (has_lost_pages) is_damaged = true;
  has_lost_pages = false;
  committed = 0;
}

std::vector<std::string> ValuesOf(const std::vector<PartitionModel>& models) {
  std::vector<std::string> values;
  for (const PartitionModel& model : models) {
    for (const auto& entry : model.entries) values.push_back(entry.value);
    values.push_back("end");
  }
  return values;
}

std::string MakeValue(std::string begin, std::size_t size, std::size_t number) {
  std::string value = std::move(begin);
  if (number % 3 != 0 || size <= value.size()) {
    value.resize(std::max(value.size(), size), static_cast<char>('a' + number % 26));
    return value;
  }
  value.resize((value.size() + 7) / 8 * 8, ' ');  // what looks like a frame is aligned like one
  auto kind = static_cast<torture::Hostile>(number / 3 % torture::kHostileKinds);
  // The same in every program.
  if (kind == torture::Hostile::kExecutable) kind = torture::Hostile::kRandom;
  if (value.size() < size) value += torture::HostileBytes(kind, size - value.size(), number);
  return value;
}

void CheckPartition(Partition& partition, const PartitionModel& model, Fate fate,
                    PartitionModel* found) {
  const auto begin = partition.begin_offset();
  const auto end = partition.end_offset();
  if (MayMiss(model, fate) && !(begin.ok() && end.ok())) {
    ExpectTyped(begin.ok() ? end.status() : begin.status());
    return;
  }
  ExpectOk(begin.status(), "the beginning");
  ExpectOk(end.status(), "the end");
  const auto found_end = static_cast<std::size_t>(end->value());
  Expect(found_end >= LowestEnd(model, fate),
         absl::StrCat("acknowledged are ", LowestEnd(model, fate), ", there are ", found_end));
  Expect(model.is_damaged || found_end <= model.entries.size(), "there is more than was attempted");
  found->entries.clear();
  Offset at = *begin;
  while (at < *end) {
    const auto batch = partition.Read(at);
    if (!batch.ok()) {
      Expect(MayMiss(model, fate), "damage: " + batch.status().ToString());
      const auto next = partition.NextReadable(at);
      ExpectTyped(next.status());
      if (!next.ok() || *next <= at) break;
      at = *next;
      continue;
    }
    if (batch->empty()) break;
    for (const RecordView& record : *batch) {
      CheckRecord(model, record);
      const auto index = static_cast<std::size_t>(record.offset.value());
      Expect(index >= found->entries.size(), "an offset comes twice");
      for (std::size_t i = found->entries.size(); i < index; ++i) CheckMissing(model, i, fate);
      found->entries.resize(index, {State::kAbandoned, ""});
      found->entries.push_back({State::kAcknowledged, std::string(record.value)});
    }
    at = batch->next_offset();
  }
  for (std::size_t i = found->entries.size(); i < found_end; ++i) CheckMissing(model, i, fate);
  found->entries.resize(found_end, {State::kAbandoned, ""});
  if (MayMiss(model, fate)) {
    for (Entry& entry : found->entries) {
      if (entry.state == State::kAbandoned) entry.state = State::kUnknown;
    }
  }
}

void CheckRead(Partition& partition, const PartitionModel& model, Offset from) {
  const auto batch = partition.Read(from, {.max_records = 20});
  if (!batch.ok()) {
    Expect(MayMiss(model, Fate::kPowerCut), "a read fails: " + batch.status().ToString());
    return ExpectTyped(batch.status());
  }
  for (const RecordView& record : *batch) CheckRecord(model, record);
}

void CheckReadBackwards(Partition& partition, const PartitionModel& model, Offset from) {
  const auto batch = partition.ReadBackwards(from, {.max_records = 20});
  if (!batch.ok()) {
    Expect(MayMiss(model, Fate::kPowerCut), "a read fails: " + batch.status().ToString());
    return ExpectTyped(batch.status());
  }
  for (const RecordView& record : *batch) {
    Expect(record.offset < from, "a record is not before its place");
    CheckRecord(model, record);
  }
}

void CheckGroup(Broker& broker, std::string_view group, const std::vector<std::string>& topics,
                const std::vector<PartitionModel>& models, Fate fate) {
  const auto described = Admin(broker).DescribeGroup(group);
  if (!described.ok()) Expect(absl::IsNotFound(described.status()), described.status().ToString());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    std::int64_t found = 0;  // as good as none
    if (described.ok()) {
      for (const GroupOffset& offset : described->offsets) {
        if (offset.topic == topics[i]) found = offset.committed.value_or(Offset()).value();
      }
    }
    Expect(found <= models[i].highest_commit, "the group is where it never committed");
    Expect(fate == Fate::kPowerCut || found >= models[i].committed, "the group has gone back");
  }
}

}  // namespace daybook::fuzz
