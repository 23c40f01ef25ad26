#include "daybook/consumer_group.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "consumer/consumer_state.h"
#include "coordination/assignor.h"
#include "coordination/group_registry.h"

namespace daybook::inline v1 {
namespace {

// What `call` answers, if this process and this thread may call it now.
template <typename State, typename Call>
auto Guarded(State& state, Call call) -> decltype(call()) {
  if (!state.is_open()) [[unlikely]]
    return state.CheckOpen();
  const OneThread::Scope scope(state.one_thread());
  if (!scope.ok()) [[unlikely]]
    return state.IsInUse();
  return call();
}

// What no enumerator says: most likely it was never set, or comes from a number.
absl::Status CheckOptions(const GroupOptions& options) {
  const auto check = [](const char* name, int value, int last) {
    if (value >= 0 && value <= last) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("GroupOptions::", name, " is ", value, ", which is no value of its type"));
  };
  auto status = check("offset_reset", static_cast<int>(options.offset_reset),
                      static_cast<int>(OffsetReset::kNone));
  status.Update(check("guarantee", static_cast<int>(options.guarantee),
                      static_cast<int>(Guarantee::kExactlyOnce)));
  const int assignor = static_cast<int>(options.assignor);
  status.Update(check("assignor", assignor, NameOf(options.assignor).empty() ? -1 : assignor));
  return status;
}

}  // namespace

Consumer::Consumer(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->listener().SetConsumer(this);
}
Consumer::~Consumer() {
  // The member goes on in the parent.
  if (!state_->CheckProcess().ok()) static_cast<void>(state_.release());
}

absl::StatusOr<RecordBatch> Consumer::Poll(TimeSpan timeout) {
  return Guarded(*state_, [&] { return state_->Poll(timeout); });
}
void Consumer::Wakeup() { state_->Wakeup(); }
absl::StatusOr<int> Consumer::EventFd() {
  return Guarded(*state_, [&] { return state_->EventFd(); });
}
absl::Status Consumer::Commit() {
  return Guarded(*state_, [&] { return state_->Commit(); });
}
absl::Status Consumer::Commit(const std::map<TopicPartition, CommittedOffset>& offsets) {
  return Guarded(*state_, [&] { return state_->Commit(offsets); });
}
GroupOffsets Consumer::Positions() const { return state_->positions().Positions(); }
absl::Status Consumer::Leave() {
  return Guarded(*state_, [&] { return state_->Leave(); });
}
std::vector<TopicPartition> Consumer::Assignment() const {
  return state_->positions().Assignment();
}

absl::Status Consumer::Seek(const TopicPartition& partition, Offset offset) {
  return Guarded(*state_, [&] { return state_->positions().Seek(partition, offset); });
}
absl::Status Consumer::SeekToBeginning(const std::vector<TopicPartition>& partitions) {
  return Guarded(*state_, [&] {
    return state_->positions().SeekAll(partitions,
                                       [](PartitionLog& log) { return log.begin_offset(); });
  });
}
absl::Status Consumer::SeekToEnd(const std::vector<TopicPartition>& partitions) {
  return Guarded(*state_, [&] {
    return state_->positions().SeekAll(partitions,
                                       [](PartitionLog& log) { return log.end_offset(); });
  });
}
absl::Status Consumer::SeekToTime(Timestamp time, const std::vector<TopicPartition>& partitions) {
  return Guarded(*state_, [&] {
    return state_->positions().SeekAll(
        partitions, [time](PartitionLog& log) { return log.OffsetForTime(time); });
  });
}
absl::Status Consumer::SeekToCommitted() {
  return Guarded(*state_, [&] { return state_->positions().SeekToCommitted(); });
}

absl::StatusOr<Offset> Consumer::Position(const TopicPartition& partition) const {
  return Guarded(*state_, [&] { return state_->positions().Position(partition); });
}
absl::StatusOr<std::int64_t> Consumer::Lag(const TopicPartition& partition) const {
  return Guarded(*state_, [&] { return state_->positions().Lag(partition); });
}
absl::StatusOr<CommittedOffset> Consumer::Committed(const TopicPartition& partition) const {
  return Guarded(*state_, [&] { return state_->Committed(partition); });
}
absl::StatusOr<std::map<TopicPartition, CommittedOffset>> Consumer::CommittedOffsets(
    const std::vector<TopicPartition>& partitions) const {
  return Guarded(*state_, [&] { return state_->CommittedOffsets(partitions); });
}
absl::StatusOr<std::map<TopicPartition, Offset>> Consumer::BeginningOffsets(
    const std::vector<TopicPartition>& partitions) const {
  return Guarded(*state_, [&] {
    return state_->OffsetsOf(partitions, [](PartitionLog& log) { return log.begin_offset(); });
  });
}
absl::StatusOr<std::map<TopicPartition, Offset>> Consumer::EndOffsets(
    const std::vector<TopicPartition>& partitions) const {
  return Guarded(*state_, [&] {
    return state_->OffsetsOf(partitions, [](PartitionLog& log) { return log.end_offset(); });
  });
}
absl::StatusOr<std::map<TopicPartition, Offset>> Consumer::OffsetsForTimes(
    const std::map<TopicPartition, Timestamp>& times) const {
  return Guarded(*state_, [&]() -> absl::StatusOr<std::map<TopicPartition, Offset>> {
    std::map<TopicPartition, Offset> offsets;
    for (const auto& one : times) {
      const auto search = [&one](PartitionLog& log) { return log.OffsetForTime(one.second); };
      auto found = state_->OffsetsOf({one.first}, search);
      if (!found.ok()) return found.status();
      offsets.merge(*found);
    }
    return offsets;
  });
}

absl::Status Consumer::Pause(const std::vector<TopicPartition>& partitions) {
  return Guarded(*state_, [&] { return state_->positions().SetPaused(partitions, true); });
}
absl::Status Consumer::Resume(const std::vector<TopicPartition>& partitions) {
  return Guarded(*state_, [&] { return state_->positions().SetPaused(partitions, false); });
}
std::vector<TopicPartition> Consumer::Paused() const { return state_->positions().Paused(); }

const std::string& Consumer::member_id() const { return state_->member().id(); }

ConsumerGroup::ConsumerGroup(Broker& broker, std::string_view name, GroupOptions options)
    : groups_(Access::Groups(broker)), name_(name), options_(std::move(options)) {}
ConsumerGroup::~ConsumerGroup() = default;

absl::StatusOr<std::unique_ptr<Consumer>> ConsumerGroup::Join(std::vector<std::string> topics,
                                                              JoinOptions options) {
  if (topics.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a member of the group ", name_, " needs at least one topic to read"));
  }
  return Join(Subscription::ToTopics(std::move(topics)), std::move(options));
}

absl::StatusOr<std::unique_ptr<Consumer>> ConsumerGroup::JoinMatching(std::string_view expression,
                                                                      JoinOptions options) {
  auto subscription = Subscription::ToMatching(expression);
  if (!subscription.ok()) return subscription.status();
  return Join(*std::move(subscription), std::move(options));
}

absl::StatusOr<std::unique_ptr<Consumer>> ConsumerGroup::Join(Subscription subscription,
                                                              JoinOptions options) {
  if (options_.max_poll_interval <= TimeSpan()) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_poll_interval of the group ", name_, " must be over 0"));
  }
  if (const auto status = CheckOptions(options_); !status.ok()) return status;
  if (!options.instance_id.empty()) {
    const auto status = CheckGroupName(options.instance_id, "an instance_id");
    if (!status.ok()) return status;
  }
  if (auto status = groups_->core().Check(); !status.ok()) return status;
  auto group = groups_->Find(name_);
  if (!group.ok()) return group.status();
  auto state =
      std::make_unique<Consumer::State>(groups_->core().shared_from_this(), *std::move(group),
                                        options_, std::move(subscription), std::move(options));
  if (const auto status = state->member().Join(); !status.ok()) {
    // It may be there, and could not be taken up.
    const auto followed =
        absl::IsNotFound(status) ? groups_->core().FollowTopics() : absl::OkStatus();
    return followed.ok() ? status : followed;
  }
  return std::unique_ptr<Consumer>(new Consumer(std::move(state)));
}

const std::string& ConsumerGroup::name() const { return name_; }

}  // namespace daybook::inline v1
