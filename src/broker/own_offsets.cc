#include "broker/own_offsets.h"

#include <iterator>
#include <map>
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
  auto own = std::make_unique<OwnOffsets>(*std::move(broker), followed);
  if (auto status = own->CheckBelongsTo(followed.root); !status.ok()) {
    own->Close().IgnoreError();
    return status;
  }
  return own;
}

OwnOffsets::OwnOffsets(std::shared_ptr<BrokerCore> broker, const Followed& followed)
    : broker_(std::move(broker)),
      store_(broker_->offsets()),
      catalog_(followed.catalog),
      follower_(followed.follower) {}
OwnOffsets::~OwnOffsets() = default;

absl::Status OwnOffsets::CheckBelongsTo(Directory& followed) {
  const auto id = DirectoryId(followed);
  if (!id.ok()) return id.status();
  const OffsetStore::Key key{std::string(kTopicIds), std::string(kWholeDirectory), 0};
  const auto noted = store_.Find(key);
  if (!noted.ok()) return noted.status();
  if (!noted->has_value()) return store_.Commit(key, Offset(0), *id);
  if ((*noted)->metadata == *id) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      broker_->directory(), " has the offsets of groups in another data directory than ",
      followed.path(), "; name the one that belongs to it, or a new directory"));
}

absl::Status OwnOffsets::FollowTopics(BrokerListener* listener) {
  const std::uint64_t changes = follower_.Look();
  if (changes < next_change_.load()) return absl::OkStatus();
  MutexLock lock(mutex_);
  if (changes < next_change_.load()) return absl::OkStatus();  // another thread was faster
  bool has_all = false;
  const absl::Status status = TakeUpTopics(listener, &has_all);
  if (status.ok() && has_all) next_change_.store(changes + 1);
  // Whoever looked meanwhile did not know of what is new.
  if (follower_.topic_changes() != changes) catalog_.Recheck();
  const std::uint64_t version = catalog_.version();
  if (std::exchange(told_version_, version) != version && listener != nullptr) {
    listener->TopicsChanged();
  }
  return status;
}

absl::Status OwnOffsets::TakeUpTopics(BrokerListener* listener, bool* has_all) {
  *has_all = true;
  const auto names = catalog_.Names();
  if (!names.ok()) return names.status();
  const auto all = store_.FindGroup(kTopicIds);
  if (!all.ok()) return all.status();
  std::map<std::string, std::string> noted;
  for (const auto& [key, id] : *all) {
    if (key.topic != kWholeDirectory) noted.emplace(key.topic, id.metadata);
  }
  // Only when the catalog has it no more: whoever still has that one could commit again.
  const auto forget = [&](const std::string& topic) {
    if (listener != nullptr) listener->TopicDeleted(topic);
    return store_.ForgetTopic(topic);  // with its id
  };
  absl::Status result;
  for (auto one = noted.begin(); one != noted.end();) {
    const bool is_gone = absl::IsNotFound(catalog_.Peek(one->first).status());
    const absl::Status forgotten = is_gone ? forget(one->first) : absl::OkStatus();
    result.Update(forgotten);
    one = is_gone && forgotten.ok() ? noted.erase(one) : std::next(one);
  }
  for (const std::string& name : *names) {
    if (IsInternalName(name)) continue;
    auto topic = catalog_.Peek(name);
    if (!topic.ok()) {
      // Whoever asks for it is told why, and what was committed stays. A damaged file that is
      // repaired is a change of its own; whatever else was wrong may be over the next time.
      const bool is_settled = absl::IsDataLoss(topic.status()) || absl::IsNotFound(topic.status());
      *has_all = *has_all && is_settled;
      continue;
    }
    const std::string id = absl::StrCat((*topic)->id());
    const auto found = noted.find(name);
    if (found == noted.end() || found->second != id) {
      // Also if no id is noted: a crash can have come when that alone was forgotten.
      absl::Status status = found == noted.end() ? store_.ForgetTopic(name) : forget(name);
      if (status.ok()) status = store_.Commit({std::string(kTopicIds), name, 0}, Offset(0), id);
      result.Update(status);
      if (!status.ok()) continue;
    }
    catalog_.Publish(*std::move(topic));
  }
  return result;
}

absl::Status OwnOffsets::RunBackgroundWork() { return broker_->RunBackgroundWork(); }

absl::Status OwnOffsets::Close() { return broker_->Close(); }

}  // namespace daybook::inline v1
