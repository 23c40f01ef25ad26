#include "log/store/directory_follower.h"

#include <algorithm>

namespace daybook::inline v1 {
namespace {

bool IsOfTopic(std::string_view name) {
  return name.ends_with(kTopicFileSuffix) || name.ends_with(kGoneFileSuffix);
}

}  // namespace

DirectoryFollower::DirectoryFollower(FileSystem& file_system, Directory& root,
                                     std::string_view lock)
    : root_(root), lock_(lock) {
  MutexLock held(mutex_);
  watch_ = file_system.Watch();
  if (watch_ == nullptr || !watch_->Add(root_, kRoot).ok()) {
    is_told_.store(false, std::memory_order_relaxed);
    is_root_told_ = false;
    watch_ = nullptr;
  }
  is_locked_ = IsLocked();
}

bool DirectoryFollower::IsLocked() {
  // Where that cannot be found out, it is: nothing is taken for dead that may live.
  return root_.IsLocked(lock_).value_or(true);
}

bool DirectoryFollower::WriterIsGone() { return !IsLocked(); }

bool DirectoryFollower::WriterIsGone(std::uint64_t part) {
  return !root_.IsInUse(lock_, part).value_or(true);
}

void DirectoryFollower::Drain() {
  if (watch_ != nullptr) {
    for (const DirectoryWatch::Change& change : watch_->Take()) {
      all_changes_.fetch_add(1);
      const bool is_unknown = change.name.empty();  // so much has happened that some is not told
      if (change.id == kRoot) {
        root_changes_.fetch_add(1);
        if (is_unknown || IsOfTopic(change.name)) topic_changes_.fetch_add(1);
      } else if (change.id <= watched_.size()) {
        if (const auto watched = watched_[change.id - 1].lock()) watched->changes.fetch_add(1);
      }
    }
  }
  const bool is_locked = IsLocked();
  if (is_locked != is_locked_) {
    is_locked_ = is_locked;
    writer_changes_.fetch_add(1);
    all_changes_.fetch_add(1);
  }
}

std::uint64_t DirectoryFollower::Look() {
  looks_.fetch_add(1);
  std::uint64_t topics = 0;
  {
    MutexLock lock(mutex_);
    Drain();
    topics = topic_changes();
    if (topics == told_topics_) return topics;
  }
  if (on_topics_) on_topics_();
  MutexLock lock(mutex_);
  told_topics_ = std::max(told_topics_, topics);  // not before it is done: others wait for it, too
  return topics;
}

std::shared_ptr<DirectoryFollower::Watched> DirectoryFollower::Watch(Directory& directory) {
  auto watched = std::make_shared<Watched>();
  watched->changes = std::uint64_t{1} << kIdShift;
  MutexLock lock(mutex_);
  if (watch_ == nullptr) return watched;
  // The places of those that are gone are taken first.
  auto place = std::find_if(watched_.begin(), watched_.end(),
                            [](const auto& other) { return other.expired(); });
  if (place == watched_.end()) place = watched_.emplace(place);
  *place = watched;
  const auto id = static_cast<std::uint64_t>(place - watched_.begin()) + 1;
  watched->changes = id << kIdShift;  // not what others count, nor the root
  if (watch_->Add(directory, id).ok()) {
    watched->is_told = true;
  } else {
    is_told_.store(false, std::memory_order_relaxed);
  }
  return watched;
}

std::uint64_t DirectoryFollower::changes(const Watched* watched) const {
  const std::uint64_t untold = Tells(watched) ? 0 : looks_.load();
  return (watched == nullptr ? root_changes_.load() : watched->changes.load()) +
         writer_changes_.load() + untold;
}

std::uint64_t DirectoryFollower::topic_changes() const {
  return topic_changes_.load() + (is_root_told_ ? 0 : looks_.load());
}

}  // namespace daybook::inline v1
