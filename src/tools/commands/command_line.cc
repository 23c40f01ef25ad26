#include "tools/commands/command_line.h"

#include <unistd.h>

#include <cstdio>
#include <map>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "daybook/format/frame.h"
#include "tools/commands/command.h"
#include "tools/text/bytes.h"
#include "tools/text/suggestion.h"

namespace daybook::tools {
namespace {

constexpr int kError = 1;
constexpr int kUsage = 2;

int Fail(std::string_view message) {
  const std::string text = ToPrintable(message, LineFeeds::kKeep);
  std::fprintf(stderr, "daybook: %s\n", text.c_str());
  return kError;
}

// What the command printed goes out, whether it failed or not.
int Finish(Output& output, const absl::Status& status) {
  const absl::Status flushed = output.Flush();
  if (!status.ok()) return Fail(std::string(status.message()));
  // An interrupt that finds nobody reading is no error: it ends what goes on for ever otherwise.
  return flushed.ok() || absl::IsCancelled(flushed) ? 0 : Fail(std::string(flushed.message()));
}

// The help or the version that was asked for, or what is wrong with the words.
int Answer(const CLI::App& app, const CLI::ParseError& error, Output& output) {
  std::ostringstream out;
  std::ostringstream err;
  if (app.exit(error, out, err) == 0) {
    output.Print(out.str());
    return Finish(output, absl::OkStatus());
  }
  const std::string unknown = UnknownWord(app);
  const std::string text =
      unknown.empty() ? err.str() : unknown + "\nRun with --help for more information.\n";
  std::fputs(ToPrintable(text, LineFeeds::kKeep).c_str(), stderr);
  return kUsage;
}

}  // namespace

absl::Status CheckDirectory(const Global& global) {
  if (!global.directory.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("name the data directory with --dir, or in DAYBOOK_DIR");
}

absl::StatusOr<std::unique_ptr<Broker>> OpenBroker(const Global& global, BrokerAccess access) {
  if (auto status = CheckDirectory(global); !status.ok()) return status;
  BrokerOptions options;
  options.access = global.offsets_directory.empty() ? access : BrokerAccess::kReadOnly;
  options.offsets_directory = global.offsets_directory;
  return Broker::Open(global.directory, options);
}

CLI::Option* AddOffsetsDirectory(CLI::App& command, Global& global) {
  return command
      .add_option("--offsets-directory", global.offsets_directory,
                  "The group's offsets are in this directory, which is made if it is not there; "
                  "then another process may write to the data directory")
      ->type_name("DIR")
      ->check(NotEmpty());
}

absl::Status CheckIsInFiles(const Topic& topic) {
  if (topic.options().storage == Storage::kFile) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(topic.name(),
                   " is a topic in memory: its records are in the program that uses it and gone "
                   "when that closes it; read and write it there"));
}

CLI::Validator AtLeast(std::int64_t low) {
  return CLI::Validator(
      [low](std::string& text) {
        std::int64_t number = 0;
        if (CLI::detail::lexical_cast(text, number) && number >= low) return std::string();
        return absl::StrCat(text, " is not a whole number from ", low, " on");
      },
      "");
}

void RequireUsage(const absl::Status& status) {
  if (!status.ok()) throw CLI::ValidationError(std::string(status.message()));
}

CLI::Validator NotEmpty() {
  return CLI::Validator(
      [](std::string& text) { return text.empty() ? std::string("it is empty") : std::string(); },
      "");
}

int RunCommandLine(int argc, char** argv) {
  CLI::App app(
      "Topics, partitions and consumer groups in a data directory.\n"
      "Exit status: 0 done; 1 an error, or damage found; 2 wrong usage.",
      "daybook");
  Output output(STDOUT_FILENO);
  Global global;
  global.output = &output;
  const std::string version =
      "daybook " DAYBOOK_VERSION ", format version " + std::to_string(frame::kFormatVersion);
  app.set_version_flag("--version", version);
  app.add_option("--dir", global.directory, "The data directory")
      ->envname("DAYBOOK_DIR")
      ->type_name("DIR");
  const std::map<std::string, Format> formats = {{"table", Format::kTable},
                                                 {"json", Format::kJson}};
  app.add_option_function<std::string>(
         "--format", [&](const std::string& name) { global.format = formats.at(name); },
         "table or json")
      ->check(CLI::Validator(
          [formats](std::string& name) {
            return formats.contains(name) ? std::string() : name + " is neither table nor json";
          },
          ""))
      ->type_name("FORMAT");
  app.require_subcommand(1);
  app.fallthrough();
  AddTopicCommands(app, global);
  AddProduceCommand(app, global);
  AddConsumeCommand(app, global);
  AddGroupCommands(app, global);
  AddInspectCommands(app, global);
  AddRepairCommand(app, global);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return Answer(app, error, output);
  }
  try {
    return Finish(output, global.run());
  } catch (const std::exception& error) {
    return Finish(output, absl::UnknownError(error.what()));
  }
}

}  // namespace daybook::tools
