#ifndef DAYBOOK_COORDINATION_ASSIGNOR_H_
#define DAYBOOK_COORDINATION_ASSIGNOR_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/group_options.h"

// Who reads what: pure functions. A member that subscribes to nothing gets nothing, and has an
// entry all the same; a topic that nobody subscribes to, or that is not in `partitions`, is left
// out.

namespace daybook::inline v1 {

// Kafka's range assignor: the partitions of each topic, in order, are cut into as many runs as
// there are subscribers, in their order; the first ones get one more when it does not come out
// even. Partitions of the same number thus go to the same member in all topics of as many
// partitions and the same subscribers.
Assignments AssignRanges(const AssignorInput& input);

// Kafka's round-robin assignor: all partitions, in order, are dealt out to the members in turn;
// members that do not subscribe to the topic are passed over.
Assignments AssignRoundRobin(const AssignorInput& input);

// Asks the user's own, if there is one, or else the one named, and checks the user's answer.
//   InvalidArgument     it is no assignment: a member or a partition that there is not, a partition
//                       of a topic that its member does not subscribe to, or one given twice
absl::StatusOr<Assignments> Assign(Assignor assignor, const AssignorFunction& custom,
                                   const AssignorInput& input);

// Kafka's name for it.
std::string_view NameOf(Assignor assignor);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_ASSIGNOR_H_
