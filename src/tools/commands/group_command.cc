#include <map>
#include <memory>
#include <string>

#include "daybook/admin.h"
#include "tools/commands/command.h"
#include "tools/commands/group_seek.h"
#include "tools/text/bytes.h"
#include "tools/text/table.h"

namespace daybook::tools {
namespace {

absl::Status List(const Global& global) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadOnly);
  if (!broker.ok()) return broker.status();
  const auto names = Admin(**broker).ListGroups();
  if (!names.ok()) return names.status();
  Table table({"group"});
  for (const std::string& name : *names) table.Add({name});
  table.Print(global);
  return absl::OkStatus();
}

absl::Status Describe(const Global& global, const std::string& name) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadOnly);
  if (!broker.ok()) return broker.status();
  const auto group = Admin(**broker).DescribeGroup(name);
  if (!group.ok()) return group.status();
  Table table({"topic", "partition", "committed_offset", "end_offset", "lag", "metadata"});
  for (const GroupOffset& offset : group->offsets) {
    nlohmann::json committed;
    if (offset.committed) committed = offset.committed->value();
    table.Add({offset.topic, offset.partition, committed, offset.end.value(), offset.lag,
               offset.metadata});
  }
  if (global.format == Format::kJson) {
    const nlohmann::json json = {{"group", name}, {"offsets", table.ToJson()}};
    global.output->PrintLine(DumpJson(json, 2));
  } else {
    table.Print(global);
  }
  return absl::OkStatus();
}

absl::Status Lag(const Global& global, const std::string& name) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadOnly);
  if (!broker.ok()) return broker.status();
  const auto group = Admin(**broker).DescribeGroup(name);
  if (!group.ok()) return group.status();
  std::map<std::string, std::pair<int, std::int64_t>> topics;
  for (const GroupOffset& offset : group->offsets) {
    auto& [partitions, lag] = topics[offset.topic];
    ++partitions;
    lag += offset.lag;
  }
  Table table({"topic", "partitions", "lag"});
  for (const auto& [topic, sum] : topics) table.Add({topic, sum.first, sum.second});
  table.Print(global);
  return absl::OkStatus();
}

}  // namespace

void AddGroupCommands(CLI::App& app, Global& global) {
  CLI::App* group = app.add_subcommand("group", "Look at consumer groups, and move them");
  group->require_subcommand(1);
  group->fallthrough();
  AddOffsetsDirectory(*group, global);

  group->add_subcommand("list", "All groups")->fallthrough()->callback([&global] {
    global.run = [&global] { return List(global); };
  });

  auto name = std::make_shared<std::string>();
  CLI::App* describe =
      group->add_subcommand("describe", "Where a group is in each partition, and its lag");
  describe->fallthrough();
  describe->add_option("name", *name, "The group")->required();
  describe->callback(
      [&global, name] { global.run = [&global, name] { return Describe(global, *name); }; });

  CLI::App* lag = group->add_subcommand("lag", "How far a group is behind, in each topic");
  lag->fallthrough();
  lag->add_option("name", *name, "The group")->required();
  lag->callback([&global, name] { global.run = [&global, name] { return Lag(global, *name); }; });

  AddGroupSeekCommand(*group, global);
}

}  // namespace daybook::tools
