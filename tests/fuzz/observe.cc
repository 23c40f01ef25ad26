#include "fuzz/observe.h"

#include <algorithm>
#include <set>
#include <span>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "daybook/admin.h"
#include "fuzz/directory_image.h"
#include "fuzz/fuzz_target.h"

namespace daybook::fuzz {
namespace {

constexpr std::size_t kMaxRecords = 20'000;
constexpr std::string_view kForged = "forged";

std::string CodeOf(const absl::Status& status) {
  ExpectTyped(status);
  return absl::StatusCodeToString(status.code());
}

std::uint64_t HashOf(const RecordView& record) {
  std::string text = absl::StrCat(record.timestamp.time_since_epoch().count(), " ",
                                  record.append_time.time_since_epoch().count(), " ",
                                  record.is_tombstone(), record.key.has_value(), " ");
  text.append(record.key.value_or(""));
  for (const Header& header : record.headers) {
    text.append(header.name);
    text.append(header.value.value_or("-"));
  }
  text.append(record.value);
  return Hash64(std::as_bytes(std::span(text)));
}

class PartitionObserver {
 public:
  PartitionObserver(Partition& partition, bool is_forged)
      : partition_(partition),
        name_(absl::StrCat(std::string(partition.topic()), "-", partition.id(), " ")),
        is_forged_(is_forged) {}

  std::vector<std::string> Run() && {
    Look();
    if (is_forged_) lines_ = {name_ + std::string(kForged)};
    return std::move(lines_);
  }

 private:
  void Look() {
    const auto begin = partition_.begin_offset();
    const auto end = partition_.end_offset();
    if (!begin.ok() || !end.ok()) {
      Add("unreadable", CodeOf(begin.ok() ? end.status() : begin.status()));
      return;
    }
    Add("range", absl::StrCat(begin->value(), " ", end->value()));
    Expect(*begin <= *end, "a partition ends before it begins");
    const auto durable = partition_.durable_offset();
    ExpectTyped(durable.status());
    Expect(!durable.ok() || *durable <= *end, "more is durable than there is");
    const std::vector<std::int64_t> forwards = Forwards(*begin, *end);
    const bool was_whole = is_whole_;
    if (is_forged_) return ExpectTyped(partition_.ReadBackwards(*end).status());
    const std::vector<std::int64_t> backwards = Backwards(*begin, *end);
    if (was_whole && is_whole_) {
      Expect(std::equal(forwards.rbegin(), forwards.rend(), backwards.begin(), backwards.end()),
             name_ + "has other records backwards");
    }
    for (const std::int64_t nanos : {std::int64_t{0}, std::int64_t{1'000'000'000'000'000'000}}) {
      const auto found = partition_.OffsetForTime(Timestamp(std::chrono::nanoseconds(nanos)));
      ExpectTyped(found.status());
      Expect(!found.ok() || (*found >= *begin && *found <= *end), "a time is out of the range");
    }
    for (const Offset outside : {*begin + -1, *end + 1}) {
      Expect(!partition_.Read(outside).ok(), "an offset out of the range is read");
    }
  }

  void Add(std::string_view what, std::string_view of) {
    lines_.push_back(absl::StrCat(name_, std::string(what), " ", std::string(of)));
  }

  std::vector<std::int64_t> Forwards(Offset begin, Offset end) {
    std::vector<std::int64_t> offsets;
    Offset at = begin;
    while (at < end && offsets.size() < kMaxRecords) {
      const auto batch = partition_.Read(at);
      if (!batch.ok()) {
        is_whole_ = false;
        Add("damage", absl::StrCat(at.value(), " ", CodeOf(batch.status())));
        const auto next = partition_.NextReadable(at);
        ExpectTyped(next.status());
        if (!next.ok() || *next <= at) break;
        at = *next;
        continue;
      }
      if (batch->empty()) break;
      Expect(batch->begin_offset() >= at && batch->next_offset() > at, "a batch goes back");
      std::size_t count = 0;
      for (const RecordView& record : *batch) {
        Expect(record.offset >= at, "a record is before the one before it");
        // Two frames may say what cannot both be, and nobody but a forger makes such.
        if (record.offset >= end) is_forged_ = true;
        offsets.push_back(record.offset.value());
        Add("record", absl::StrCat(record.offset.value(), " ", HashOf(record)));
        at = record.offset + 1;
        ++count;
      }
      Expect(count == batch->size(), absl::StrCat(name_, "says that its batch has ", batch->size(),
                                                  " records, and it has ", count));
      at = batch->next_offset();
    }
    if (offsets.size() >= kMaxRecords) is_whole_ = false;
    return offsets;
  }

  std::vector<std::int64_t> Backwards(Offset begin, Offset end) {
    std::vector<std::int64_t> offsets;
    Offset before = end;
    for (std::size_t damaged = 0; before > begin && offsets.size() < kMaxRecords;) {
      const auto batch = partition_.ReadBackwards(before);
      if (!batch.ok()) {
        is_whole_ = false;
        ExpectTyped(batch.status());
        if (!absl::IsDataLoss(batch.status()) || ++damaged > 1000) break;
        before = before + -1;
        continue;
      }
      if (batch->empty()) break;
      Expect(batch->begin_offset() < before && batch->next_offset() <= before,
             "a batch goes forward");
      for (const RecordView& record : batch->Backwards()) {
        Expect(record.offset < before, "a record is behind the one after it");
        before = record.offset;
        offsets.push_back(before.value());
      }
      before = batch->begin_offset();
    }
    if (offsets.size() >= kMaxRecords) is_whole_ = false;
    return offsets;
  }

  Partition& partition_;
  const std::string name_;
  std::vector<std::string> lines_;
  bool is_whole_ = true;  // all was read, and nothing is damaged
  bool is_forged_;
};

void ObserveGroups(Broker& broker, std::vector<std::string>* lines) {
  const auto groups = Admin(broker).ListGroups();
  if (!groups.ok()) {
    lines->push_back(absl::StrCat("groups ", CodeOf(groups.status())));
    return;
  }
  for (const std::string& name : *groups) {
    const auto group = Admin(broker).DescribeGroup(name);
    lines->push_back(absl::StrCat("group ", name, " ", CodeOf(group.status())));
    if (!group.ok()) continue;
    for (const GroupOffset& offset : group->offsets) {
      lines->push_back(absl::StrCat("group ", name, " ", offset.topic, " ", offset.partition, " ",
                                    offset.committed.value_or(Offset(-1)).value()));
    }
  }
}

}  // namespace

bool IsForged(const std::vector<std::string>& lines, std::string_view partition) {
  return std::find(lines.begin(), lines.end(),
                   absl::StrCat(std::string(partition), " ", std::string(kForged))) != lines.end();
}

absl::StatusOr<std::unique_ptr<Broker>> OpenBroker(SimulatedFileSystem& disk, BrokerAccess access) {
  static ManualClock clock;
  return Broker::Open(
      kDataDirectory,
      {.access = access, .background = Background::kCaller, .file_system = &disk, .clock = &clock});
}

std::vector<std::string> Observe(Broker& broker, const std::set<std::string>& forged) {
  std::vector<std::string> lines;
  const auto names = broker.ListTopics();
  if (!names.ok()) return {CodeOf(names.status())};
  for (const std::string& name : *names) {
    const auto topic = broker.OpenTopic(name);
    lines.push_back(absl::StrCat("topic ", name, " ", CodeOf(topic.status())));
    if (!topic.ok() || topic->options().storage == Storage::kMemory) continue;
    for (int id = 0; id < std::min(topic->partitions(), kObservedPartitions); ++id) {
      const bool is_forged = forged.contains(absl::StrCat(name, "-", id));
      const auto found = PartitionObserver(topic->partition(id), is_forged).Run();
      lines.insert(lines.end(), found.begin(), found.end());
    }
  }
  ObserveGroups(broker, &lines);
  return lines;
}

std::string MissingFrom(const std::vector<std::string>& others,
                        const std::vector<std::string>& lines) {
  const std::set<std::string_view> known(others.begin(), others.end());
  for (const std::string& line : lines) {
    if (known.count(line) == 0) return line;
  }
  return "";
}

void ExpectSame(const std::vector<std::string>& before, const std::vector<std::string>& after,
                std::string_view when) {
  Expect(before == after,
         absl::StrCat(std::string(when), ": gone is \"", MissingFrom(after, before),
                      "\", new is \"", MissingFrom(before, after), "\""));
}

}  // namespace daybook::fuzz
