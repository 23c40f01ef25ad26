#ifndef DAYBOOK_TOOLS_COMMANDS_COMMAND_LINE_H_
#define DAYBOOK_TOOLS_COMMANDS_COMMAND_LINE_H_

namespace daybook::tools {

// The program `daybook`. Its exit statuses: 0 done; 1 an error, or damage found; 2 wrong usage.
int RunCommandLine(int argc, char** argv);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_COMMANDS_COMMAND_LINE_H_
