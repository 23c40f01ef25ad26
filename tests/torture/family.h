#ifndef DAYBOOK_TORTURE_FAMILY_H_
#define DAYBOOK_TORTURE_FAMILY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "torture/run.h"

namespace daybook::torture {

// How much of a family is run, in units of its figure. 0: all that there is, however much.
struct Amounts {
  std::int64_t quick = 0;  // in the tests
  std::int64_t ci = 0;
  std::int64_t soak = 0;
};

// One kind of fault, or of way to look for them.
struct Family {
  std::string name;
  std::string about;
  std::string figure;  // the one of the tally that is asked for
  // Of each shape that it has.
  std::map<Shape, Amounts> asked;
  // Runs `options.amount` of it, in `options.shape`.
  std::function<Tally(const RunOptions& options)> run;
};

// All of them, in the order in which they are run. Whoever adds a family adds it there.
std::vector<Family> AllFamilies();
// Null: there is none of that name.
const Family* FindFamily(const std::vector<Family>& families, const std::string& name);

Family PowerCutFamily();
Family KillFamily();
Family KillLargeFamily();
Family KillStoresFamily();
Family FlipsFamily();
Family SequencesFamily();
Family ErrorsFamily();
Family AllocationFamily();
Family DiskFullFamily();
Family DiskFullDefaultFamily();
Family ShutdownFamily();
Family CloseFamily();
Family BlockLogFamily();
Family BlockErrorsFamily();
Family TruncationFamily();
Family MutationsFamily();
Family RepairFamily();
Family ClockFamily();
Family GroupsFamily();
Family GroupRunFamily();
Family ExactlyOnceFamily();
Family InterleavingsFamily();
Family FollowerFamily();
Family ThreadsFamily();
Family FuzzFamily();
Family LifecycleFamily();

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_FAMILY_H_
