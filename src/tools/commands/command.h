#ifndef DAYBOOK_TOOLS_COMMANDS_COMMAND_H_
#define DAYBOOK_TOOLS_COMMANDS_COMMAND_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "tools/text/output.h"

// What the commands of the program share.

namespace daybook::tools {

enum class Format { kTable, kJson };

// Options that stand before the command.
struct Global {
  std::string directory;
  // If not empty: of the groups of this process, which reads what another one writes.
  std::string offsets_directory;
  Format format = Format::kTable;
  // Standard output. What is left in it when the command ends is written then.
  Output* output = nullptr;
  // The chosen command; set while the command line is parsed.
  std::function<absl::Status()> run;
};

// InvalidArgument: none is named.
absl::Status CheckDirectory(const Global& global);
// For commands of groups.
CLI::Option* AddOffsetsDirectory(CLI::App& command, Global& global);
// With offsets_directory it is read-only, whatever `access` says.
absl::StatusOr<std::unique_ptr<Broker>> OpenBroker(const Global& global, BrokerAccess access);
// FailedPrecondition: the topic is in memory, and has no records but in the process that uses it.
absl::Status CheckIsInFiles(const Topic& topic);

// For CLI11's check(): a whole number from `low` on.
CLI::Validator AtLeast(std::int64_t low);
// For CLI11's callback(): what is wrong with the words, if not OK, ends the program as wrong usage.
void RequireUsage(const absl::Status& status);
// For CLI11's check(): at least one character.
CLI::Validator NotEmpty();

// Each adds its commands to `app`; `global` must outlive the parse.
void AddTopicCommands(CLI::App& app, Global& global);
void AddProduceCommand(CLI::App& app, Global& global);
void AddConsumeCommand(CLI::App& app, Global& global);
void AddGroupCommands(CLI::App& app, Global& global);
void AddInspectCommands(CLI::App& app, Global& global);
void AddRepairCommand(CLI::App& app, Global& global);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_COMMANDS_COMMAND_H_
