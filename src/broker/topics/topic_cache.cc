#include "broker/topics/topic_cache.h"

namespace daybook::inline v1 {
namespace {

// Whether the thread has destroyed its own. Destructors of others that run later may still send.
constinit thread_local bool is_gone = false;

}  // namespace

constinit thread_local TopicCache* TopicCache::of_thread_ = nullptr;

TopicCache* TopicCache::MakeOfThread() {
  struct Owner {
    TopicCache cache;
    ~Owner() {
      of_thread_ = nullptr;
      is_gone = true;
    }
  };
  if (is_gone) return nullptr;
  thread_local Owner owner;
  return of_thread_ = &owner.cache;
}

}  // namespace daybook::inline v1
