#ifndef DAYBOOK_TORTURE_PROCESS_EXTERNAL_H_
#define DAYBOOK_TORTURE_PROCESS_EXTERNAL_H_

#include <string>

#include "torture/run.h"

// Families that other programs run, for one table of all.

namespace daybook::torture {

// The same family by a program beside this one; skipped where it was not built.
Tally RunSibling(const std::string& program, const RunOptions& options);

// Each fuzz target for `options.amount` seconds, by scripts/fuzz; skipped where there is no clang.
Tally RunFuzzTargets(const RunOptions& options);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_PROCESS_EXTERNAL_H_
