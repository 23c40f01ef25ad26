#ifndef DAYBOOK_BROKER_BROKER_LISTENER_H_
#define DAYBOOK_BROKER_BROKER_LISTENER_H_

#include <string_view>

namespace daybook::inline v1 {

// What stands on a broker, its groups, and is told what happens to it. Called by any thread, with
// none of the broker's locks held but those that keep topics from being made and the broker from
// being closed twice.
class BrokerListener {
 public:
  virtual ~BrokerListener() = default;

  // Topics or partitions have come, or the broker is closed: what waits should look again.
  virtual void TopicsChanged() = 0;
  // The topic is gone. Once this returns, nothing commits an offset in it any more: those are
  // forgotten next, and would count in a topic that is made under that name later.
  virtual void TopicDeleted(std::string_view topic) = 0;
  // A memory topic is full: readers that are lost should hold no records back any more.
  virtual void DropLostReaders() = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BROKER_LISTENER_H_
