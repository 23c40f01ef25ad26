#ifndef DAYBOOK_TORTURE_PLANTED_H_
#define DAYBOOK_TORTURE_PLANTED_H_

#include <string>

#include "torture/run.h"

namespace daybook::torture {

// Checks the checkers: switches on one planted bug after the other, each of which the family that
// is named for it must catch, and prints how many tries that took. For
// `daybook-torture-instrumented` alone. `only`: the bug of that name; empty: all. Returns the exit
// status.
int RunPlanted(const RunOptions& options, const std::string& only, const std::string& json_file);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_PLANTED_H_
