#include "torture/family.h"

#include <algorithm>

namespace daybook::torture {

std::vector<Family> AllFamilies() {
  return {PowerCutFamily(),      SequencesFamily(),  KillFamily(),
          KillLargeFamily(),     KillStoresFamily(), ErrorsFamily(),
          AllocationFamily(),    DiskFullFamily(),   DiskFullDefaultFamily(),
          ShutdownFamily(),      CloseFamily(),      BlockLogFamily(),
          BlockErrorsFamily(),   FlipsFamily(),      TruncationFamily(),
          MutationsFamily(),     RepairFamily(),     ClockFamily(),
          GroupsFamily(),        GroupRunFamily(),   ExactlyOnceFamily(),
          InterleavingsFamily(), FollowerFamily(),   ThreadsFamily(),
          FuzzFamily(),          LifecycleFamily()};
}

const Family* FindFamily(const std::vector<Family>& families, const std::string& name) {
  const auto found = std::find_if(families.begin(), families.end(),
                                  [&](const Family& family) { return family.name == name; });
  return found == families.end() ? nullptr : &*found;
}

}  // namespace daybook::torture
