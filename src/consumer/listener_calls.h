#ifndef DAYBOOK_CONSUMER_LISTENER_CALLS_H_
#define DAYBOOK_CONSUMER_LISTENER_CALLS_H_

#include <utility>
#include <vector>

#include "daybook/consumer_group.h"

namespace daybook::inline v1 {

// Calls the listener of a member, if it has one and there is something to tell: never with no
// partitions. While it does, is_inside() holds, so that the consumer can refuse what a listener may
// not call. In the consumer's thread alone.
class ListenerCalls {
 public:
  explicit ListenerCalls(RebalanceListener listener) : listener_(std::move(listener)) {}

  // Which one the listener is given; before any call.
  void SetConsumer(Consumer* consumer) { consumer_ = consumer; }

  bool is_inside() const { return is_inside_; }
  void OnAssigned(const std::vector<TopicPartition>& partitions) {
    Call(listener_.on_assigned, partitions);
  }
  void OnRevoked(const std::vector<TopicPartition>& partitions) {
    Call(listener_.on_revoked, partitions);
  }
  void OnLost(const std::vector<TopicPartition>& partitions) {
    Call(listener_.on_lost, partitions);
  }

 private:
  void Call(const RebalanceListener::Callback& callback,
            const std::vector<TopicPartition>& partitions) {
    if (!callback || partitions.empty()) return;
    // Also when it throws.
    const struct Inside {
      explicit Inside(bool& flag) : is_inside(flag) { is_inside = true; }
      ~Inside() { is_inside = false; }
      bool& is_inside;
    } inside(is_inside_);
    callback(*consumer_, partitions);
  }

  const RebalanceListener listener_;
  Consumer* consumer_ = nullptr;
  bool is_inside_ = false;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_LISTENER_CALLS_H_
