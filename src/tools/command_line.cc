#include "tools/command_line.h"

#include <cstdio>
#include <map>
#include <string>

#include "daybook/frame.h"
#include "tools/command.h"

namespace daybook::tools {
namespace {

constexpr int kError = 1;
constexpr int kUsage = 2;

}  // namespace

absl::Status CheckDirectory(const Global& global) {
  if (!global.directory.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("name the data directory with --dir, or in DAYBOOK_DIR");
}

absl::StatusOr<std::unique_ptr<Broker>> OpenBroker(const Global& global, BrokerAccess access) {
  if (auto status = CheckDirectory(global); !status.ok()) return status;
  BrokerOptions options;
  options.access = access;
  return Broker::Open(global.directory, options);
}

int RunCommandLine(int argc, char** argv) {
  CLI::App app(
      "Topics, partitions and consumer groups in a data directory.\n"
      "Exit status: 0 done; 1 an error, or damage found; 2 wrong usage.",
      "daybook");
  Global global;
  const std::string version =
      "daybook " DAYBOOK_VERSION ", format version " + std::to_string(frame::kFormatVersion);
  app.set_version_flag("--version", version);
  app.add_option("--dir", global.directory, "The data directory")
      ->envname("DAYBOOK_DIR")
      ->type_name("DIR");
  const std::map<std::string, Format> formats = {{"table", Format::kTable},
                                                 {"json", Format::kJson}};
  app.add_option("--format", global.format, "table or json")
      ->transform(CLI::CheckedTransformer(formats))
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
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  try {
    absl::Status status = global.run();
    if (status.ok() && std::fflush(stdout) != 0) {
      status = absl::UnknownError("cannot write to standard output");
    }
    if (status.ok()) return 0;
    std::fflush(stdout);
    std::fprintf(stderr, "daybook: %s\n", std::string(status.message()).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "daybook: %s\n", error.what());
  }
  return kError;
}

}  // namespace daybook::tools
