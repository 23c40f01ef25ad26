#ifndef DAYBOOK_COORDINATION_STICKY_ASSIGNOR_H_
#define DAYBOOK_COORDINATION_STICKY_ASSIGNOR_H_

#include "daybook/group_options.h"

namespace daybook::inline v1 {

// The assignor that a group uses if it names none: as even as the subscriptions allow, and of the
// assignments that are as even, one with the fewest partitions that change hands. As even as can
// be means the least sum of the squares of how many each member has: members of the same topics
// then differ by one at most, and no chain of moves makes it more even. Deterministic and pure.
//
// How: partitions of topics that have the same subscribers may stand in for one another, so only
// how many of each such class go to each member is to be found. That is a flow of least cost from
// the classes over the members: a partition that its member does not own costs one, and the
// member's n-th partition costs n times more than all moves together. It grows by one partition at
// a time along the cheapest path (which may pass partitions on from member to member), and so it is
// the cheapest at every step. O(partitions * classes * members), and mostly there is one class.
Assignments AssignSticky(const AssignorInput& input);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_STICKY_ASSIGNOR_H_
