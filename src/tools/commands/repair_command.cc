#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/repair.h"
#include "tools/commands/command.h"
#include "tools/text/bytes.h"
#include "tools/text/table.h"

namespace daybook::tools {
namespace {

struct Arguments {
  std::vector<std::string> topics;
  bool execute = false;
};

absl::Status RunRepair(const Global& global, const Arguments& arguments) {
  if (auto status = CheckDirectory(global); !status.ok()) return status;
  RepairOptions options;
  options.mode = arguments.execute ? RepairMode::kExecute : RepairMode::kDryRun;
  options.topics = arguments.topics;
  const auto report = Repair(global.directory, options);
  if (!report.ok()) return report.status();

  Table actions({"topic", "partition", "file", "what", "why"});
  for (const RepairAction& action : report->actions) {
    const auto [topic, partition] = PartitionCells(action.partition);
    actions.Add({topic, partition, action.file, action.what, action.why});
  }
  Table lost({"topic", "partition", "begin_offset", "end_offset", "file", "bytes", "cause"});
  for (const LostRecords& records : report->lost) {
    lost.Add({records.topic, records.partition, records.begin_offset.value(),
              records.end_offset ? nlohmann::json(records.end_offset->value()) : nullptr,
              records.file, records.bytes, records.cause});
  }
  Output& output = *global.output;
  if (global.format == Format::kJson) {
    const nlohmann::json json = {{"executed", arguments.execute},
                                 {"actions", actions.ToJson()},
                                 {"lost", lost.ToJson()},
                                 {"not_repaired", report->not_repaired},
                                 {"quarantine", report->quarantine}};
    output.PrintLine(DumpJson(json, 2));
  } else if (report->actions.empty() && report->not_repaired.empty()) {
    output.PrintLine("Nothing is to be repaired.");
  } else {
    output.PrintLine(arguments.execute ? "Repaired:" : "To be repaired, with --execute:");
    actions.Print(global);
    if (!report->lost.empty()) {
      output.PrintLine("\nRecords that cannot be had back:");
      lost.Print(global);
    }
    for (const std::string& what : report->not_repaired) {
      output.Print(absl::StrCat("\nNot repaired: ", ToPrintable(what), "\n"));
    }
    if (!report->quarantine.empty()) {
      output.Print(
          absl::StrCat("\nThe originals are in ", global.directory, "/", report->quarantine, "\n"));
    }
  }
  return report->not_repaired.empty() ? absl::OkStatus()
                                      : absl::DataLossError("some damage is left as it is");
}

}  // namespace

void AddRepairCommand(CLI::App& app, Global& global) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* repair = app.add_subcommand(
      "repair",
      "Make damaged files whole again, keeping every record that can be read and the originals");
  repair->fallthrough();
  repair->add_option("topics", arguments->topics, "These topics (default: all, internal ones too)");
  repair->add_flag("--execute", arguments->execute,
                   "Do it; without, it only says what it would do");
  repair->callback([&global, arguments] {
    global.run = [&global, arguments] { return RunRepair(global, *arguments); };
  });
}

}  // namespace daybook::tools
