#ifndef DAYBOOK_GROUP_DESCRIPTION_H_
#define DAYBOOK_GROUP_DESCRIPTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daybook/offset.h"
#include "daybook/topic_partition.h"

namespace daybook::inline v1 {

// The place of one group in one partition.
struct GroupOffset {
  std::string topic;
  int partition = 0;
  std::optional<Offset> committed;  // the next one to read; absent when the group has no place
  std::string metadata;             // of the commit
  Offset end;                       // of the partition
  std::int64_t lag = 0;             // from the committed one to the end; without: all there are
  std::string member;               // who reads it now; empty when nobody does
};

struct GroupMember {
  std::string id;
  std::string instance_id;  // of a static one
  bool is_away = false;     // its Consumer was destroyed, and its place is kept
  std::vector<TopicPartition> assigned;
};

enum class GroupState {
  kEmpty,        // no members
  kRebalancing,  // some partitions are not yet where they belong
  kStable,
};

struct GroupDescription {
  std::string name;
  GroupState state = GroupState::kEmpty;
  std::string assignor;  // cooperative-sticky, range, roundrobin, custom; empty without members
  std::vector<GroupMember> members;  // by id
  std::int64_t generation = 0;       // rises with each rebalance, as long as the broker is open
  std::vector<GroupOffset> offsets;  // by topic, then partition
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_GROUP_DESCRIPTION_H_
