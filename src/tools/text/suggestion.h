#ifndef DAYBOOK_TOOLS_TEXT_SUGGESTION_H_
#define DAYBOOK_TOOLS_TEXT_SUGGESTION_H_

#include <CLI/CLI.hpp>
#include <string>

namespace daybook::tools {

// What was wrong with the words that `app` could not parse, where one of them is no command or no
// option, with the nearest that there is; empty where it was something else.
std::string UnknownWord(const CLI::App& app);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_SUGGESTION_H_
