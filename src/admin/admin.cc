#include "daybook/admin.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "coordination/group_registry.h"
#include "daybook/broker.h"

namespace daybook::inline v1 {
namespace {

absl::StatusOr<PartitionDescription> Describe(int id, PartitionLog& log) {
  PartitionDescription description{.partition = id};
  const auto begin = log.begin_offset();
  if (!begin.ok()) return begin.status();
  const auto end = log.end_offset();
  if (!end.ok()) return end.status();
  const auto durable = log.durable_offset();
  if (!durable.ok()) return durable.status();
  description.begin = *begin;
  description.end = *end;
  description.durable = std::min(*durable, *end);  // more may have come meanwhile
  const auto segments = log.Segments();
  if (!segments.ok()) return segments.status();
  for (const SegmentFacts& segment : *segments) {
    description.bytes += segment.bytes;
    ++description.segments;
  }
  if (*begin == *end) return description;
  if (!segments->empty()) description.first_append = segments->front().created;
  const auto last = log.LastAppendTime();
  // It is damaged, or was deleted meanwhile.
  const bool is_gone = absl::IsDataLoss(last.status()) || absl::IsOutOfRange(last.status());
  if (!last.ok() && !is_gone) return last.status();
  if (last.ok()) description.last_append = *last;
  return description;
}

}  // namespace

Admin::Admin(const Broker& broker)
    : core_(Access::SharedCore(broker)), groups_(Access::Groups(broker).get()) {}

absl::StatusOr<Topic> Admin::Find(std::string_view topic) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->OpenTopic(topic);
}

absl::StatusOr<TopicDescription> Admin::DescribeTopic(std::string_view topic) {
  const auto found = Find(topic);
  if (!found.ok()) return found.status();
  TopicDescription description{
      .name = found->name(), .options = found->options(), .partitions = {}};
  for (int id = 0; id < found->partitions(); ++id) {
    const auto partition = Describe(id, Access::Log(found->partition(id)));
    if (!partition.ok()) return partition.status();
    description.partitions.push_back(*partition);
  }
  return description;
}

absl::Status Admin::AlterTopic(std::string_view topic, const TopicOptions& options) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->AlterTopic(topic, options);
}

absl::Status Admin::CreatePartitions(std::string_view topic, int total) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->CreatePartitions(topic, total);
}

absl::StatusOr<Offset> Admin::DeleteRecords(const TopicPartition& partition, Offset before) {
  const auto topic = Find(partition.topic);
  if (!topic.ok()) return topic.status();
  if (auto status = CheckPartition(*topic, partition.partition); !status.ok()) return status;
  PartitionLog& log = Access::Log(topic->partition(partition.partition));
  if (!log.is_open_to_users()) return log.RefusalOfUsers();
  if (auto status = core_->CheckWritable("; its records cannot be deleted"); !status.ok()) {
    return status;
  }
  if (auto status = log.RaiseLogStart(before); !status.ok()) return status;
  return log.begin_offset();
}

absl::StatusOr<std::vector<std::string>> Admin::ListGroups() {
  if (auto status = core_->Check(); !status.ok()) return status;
  return groups_->List();
}

absl::StatusOr<GroupDescription> Admin::DescribeGroup(std::string_view name) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return groups_->Describe(name);
}

absl::Status Admin::AlterGroupOffsets(std::string_view group,
                                      const std::map<TopicPartition, Offset>& offsets) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return groups_->AlterOffsets(group, offsets);
}

absl::Status Admin::DeleteGroup(std::string_view group) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return groups_->Delete(group);
}

absl::StatusOr<std::int64_t> Admin::ExpireGroupOffsets(TimeSpan unused_for) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return groups_->ExpireOffsets(unused_for);
}

}  // namespace daybook::inline v1
