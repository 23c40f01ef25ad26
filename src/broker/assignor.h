#ifndef DAYBOOK_BROKER_ASSIGNOR_H_
#define DAYBOOK_BROKER_ASSIGNOR_H_

#include <map>
#include <string>
#include <vector>

#include "daybook/consumer_group.h"

namespace daybook::inline v1 {

// What each member subscribes to, by its id.
using Subscriptions = std::map<std::string, std::vector<std::string>>;

// Kafka's range assignor: the partitions of each topic, in order, are cut into as many runs as
// there are subscribers, in the order of their ids; the first ones get one more when it does not
// come out even. Partitions of the same number thus go to the same member in all topics of as many
// partitions. Pure: members that subscribe to nothing get nothing, a topic that nobody subscribes
// to or that is not in `partitions` is left out.
Assignments AssignRanges(const Subscriptions& subscriptions,
                         const std::map<std::string, int>& partitions);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_ASSIGNOR_H_
