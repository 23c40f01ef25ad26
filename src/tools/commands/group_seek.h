#ifndef DAYBOOK_TOOLS_COMMANDS_GROUP_SEEK_H_
#define DAYBOOK_TOOLS_COMMANDS_GROUP_SEEK_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/partition.h"
#include "daybook/system/clock.h"
#include "tools/commands/command.h"

// `daybook group seek`, with the words of kafka-consumer-groups --reset-offsets.

namespace daybook::tools {

// "T" or "T:0,2".
struct SeekTarget {
  std::string topic;
  std::vector<int> partitions;  // empty: all
};
// InvalidArgument with what there is.
absl::StatusOr<SeekTarget> ParseSeekTarget(std::string_view text);

// "2024-05-31T23:59:59.999+02:00", the fraction of up to nine digits and the zone optional; without
// a zone, or with Z, it is UTC. InvalidArgument with what there is.
absl::StatusOr<Timestamp> ParseDateTime(std::string_view text);

// Adds the command to `group`; `global` must outlive the parse.
void AddGroupSeekCommand(CLI::App& group, Global& global);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_COMMANDS_GROUP_SEEK_H_
