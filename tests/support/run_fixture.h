#ifndef DAYBOOK_SUPPORT_RUN_FIXTURE_H_
#define DAYBOOK_SUPPORT_RUN_FIXTURE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daybook/admin.h"
#include "support/broker_fixture.h"
#include "support/notes.h"

namespace daybook {

// A ConsumerGroup::Run in a thread of its own, until Stop or its own end.
class RunningGroup {
 public:
  // `handler`: a Handler or a TransactionHandler.
  template <typename AnyHandler>
  RunningGroup(Broker& broker, std::vector<std::string> topics, RunOptions options,
               AnyHandler handler, GroupOptions group = {}, std::string name = "g")
      : group_(broker, name, std::move(group)) {
    options.stop = stop_.get_token();
    thread_ = std::thread(
        [this, topics = std::move(topics), options = std::move(options),
         handler = std::move(handler)] { result_ = group_.Run(topics, options, handler); });
  }
  ~RunningGroup() {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  RunningGroup(const RunningGroup&) = delete;
  RunningGroup& operator=(const RunningGroup&) = delete;

  void RequestStop() { stop_.request_stop(); }
  // What Run has returned, when it does without a stop.
  absl::Status Await() {
    thread_.join();
    return result_;
  }
  absl::Status Stop() {
    RequestStop();
    return Await();
  }

 private:
  std::stop_source stop_;
  ConsumerGroup group_;
  absl::Status result_;
  std::thread thread_;
};

// The committed offset of a group in a partition; -1 when it has none.
inline std::int64_t CommittedIn(Broker& broker, const std::string& topic, int partition,
                                const std::string& group = "g") {
  const auto description = Admin(broker).DescribeGroup(group);
  if (!description.ok()) return -1;
  for (const GroupOffset& offset : description->offsets) {
    if (offset.topic != topic || offset.partition != partition) continue;
    return offset.committed.value_or(Offset(-1)).value();
  }
  return -1;
}
// The same, when it has come to that, or too much time has passed.
inline std::int64_t AwaitCommitted(Broker& broker, const std::string& topic, int partition,
                                   std::int64_t offset) {
  const auto deadline = Soon();
  while (CommittedIn(broker, topic, partition) < offset) {
    if (std::chrono::steady_clock::now() > deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return CommittedIn(broker, topic, partition);
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_RUN_FIXTURE_H_
