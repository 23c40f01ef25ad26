#ifndef DAYBOOK_ADMIN_H_
#define DAYBOOK_ADMIN_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/export.h"
#include "daybook/group_description.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "daybook/time_span.h"
#include "daybook/topic.h"
#include "daybook/topic_partition.h"

namespace daybook::inline v1 {

class Broker;
class BrokerCore;
class GroupRegistry;

struct PartitionDescription {
  int partition = 0;
  Offset begin = {};
  Offset end = {};
  Offset durable = {};                         // what is before it survives a power cut
  std::uint64_t bytes = 0;                     // of its segments, without what is made ahead
  std::int64_t segments = 0;                   // none before the first append
  std::optional<Timestamp> first_append = {};  // of all that was in the segments that are there
  std::optional<Timestamp> last_append = {};   // absent: there are no records, or it is damaged
};

struct TopicDescription {
  std::string name;
  TopicOptions options;
  std::vector<PartitionDescription> partitions;
};

// What operators do with a broker: topics that are there, and groups. A handle: copies are cheap.
// Thread-safe. After the broker is closed or gone all calls answer FailedPrecondition, and so do
// those that change something if it is read-only.
//
// Kafka's Admin, call by call: createTopics, deleteTopics and listTopics are the Broker's;
// describeTopics, describeConfigs and describeLogDirs are DescribeTopic; incrementalAlterConfigs is
// AlterTopic; createPartitions, deleteRecords, listGroups, describeConsumerGroups (with
// listConsumerGroupOffsets), alterConsumerGroupOffsets and deleteConsumerGroups have their names.
// Of a broker with many machines there is nothing: no nodes, replicas, quotas, users or tokens.
class DAYBOOK_EXPORT Admin {
 public:
  explicit Admin(const Broker& broker);

  // NotFound: there is no such topic; the message names the nearest one.
  absl::StatusOr<TopicDescription> DescribeTopic(std::string_view topic);

  // Gives a topic other settings: take Topic::options(), change them, by SetOption() if they are
  // text, and hand them back. What can be changed are the settings of retention. In force when it
  // returns OK, and a power cut leaves the old ones or the new ones. Handles that are there show
  // the old ones: open the topic again.
  //   NotFound            as above
  //   InvalidArgument     an option is out of its range, or cannot be changed; or it is an internal
  //                       topic. Nothing is changed
  absl::Status AlterTopic(std::string_view topic, const TopicOptions& options);

  // Adds partitions to a topic until it has `total`. When it returns OK, they survive a power cut.
  // Groups pick them up. Handles of the topic that are there keep the old number: open it again
  // (a Producer that sends by the topic's name does). Mind that the partition of a key is its hash
  // modulo their number: from now on most keys go to another partition than their older records.
  //   NotFound            there is no such topic
  //   InvalidArgument     it has as many or more already, or `total` is over 100,000; or it is an
  //                       internal topic
  absl::Status CreatePartitions(std::string_view topic, int total);

  // Deletes the records before that offset, in the middle of a batch, too; durable when it returns
  // OK. Files go with whole segments. Where the partition begins then: where it did, if that is
  // behind it. Groups that stand before it go on as GroupOptions::offset_reset says.
  //   NotFound            there is no such topic or partition
  //   OutOfRange          the offset is above the partition's end, or above the first record of a
  //                       transaction that is undecided
  //   InvalidArgument     it is an internal topic
  absl::StatusOr<Offset> DeleteRecords(const TopicPartition& partition, Offset before);

  // Groups that have members now or places in the offset store, in alphabetical order; with
  // offsets_directory those of this process alone.
  absl::StatusOr<std::vector<std::string>> ListGroups();
  // NotFound: no such group.
  absl::StatusOr<GroupDescription> DescribeGroup(std::string_view name);

  // Moves a group's places, forwards or back, whether it had one there or not. Nothing is moved
  // when one of them is refused.
  //   FailedPrecondition  the group has members
  //   InvalidArgument     an offset is not within [begin_offset(), end_offset()] of its partition;
  //                       or the name cannot be a group's
  //   NotFound            there is no such topic or partition
  absl::Status AlterGroupOffsets(std::string_view group,
                                 const std::map<TopicPartition, Offset>& offsets);

  // Forgets all places of the group.
  //   NotFound            no such group
  //   FailedPrecondition  it has members
  absl::Status DeleteGroup(std::string_view group);

  // Forgets the places that groups without members have not committed for `unused_for`, by
  // BrokerOptions::clock; how many. Unlike in Kafka (offsets.retention.minutes) none ever expires
  // by itself.
  //   InvalidArgument     `unused_for` is negative
  //   FailedPrecondition  the broker is read-only, without offsets_directory
  absl::StatusOr<std::int64_t> ExpireGroupOffsets(TimeSpan unused_for);

 private:
  absl::StatusOr<Topic> Find(std::string_view topic);

  std::shared_ptr<BrokerCore> core_;
  GroupRegistry* groups_;  // which the core owns
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_ADMIN_H_
