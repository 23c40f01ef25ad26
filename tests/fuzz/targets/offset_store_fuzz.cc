#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "broker/offsets/offset_store.h"
#include "daybook/consumer_group.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/observe.h"

// Any records in the topic of the offset store: its records are read as commits or reported as
// damage, and a group can be described, joined and committed, or answers an error.

namespace daybook::fuzz {
namespace {

constexpr std::string_view kNul("\0", 1);

// A key as the bytes choose: mostly of a kind that there is.
std::string KeyFrom(Choices& choices) {
  const std::string place = absl::StrCat("group", std::string(kNul), "t", std::string(kNul));
  switch (choices.Pick(8)) {
    case 0:
      return std::string(choices.Text(choices.Pick(64)));
    case 1:
      return place + std::string(choices.Text(choices.Pick(24)));
    case 2:
      return std::string(kNul) + "open";
    case 3:
      return std::string(kNul) + "committed";
    case 4:
      return std::string(kNul) + "decision";
    default:
      return place + std::to_string(choices.Pick(4));
  }
}

// Fields of numbers and names, NUL between them, or whatever bytes.
std::string ValueFrom(Choices& choices) {
  std::string value;
  for (std::uint64_t fields = choices.Pick(6); fields != 0; --fields) {
    const std::uint64_t how = choices.Pick(4);
    if (!value.empty()) value += kNul;
    value += how == 0   ? std::string(choices.Text(choices.Pick(20)))
             : how == 1 ? "t"
                        : std::to_string(choices.Number(how == 2 ? 1 : 8) >> 1);
  }
  return value;
}

void WriteRecords(Broker& broker, Choices& choices) {
  auto topic = Access::Core(broker).catalog().Create(kOffsetsTopic, {.segment_bytes = 64 << 10});
  ExpectOk(topic.status(), "the topic of the store");
  while (!choices.empty()) {
    const std::string key = KeyFrom(choices);
    const std::string value = ValueFrom(choices);
    const std::uint64_t how = choices.Pick(16);
    const Record record{.key = how == 1 ? std::nullopt : std::optional<std::string_view>(key),
                        .value = how == 2 ? std::nullopt : std::optional<std::string_view>(value),
                        .headers = {},
                        .timestamp = {},
                        .partition = {}};
    ExpectOk(Access::Log(topic->partition(0)).AppendUnsynced(record).status(),
             "a record of the store");
  }
}

void UseGroup(Broker& broker) {
  ConsumerGroup group(broker, "group");
  const auto consumer = group.Join({"t"});
  ExpectTyped(consumer.status());
  if (!consumer.ok()) return;
  for (int i = 0; i < 4; ++i) ExpectTyped((*consumer)->Poll({}).status());
  ExpectTyped((*consumer)->Commit());
  for (int partition = 0; partition < 2; ++partition) {
    const auto position = (*consumer)->Position({"t", partition});
    const auto committed = (*consumer)->Committed({"t", partition});
    ExpectTyped(position.status());
    ExpectTyped(committed.status());
  }
}

// What cannot be opened to write cannot be the next time either, and a reader is told every time.
void CheckRefused(SimulatedFileSystem& disk, const absl::Status& status) {
  ExpectTyped(status);
  Expect(OpenBroker(disk, BrokerAccess::kReadWrite).status() == status, "the error changes");
  const auto reader = OpenBroker(disk, BrokerAccess::kReadOnly);
  if (!reader.ok()) return ExpectTyped(reader.status());
  const std::vector<std::string> lines = Observe(**reader);
  ExpectSame(lines, Observe(**reader), "looked at again");
}

}  // namespace

void FuzzOffsetStore(Input input) {
  Choices choices(input);
  SimulatedFileSystem disk;
  {
    const auto broker = OpenBroker(disk, BrokerAccess::kReadWrite);
    ExpectOk(broker.status(), "an empty directory");
    ExpectOk((*broker)->CreateTopic("t", {.partitions = 2, .segment_bytes = 64 << 10}), "topic");
    const Topic topic = (*broker)->OpenTopic("t").value();
    for (int i = 0; i < 6; ++i) {
      const Record record{
          .key = {}, .value = "value", .headers = {}, .timestamp = {}, .partition = {}};
      ExpectOk(topic.partition(i % 2).Append(record).status(), "append");
    }
    WriteRecords(**broker, choices);
  }
  std::vector<std::string> all;
  {
    const auto broker = OpenBroker(disk, BrokerAccess::kReadWrite);
    if (!broker.ok()) return CheckRefused(disk, broker.status());
    Observe(**broker);
    UseGroup(**broker);
    all = Observe(**broker);
  }
  for (const BrokerAccess access : {BrokerAccess::kReadOnly, BrokerAccess::kReadWrite}) {
    const auto broker = OpenBroker(disk, access);
    ExpectOk(broker.status(), "opened again");
    ExpectSame(all, Observe(**broker), "the places of the groups");
  }
  const auto broker = OpenBroker(disk, BrokerAccess::kReadWrite);
  ExpectOk(broker.status(), "and again");
  ExpectTyped((*broker)->DeleteTopic("t"));
  Observe(**broker);
}

}  // namespace daybook::fuzz
