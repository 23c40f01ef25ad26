#include "broker/topics/catalog.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "broker/access.h"
#include "broker/topics/topic_settings.h"
#include "io/atomic_replace.h"
#include "log/store/directory_follower.h"

namespace daybook::inline v1 {
namespace {

constexpr std::size_t kMaxFileBytes = 64 << 10;

std::string FileName(std::string_view topic, std::string_view suffix) {
  return std::string(topic) + std::string(suffix);
}

}  // namespace

Catalog::Catalog(const LogContext& context, RecoveryCounters& counters)
    : context_(context), counters_(counters) {}

absl::StatusOr<std::vector<std::string>> Catalog::ListFiles(std::string_view suffix) {
  const auto entries = context_.root->List();
  if (!entries.ok()) return entries.status();
  std::vector<std::string> topics;
  for (const DirectoryEntry& entry : *entries) {
    const std::string_view name = entry.name;
    if (entry.is_directory || name.size() <= suffix.size()) continue;
    if (name.substr(name.size() - suffix.size()) != suffix) continue;
    const std::string_view topic = name.substr(0, name.size() - suffix.size());
    if (CheckTopicName(topic).ok()) topics.emplace_back(topic);
  }
  std::sort(topics.begin(), topics.end());
  return topics;
}

absl::StatusOr<Catalog::Settings> Catalog::ReadSettings(const std::string& name) {
  const std::string file = FileName(name, kTopicFileSuffix);
  const auto text = ReadFile(*context_.root, file, kMaxFileBytes);
  if (!text.ok()) return text.status();
  TopicOrigin origin;
  const auto options = DecodeTopicFile(*text, name, &origin);
  if (!options.ok()) {
    return absl::Status(options.status().code(), absl::StrCat(context_.root->path(), "/", file,
                                                              ": ", options.status().message()));
  }
  return Settings{.options = *options, .origin = std::move(origin)};
}

absl::StatusOr<std::shared_ptr<TopicState>> Catalog::Read(const std::string& name) {
  const auto settings = ReadSettings(name);
  if (!settings.ok()) return settings.status();
  return std::make_shared<TopicState>(name, settings->options, context_, counters_,
                                      settings->origin);
}

std::vector<std::shared_ptr<TopicState>> Catalog::All() {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<TopicState>> all;
  for (const auto& [name, topic] : topics_) all.push_back(topic);
  return all;
}

void Catalog::Recheck() {
  const std::vector<std::shared_ptr<TopicState>> known = All();
  bool has_changed = false;
  for (const std::shared_ptr<TopicState>& before : known) {
    const auto settings = ReadSettings(before->name());
    MutexLock lock(mutex_);
    const auto at = topics_.find(before->name());
    // Another thread has looked, too.
    if (at == topics_.end() || at->second != before) continue;
    std::shared_ptr<TopicState>& topic = at->second;
    if (absl::IsNotFound(settings.status()) ||
        (settings.ok() && !topic->IsSameTopic(settings->origin.id) &&
         !IsPlanted(PlantedBug::kFollowersIgnoreIds))) {
      for (Partition& partition : topic->partitions()) {
        Access::Log(partition).Delete(absl::NotFoundError(
            absl::StrCat("the topic ", topic->name(), " was deleted",
                         settings.ok() ? ", and made again: open it by its name" : "")));
      }
      topics_.erase(at);
      has_changed = true;
      continue;
    }
    // One that cannot be read now is as it was.
    if (settings.ok() && settings->options.partitions >= topic->options().partitions &&
        settings->options != topic->options()) {
      topic = std::make_shared<TopicState>(*topic, settings->options, context_, counters_);
      has_changed = true;
    }
  }
  if (has_changed) NoteChange();
}

absl::StatusOr<std::shared_ptr<TopicState>> Catalog::Peek(const std::string& name) {
  auto known = Get(name);
  return !known.ok() || *known != nullptr ? known : Read(name);
}

void Catalog::Publish(std::shared_ptr<TopicState> topic) {
  {
    MutexLock lock(mutex_);
    if (!closed_.ok() || !topics_.try_emplace(topic->name(), topic).second) return;
  }
  NoteChange();
}

absl::Status Catalog::Load() {
  if (context_.is_read_only) return absl::OkStatus();
  const auto gone = ListFiles(kGoneFileSuffix);
  if (!gone.ok()) return gone.status();
  for (const std::string& name : *gone) {
    if (const auto status = FinishDelete(name); !status.ok()) return status;
  }
  const auto names = ListFiles(kTopicFileSuffix);
  if (!names.ok()) return names.status();
  MutexLock lock(mutex_);
  for (const std::string& name : *names) {
    auto topic = Read(name);
    if (!topic.ok()) return topic.status();
    topics_[name] = *std::move(topic);
  }
  return absl::OkStatus();
}

std::vector<std::shared_ptr<TopicState>> Catalog::Close(const absl::Status& reason) {
  MutexLock change_lock(change_mutex_);
  MutexLock lock(mutex_);
  if (closed_.ok()) closed_ = reason;
  is_closed_.store(true, std::memory_order_release);
  std::vector<std::shared_ptr<TopicState>> topics;
  for (auto& [name, state] : topics_) topics.push_back(std::move(state));
  topics_.clear();
  return topics;
}

absl::Status Catalog::Check() {
  if (!is_closed()) return absl::OkStatus();
  MutexLock lock(mutex_);
  return closed_;
}

absl::StatusOr<std::shared_ptr<TopicState>> Catalog::Get(std::string_view name) {
  MutexLock lock(mutex_);
  if (!closed_.ok()) return closed_;
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second;
}

void Catalog::Put(const std::string& name, std::shared_ptr<TopicState> state) {
  {
    MutexLock lock(mutex_);
    topics_[name] = std::move(state);
  }
  NoteChange();
}

absl::StatusOr<Topic> Catalog::Create(std::string_view name, const TopicOptions& asked_for) {
  if (const auto status = CheckTopicName(name); !status.ok()) return status;
  const TopicOptions options = Resolve(asked_for);
  if (const auto status = CheckTopicOptions(options); !status.ok()) return status;
  if (context_.is_read_only) {
    return absl::FailedPreconditionError(
        absl::StrCat(context_.root->path(), " is open read-only; no topic can be made in it"));
  }
  MutexLock change_lock(change_mutex_);
  const auto there = Get(name);
  if (!there.ok()) return there.status();
  if (*there != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat("there is already a topic ", std::string(name)));
  }
  // One of that name that is only half deleted, after an error, would take the new one's files.
  const auto gone = context_.root->OpenFile(FileName(name, kGoneFileSuffix), FileMode::kRead);
  if (!absl::IsNotFound(gone.status())) {
    if (const auto status = FinishDelete(std::string(name)); !status.ok()) return status;
  }
  const TopicOrigin origin{.id = context_.new_segment_id()};
  if (const auto status = Write(name, options, origin); !status.ok()) return status;
  auto state =
      std::make_shared<TopicState>(std::string(name), options, context_, counters_, origin);
  Put(std::string(name), state);
  return Topic(std::move(state));
}

absl::Status Catalog::Write(std::string_view name, const TopicOptions& options,
                            const TopicOrigin& origin) {
  const std::string text = EncodeTopicFile(options, name, origin);
  return AtomicReplace(*context_.root, FileName(name, kTopicFileSuffix),
                       std::as_bytes(std::span(text)));
}

absl::Status Catalog::CreatePartitions(std::string_view name, int total) {
  return Change(name, [&](TopicOptions& options) {
    if (total <= options.partitions) {
      return absl::InvalidArgumentError(absl::StrCat(
          std::string(name), " has ", options.partitions, " partitions already; ask for more than ",
          options.partitions, " in all, they cannot become fewer"));
    }
    options.partitions = total;
    return absl::OkStatus();
  });
}

absl::Status Catalog::Alter(std::string_view name, const TopicOptions& wanted) {
  return Change(name, [&](TopicOptions& options) {
    if (auto status = CheckAlteration(options, wanted); !status.ok()) return status;
    options = wanted;
    return absl::OkStatus();
  });
}

template <typename Edit>
absl::Status Catalog::Change(std::string_view name, Edit edit) {
  if (context_.is_read_only) {
    return absl::FailedPreconditionError(
        absl::StrCat(context_.root->path(), " is open read-only; no topic can be changed in it"));
  }
  MutexLock change_lock(change_mutex_);
  const auto there = Get(name);
  if (!there.ok()) return there.status();
  if (*there == nullptr) return NoSuchTopic(name);
  TopicOptions options = (*there)->options();
  if (const auto status = edit(options); !status.ok()) return status;
  if (const auto status = CheckTopicOptions(options); !status.ok()) return status;
  auto changed = std::make_shared<TopicState>(**there, options, context_, counters_);
  if (const auto status = Write(name, options, changed->origin()); !status.ok()) return status;
  Put(std::string(name), std::move(changed));
  return absl::OkStatus();
}

std::map<std::string, int> Catalog::PartitionCounts() {
  MutexLock lock(mutex_);
  std::map<std::string, int> counts;
  for (const auto& [name, state] : topics_) {
    if (state->options().storage == Storage::kMemory && !has_memory_topics()) continue;
    counts[name] = state->options().partitions;
  }
  return counts;
}

absl::StatusOr<std::vector<std::string>> Catalog::Names() {
  if (auto status = Check(); !status.ok()) return status;
  if (context_.is_read_only) return ListFiles(kTopicFileSuffix);
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, state] : topics_) names.push_back(name);
  return names;
}

absl::Status Catalog::NoSuchTopic(std::string_view name) {
  const auto names = Names();
  const std::string nearest = names.ok() ? NearestName(name, *names) : "";
  return absl::NotFoundError(absl::StrCat(
      "there is no topic ", std::string(name), " in ", context_.root->path(),
      nearest.empty() ? "; create it first" : absl::StrCat("; did you mean ", nearest, "?")));
}

absl::StatusOr<Topic> Catalog::FindAnew(std::string_view name) {
  const std::uint64_t version = this->version();
  DirectoryFollower* const follower = context_.follower;
  if (follower != nullptr) follower->Look();
  const auto found = Get(name);
  if (!found.ok()) return found.status();
  if (*found != nullptr) {
    TopicCache* const cache = context_.is_read_only ? nullptr : TopicCache::OfThread();
    if (cache != nullptr) cache->Put(version, *found);
    return Topic(*found);
  }
  if (!context_.is_read_only || !CheckTopicName(name).ok()) return NoSuchTopic(name);
  const std::uint64_t changes = follower == nullptr ? 0 : follower->topic_changes();
  auto read = Read(std::string(name));
  if (absl::IsNotFound(read.status())) return NoSuchTopic(name);
  if (!read.ok()) return read.status();
  if (holds_back_new_.load(std::memory_order_relaxed) && !(*read)->is_internal()) {
    return NoSuchTopic(name);
  }
  std::shared_ptr<TopicState> state;
  {
    MutexLock lock(mutex_);
    if (!closed_.ok()) return closed_;
    // Another thread may have read it, too: one of the two is everybody's.
    state = topics_.try_emplace(std::string(name), *std::move(read)).first->second;
  }
  // Whoever looked meanwhile did not know of it.
  if (follower != nullptr && follower->topic_changes() != changes) Recheck();
  return Topic(std::move(state));
}

absl::Status Catalog::Delete(std::string_view name, bool* was_removed) {
  *was_removed = false;
  MutexLock change_lock(change_mutex_);
  const auto there = Get(name);
  if (!there.ok()) return there.status();
  if (*there == nullptr) return NoSuchTopic(name);
  if (context_.is_read_only) {
    return absl::FailedPreconditionError(
        absl::StrCat(context_.root->path(), " is open read-only; no topic can be deleted"));
  }
  Directory& root = *context_.root;
  // From here on the topic is gone, whatever happens.
  if (const auto status =
          root.Rename(FileName(name, kTopicFileSuffix), FileName(name, kGoneFileSuffix));
      !status.ok()) {
    return status;
  }
  *was_removed = true;
  const std::shared_ptr<TopicState>& topic = *there;
  {
    MutexLock lock(mutex_);
    topics_.erase(topic->name());
  }
  NoteChange();
  for (Partition& partition : topic->partitions()) {
    Access::Log(partition).Delete(
        absl::NotFoundError(absl::StrCat("the topic ", topic->name(), " was deleted")));
  }
  if (const auto status = root.Sync(); !status.ok()) return status;
  return FinishDelete(topic->name());
}

absl::Status Catalog::FinishDelete(const std::string& name) {
  Directory& root = *context_.root;
  const auto entries = root.List();
  if (!entries.ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    const auto partition = PartitionName::Parse(entry.name);
    if (!entry.is_directory || !partition || partition->topic() != name) continue;
    const auto directory = root.OpenDirectory(entry.name);
    if (!directory.ok()) return directory.status();
    const auto files = (*directory)->List();
    if (!files.ok()) return files.status();
    for (const DirectoryEntry& file : *files) {
      if (const auto status = (*directory)->RemoveFile(file.name); !status.ok()) return status;
    }
    if (const auto status = root.RemoveDirectory(entry.name); !status.ok()) return status;
  }
  if (const auto status = RemoveDictionaries(root, name); !status.ok()) return status;
  if (const auto status = root.Sync(); !status.ok()) return status;
  if (const auto status = root.RemoveFile(FileName(name, kGoneFileSuffix)); !status.ok()) {
    return status;
  }
  return root.Sync();
}

}  // namespace daybook::inline v1
