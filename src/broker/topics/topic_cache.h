#ifndef DAYBOOK_BROKER_TOPICS_TOPIC_CACHE_H_
#define DAYBOOK_BROKER_TOPICS_TOPIC_CACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "broker/topics/topic_state.h"

namespace daybook::inline v1 {

// What a thread has looked up by name, so that a send by name takes neither a lock nor a walk
// through the catalog. An entry is good as long as the catalog has the version of the look-up, and
// keeps no topic alive.
class TopicCache {
 public:
  TopicCache() = default;
  TopicCache(const TopicCache&) = delete;
  TopicCache& operator=(const TopicCache&) = delete;

  // That of this thread; null where there is none (any more): the thread is about to end.
  static TopicCache* OfThread() { return of_thread_ != nullptr ? of_thread_ : MakeOfThread(); }

  // Null: it is not known in that version.
  std::shared_ptr<TopicState> Find(std::uint64_t version, std::string_view name) const {
    const Entry& entry = entries_[IndexOf(name)];
    if (entry.version != version) return nullptr;
    auto topic = entry.topic.lock();
    if (topic == nullptr || topic->name() != name) return nullptr;
    return topic;
  }
  // `version`: that of before `topic` was looked up. Of no other catalog.
  void Put(std::uint64_t version, const std::shared_ptr<TopicState>& topic) {
    entries_[IndexOf(topic->name())] = {.version = version, .topic = topic};
  }

 private:
  struct Entry {
    std::uint64_t version = 0;
    std::weak_ptr<TopicState> topic;
  };
  static constexpr std::size_t kEntries = 16;

  // Names are often alike but for their ends.
  static std::size_t IndexOf(std::string_view name) {
    const std::size_t last = name.empty() ? 0 : static_cast<unsigned char>(name.back());
    return (last + name.size()) % kEntries;
  }
  static TopicCache* MakeOfThread();

  static constinit thread_local TopicCache* of_thread_;

  std::array<Entry, kEntries> entries_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TOPICS_TOPIC_CACHE_H_
