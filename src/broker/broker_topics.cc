#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "broker/broker_core.h"
#include "broker/topics/topic_settings.h"

// How topics come and go, together with what was committed in them.

namespace daybook::inline v1 {

absl::Status BrokerCore::CreateTopic(std::string_view name, const TopicOptions& options) {
  if (IsInternalName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(name), ": names that begin with ",
                                                   std::string(kInternalPrefix),
                                                   " are for internal topics; choose another one"));
  }
  MutexLock lock(create_mutex_);
  // A crash can have come between the end of an older topic of this name and that of the places
  // that groups had in it. Nobody may go on there in this one.
  if (!is_read_only() && !IsPlanted(PlantedBug::kForgetsNoPlaces) &&
      absl::IsNotFound(catalog_.Find(name).status())) {
    if (auto status = offsets_.ForgetTopic(name); !status.ok()) return status;
  }
  const auto status = catalog_.Create(name, options).status();
  if (listener_ != nullptr) listener_->TopicsChanged();
  return status;
}

absl::StatusOr<Topic> BrokerCore::OpenTopic(std::string_view name) {
  const auto followed = FollowTopics();
  auto topic = catalog_.Find(name);
  if (absl::IsNotFound(topic.status()) && !followed.ok()) return followed;
  return topic;
}

absl::Status BrokerCore::CreatePartitions(std::string_view topic, int total) {
  if (IsInternalName(topic)) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(topic), " is an internal topic; its partitions stay as they are"));
  }
  const auto status = catalog_.CreatePartitions(topic, total);
  if (listener_ != nullptr) listener_->TopicsChanged();
  return status;
}

absl::Status BrokerCore::AlterTopic(std::string_view topic, const TopicOptions& options) {
  if (IsInternalName(topic)) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(topic), " is an internal topic; its settings stay as they are"));
  }
  const auto status = catalog_.Alter(topic, options);
  if (status.ok()) background_.retention().SettingsChanged();
  return status;
}

absl::Status BrokerCore::DeleteTopic(std::string_view name) {
  if (IsInternalName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(name), " is an internal topic; it cannot be deleted"));
  }
  // Till all that was of this one is forgotten, nobody makes another one of its name.
  MutexLock lock(create_mutex_);
  bool was_removed = false;
  const auto status = catalog_.Delete(name, &was_removed);
  if (!was_removed) return status;
  if (listener_ != nullptr) listener_->TopicDeleted(name);
  if (!status.ok()) return status;
  return offsets_.ForgetTopic(name);
}

}  // namespace daybook::inline v1
