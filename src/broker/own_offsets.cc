#include "broker/own_offsets.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker_core.h"
#include "broker/data_directory.h"
#include "broker/topics/topic_settings.h"

namespace daybook::inline v1 {

absl::StatusOr<std::unique_ptr<OwnOffsets>> OwnOffsets::Open(const BrokerOptions& options,
                                                             const Followed& followed) {
  const std::string& path = options.offsets_directory;
  if (IsSameDataDirectory(*options.file_system, path, followed.root)) {
    return absl::InvalidArgumentError(
        absl::StrCat("BrokerOptions::offsets_directory, ", path,
                     ", is the directory that is "
                     "followed, where another process writes; name one of this process's own"));
  }
  auto broker = BrokerCore::OpenForOffsets(options, followed.catalog);
  if (!broker.ok()) return broker.status();
  followed.catalog.HoldBackNew();
  return std::make_unique<OwnOffsets>(*std::move(broker), followed);
}

OwnOffsets::OwnOffsets(std::shared_ptr<BrokerCore> broker, const Followed& followed)
    : broker_(std::move(broker)),
      store_(broker_->offsets()),
      catalog_(followed.catalog),
      follower_(followed.follower) {}
OwnOffsets::~OwnOffsets() = default;

absl::Status OwnOffsets::FollowTopics(BrokerListener* listener) {
  const std::uint64_t changes = follower_.Look();
  if (changes < next_change_.load()) return absl::OkStatus();
  MutexLock lock(mutex_);
  if (changes < next_change_.load()) return absl::OkStatus();  // another thread was faster
  if (auto status = TakeUpTopics(listener); !status.ok()) return status;
  next_change_.store(changes + 1);
  // Whoever looked meanwhile did not know of what is new.
  if (follower_.topic_changes() != changes) catalog_.Recheck();
  const std::uint64_t version = catalog_.version();
  if (std::exchange(told_version_, version) != version && listener != nullptr) {
    listener->TopicsChanged();
  }
  return absl::OkStatus();
}

absl::Status OwnOffsets::TakeUpTopics(BrokerListener* listener) {
  const auto names = catalog_.Names();
  if (!names.ok()) return names.status();
  const auto noted = store_.FindGroup(kTopicIds);
  if (!noted.ok()) return noted.status();
  // Only when the catalog has it no more: whoever still has that one could commit again.
  const auto forget = [&](const std::string& topic) {
    if (listener != nullptr) listener->TopicDeleted(topic);
    return store_.ForgetTopic(topic);  // with its id
  };
  for (const auto& [key, id] : *noted) {
    if (!absl::IsNotFound(catalog_.Peek(key.topic).status())) continue;
    if (auto status = forget(key.topic); !status.ok()) return status;
  }
  for (const std::string& name : *names) {
    if (IsInternalName(name)) continue;
    auto topic = catalog_.Peek(name);
    if (!topic.ok()) continue;  // whoever asks for it is told why, and what was committed stays
    const OffsetStore::Key key{std::string(kTopicIds), name, 0};
    const std::string id = absl::StrCat((*topic)->id());
    const auto found = noted->find(key);
    if (found == noted->end() || found->second.metadata != id) {
      // Also if no id is noted: a crash can have come when that alone was forgotten.
      const auto forgotten = found == noted->end() ? store_.ForgetTopic(name) : forget(name);
      if (!forgotten.ok()) return forgotten;
      if (auto status = store_.Commit(key, Offset(0), id); !status.ok()) return status;
    }
    catalog_.Publish(*std::move(topic));
  }
  return absl::OkStatus();
}

absl::Status OwnOffsets::RunBackgroundWork() { return broker_->RunBackgroundWork(); }

absl::Status OwnOffsets::Close() { return broker_->Close(); }

}  // namespace daybook::inline v1
