#ifndef DAYBOOK_TORTURE_PROCESS_VICTIM_H_
#define DAYBOOK_TORTURE_PROCESS_VICTIM_H_

#include <functional>

#include "torture/run.h"

namespace daybook::torture {

// Runs `work`, which must not end, in a process of its own, and kills that as soon as `is_time`,
// which is asked again and again. That it ended by itself is a violation.
void KillAmid(Tally& tally, const std::function<void()>& work,
              const std::function<bool()>& is_time);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_PROCESS_VICTIM_H_
