#include "daybook/broker.h"

#include <utility>

#include "broker/broker_core.h"
#include "broker/topics/topic_settings.h"
#include "coordination/group_registry.h"

namespace daybook::inline v1 {

Broker::Broker(std::shared_ptr<BrokerCore> core, GroupRegistry* groups)
    : core_(std::move(core)), groups_(groups) {}
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
  const auto groups = GroupRegistry::Open(directory, options);
  if (!groups.ok()) return groups.status();
  return std::unique_ptr<Broker>(new Broker((*groups)->core().shared_from_this(), groups->get()));
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
  return core_->OpenTopic(name);
}

absl::Status Broker::DeleteTopic(std::string_view name) {
  if (auto status = core_->Check(); !status.ok()) return status;
  return core_->DeleteTopic(name);
}

absl::StatusOr<std::vector<std::string>> Broker::ListTopics() {
  if (auto status = core_->Check(); !status.ok()) return status;
  auto names = core_->catalog().Names();
  if (!names.ok()) return names.status();
  std::erase_if(*names, [](const std::string& name) { return IsInternalName(name); });
  return names;
}

absl::Status Broker::RunBackgroundWork() {
  if (auto status = core_->Check(); !status.ok()) return status;
  const auto core = core_;  // a callback may destroy the last of what keeps it
  return core->RunBackgroundWork();
}
RecoveryReport Broker::recovery_report() const { return core_->recovery_report(); }
const std::string& Broker::directory() const { return core_->directory(); }

}  // namespace daybook::inline v1
