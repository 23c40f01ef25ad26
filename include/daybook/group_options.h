#ifndef DAYBOOK_GROUP_OPTIONS_H_
#define DAYBOOK_GROUP_OPTIONS_H_

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daybook/partition.h"
#include "daybook/time_span.h"
#include "daybook/topic_partition.h"

namespace daybook::inline v1 {

// Where to begin in a partition in which the group has no place, or where its place is not there
// any more: dropped from a memory topic, or by retention.
enum class OffsetReset {
  kEarliest,
  // At the end as of when the group first joined the topic. That is the group's place from then on,
  // for all partitions, and durable when Join returns: what arrives afterwards is delivered,
  // however early a member is lost or killed (Admin::DescribeGroup shows it as committed). What
  // came after the group begins at its beginning: partitions that are added, and new topics that
  // match the expression of JoinMatching, also while nobody has joined. (A group has been there if
  // it has a place in the topic, or in another one that matches. Kafka skips what arrives in a new
  // partition before a member knows of it: KAFKA-12478.)
  kLatest,
  kNone,  // nowhere: Poll answers OutOfRange until a Seek, or Admin::AlterGroupOffsets, says where
};

// How often a record is delivered when the process, or a member, dies at any moment.
//
//                  a record is handled          the place is committed
//   kAtMostOnce    once or not at all           by Poll, before it returns the records
//   kAtLeastOnce   once or more                 by Commit, after they were handled
//   kExactlyOnce   once, as far as its results  by a Transaction, together with the results
//                  are records or rows of the
//                  same transaction
//
// What can happen, and what cannot:
//   kAtMostOnce    never twice, but for a power cut that takes the commit; what Poll has returned
//                  and nobody has handled when the process dies is skipped.
//                    auto batch = consumer->Poll(timeout).value();  // committed here
//                    for (const RecordView& record : batch) Show(record);
//   kAtLeastOnce   never skipped; what lies between the last Commit and the death is seen twice,
//                  and, when a partition moves, what its former member had read and not committed.
//                  examples/quickstart.cc; examples/live_events kills itself and counts both.
//   kExactlyOnce   neither, in the records of the transaction and in the tables that
//                  examples/exactly_once_sqlite.cc commits to. What a handler does beside them
//                  (mail that it sends, say) happens at least once.
enum class Guarantee { kAtMostOnce, kAtLeastOnce, kExactlyOnce };

// Who shares the partitions out. Whichever it is, a partition that stays with its member is not
// revoked.
enum class Assignor {
  kCooperativeSticky,  // as even as the subscriptions allow, with as few moves as that takes
  kRange,       // of each topic a run of partitions to each member; for topics that are joined
  kRoundRobin,  // all partitions of all topics in turn
};

// What an assignor decides upon.
struct AssignorMember {
  std::string id;
  std::string instance_id;            // empty: none
  std::vector<std::string> topics;    // that it subscribes to and that are there, in order
  std::vector<TopicPartition> owned;  // now, and of its topics; in order
};
struct AssignorInput {
  std::vector<AssignorMember> members;    // static ones by instance id, then others as they joined
  std::map<std::string, int> partitions;  // of every topic that somebody subscribes to
};
// The partitions of each member, by its id. Those that nobody is given are read by nobody.
using Assignments = std::map<std::string, std::vector<TopicPartition>>;

// An assignor of the user's own. Pure: the same answer for the same input, whichever thread asks,
// and no call into the library. Asked only when there are members. Must not throw.
using AssignorFunction = std::function<Assignments(const AssignorInput&)>;

// Beside each, Kafka's name for it.
struct GroupOptions {
  // auto.offset.reset; unlike in Kafka nothing is skipped unless asked for.
  OffsetReset offset_reset = OffsetReset::kEarliest;
  // The most that one Poll returns.
  ReadOptions batch{.max_records = 500, .max_bytes = 1 << 20};
  // partition.assignment.strategy; the same for all members.
  Assignor assignor = Assignor::kCooperativeSticky;
  // If it is given, instead of `assignor`. Of members that give several, the first one's counts
  // until the group has no members.
  AssignorFunction custom_assignor = {};
  // max.poll.interval.ms: a member that is not in Poll for longer is lost, and its partitions go on
  // with others. Over 0. By Clock::MonotonicNow().
  TimeSpan max_poll_interval = std::chrono::minutes(5);
  // isolation.level has no counterpart: readers see committed records alone.
  Guarantee guarantee = Guarantee::kAtLeastOnce;
};

class Consumer;

// Told what happens to a member's partitions, in the member's own thread, within Poll, Commit or
// Leave, with no lock held, and with at least one partition. Each may be left out. They may call
// everything of `consumer` but Poll and Leave, which answer FailedPrecondition. They should not
// take long: the group waits for the partitions that move, though for nothing else, and their time
// counts towards max_poll_interval. They must not throw.
struct RebalanceListener {
  using Callback = std::function<void(Consumer& consumer, const std::vector<TopicPartition>&)>;

  // They are the member's own now, with their positions where Poll will begin; a Seek moves them.
  Callback on_assigned = {};
  // They are about to go to other members, and still the member's own: finish what is under way,
  // and commit it. They go when this returns.
  Callback on_revoked = {};
  // They are gone without that: the member was lost, or another one with its instance_id took its
  // place, or the topic was deleted. A Commit of theirs answers Aborted. What is under way may
  // be done by somebody else as well: roll it back if that is possible.
  Callback on_lost = {};
};

struct JoinOptions {
  // group.instance.id: makes the member a static one, which keeps its place when its Consumer is
  // destroyed, until max_poll_interval has passed. Whoever then joins with the same id gets the
  // same partitions, without a rebalance. While the older Consumer is still there, that fences it:
  // its calls answer Aborted. Characters and length as of a group's name. Empty: none.
  std::string instance_id = {};
  RebalanceListener listener = {};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_GROUP_OPTIONS_H_
