#include "daybook/broker.h"

#include <utility>

#include "broker/broker_core.h"
#include "broker/topics/topic_settings.h"

namespace daybook::inline v1 {

Broker::Broker(std::shared_ptr<BrokerCore> core) : core_(std::move(core)) {}
Broker::~Broker() {
  // Its threads and whoever holds its locks are in the process that this one was forked from.
  if (core_->process().is_forked()) {
    static_cast<void>(new std::shared_ptr<BrokerCore>(std::move(core_)));
    return;
  }
  core_->Close().IgnoreError();
}

absl::StatusOr<std::unique_ptr<Broker>> Broker::Open(std::string_view directory,
                                                     BrokerOptions options) {
  auto core = BrokerCore::Open(directory, options);
  if (!core.ok()) return core.status();
  return std::unique_ptr<Broker>(new Broker(*std::move(core)));
}

absl::Status Broker::Close() {
  if (auto status = core_->process().Check(); !status.ok()) return status;
  return core_->Close();
}

absl::Status Broker::CreateTopic(std::string_view name, TopicOptions options) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->CreateTopic(name, options);
}

absl::StatusOr<Topic> Broker::OpenTopic(std::string_view name) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->catalog().Find(name);
}

absl::Status Broker::DeleteTopic(std::string_view name) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->DeleteTopic(name);
}

absl::Status Broker::CreatePartitions(std::string_view topic, int total) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->CreatePartitions(topic, total);
}

absl::StatusOr<std::vector<std::string>> Broker::ListTopics() {
  if (auto status = core_->Check(); !status.ok()) return status;
  auto names = core_->catalog().Names();
  if (!names.ok()) return names.status();
  std::erase_if(*names, [](const std::string& name) { return IsInternalName(name); });
  return names;
}

absl::StatusOr<std::vector<std::string>> Broker::ListGroups() {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->ListGroups();
}

absl::StatusOr<GroupDescription> Broker::DescribeGroup(std::string_view name) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->DescribeGroup(name);
}

absl::Status Broker::AlterGroupOffsets(std::string_view group,
                                       const std::map<TopicPartition, Offset>& offsets) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->AlterGroupOffsets(group, offsets);
}

absl::Status Broker::DeleteGroup(std::string_view group) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->DeleteGroup(group);
}

absl::StatusOr<std::int64_t> Broker::ExpireGroupOffsets(TimeSpan unused_for) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->ExpireGroupOffsets(unused_for);
}

absl::Status Broker::RunBackgroundWork() {
  if (auto status = core_->Check(); !status.ok()) return status;
  const auto core = core_;  // a callback may destroy the last of what keeps it
  core->ahead_worker().RunNow();
  return core->background().RunNow();
}
RecoveryReport Broker::recovery_report() const { return core_->recovery_report(); }
const std::string& Broker::directory() const { return core_->directory(); }

}  // namespace daybook::inline v1
