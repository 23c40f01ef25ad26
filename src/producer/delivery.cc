#include "producer/delivery.h"

#include <algorithm>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/access.h"

namespace daybook::inline v1 {
namespace {

constexpr std::chrono::milliseconds kLookAgain{1};

absl::Status TooLittle(std::string_view option, std::int64_t value, std::int64_t least) {
  return absl::InvalidArgumentError(absl::StrCat("ProducerOptions::", std::string(option), " is ",
                                                 value, "; it must be at least ", least));
}

// Messages take memory, too: it is there before the first callback.
const absl::Status& NoMemoryToSay() {
  static const absl::Status status =
      absl::UnknownError("a delivery callback threw, and there is no memory to say what");
  return status;
}

absl::Status Check(const ProducerOptions& options) {
  if (options.max_in_flight < 1) return TooLittle("max_in_flight", options.max_in_flight, 1);
  if (options.linger < TimeSpan()) {
    return TooLittle("linger (nanoseconds)", options.linger.nanoseconds().count(), 0);
  }
  if (options.batch_bytes < 1) return TooLittle("batch_bytes", options.batch_bytes, 1);
  if (options.buffer_bytes < 1) return TooLittle("buffer_bytes", options.buffer_bytes, 1);
  return absl::OkStatus();
}

bool IsSynced(const Batch& batch) { return batch.topic.options().durability == Durability::kDisk; }

}  // namespace

Producer::State::State(std::shared_ptr<BrokerCore> core, const ProducerOptions& options)
    : shared_core_(std::move(core)),
      core_(*shared_core_),
      options_(options),
      status_(Check(options)) {
  NoMemoryToSay();
  if (!status_.ok() || options.linger == TimeSpan()) return;
  const bool has_thread = core_.syncs().mode() == Background::kThread;
  batcher_.emplace(
      Batcher::Settings{.linger = options.linger,
                        .batch_bytes = static_cast<std::uint64_t>(options.batch_bytes),
                        .buffer_bytes = static_cast<std::uint64_t>(options.buffer_bytes),
                        .threads = has_thread ? &core_.threads() : nullptr},
      [this](Batcher::Batches batch) { Appended(std::move(batch)); },
      [this](Batcher::Batches& batch) { Opened(batch); });
}

absl::Status Producer::State::Usable() const {
  if (auto status = core_.process().Check(); !status.ok()) return status;
  return status_;
}

void Producer::State::Finish(std::int64_t flush, std::int64_t sends, const absl::Status& status) {
  MutexLock lock(mutex_);
  in_flight_ -= sends;
  const auto at = pending_.find(flush);
  if ((at->second -= sends) == 0) pending_.erase(at);
  error_.Update(status);
  changed_.NotifyAll();
}

absl::Status Producer::State::Flush(SteadyTime deadline) {
  std::int64_t flush = 0;
  {
    // First of all: a send of before that is not gathered yet sees it then, and is not.
    MutexLock lock(mutex_);
    flush = next_flush_++;
  }
  if (batcher_) batcher_->AppendReady();
  auto status =
      Await(deadline, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return IsFlushed(flush); });
  if (!status.ok()) return status;
  MutexLock lock(mutex_);
  return std::exchange(error_, absl::OkStatus());
}

void Producer::State::Drain() {
  const SteadyTime deadline = DeadlineAfter(kAcknowledgeTimeout);
  for (;;) {
    if (absl::IsDeadlineExceeded(Flush(deadline))) return;
    MutexLock lock(mutex_);
    if (pending_.empty()) return;
  }
}

void Producer::State::Tell(const DeliveryCallback& callback, const absl::Status& status,
                           const Receipt& receipt) {
  if (!callback) return;
  // Whatever leaves it stays here: the records behind it are still to be told of, in a thread that
  // has nobody to catch it.
  const CallbackScope scope(&core_, CallbackScope::Kind::kDelivery);
  try {
    callback(status, receipt);
  } catch (const std::exception& error) {
    NoteThrown(error.what());
  } catch (...) {
    NoteThrown("something that is no std::exception");
  }
}

void Producer::State::NoteThrown(const char* what) {
  absl::Status thrown = NoMemoryToSay();
  try {
    thrown = absl::UnknownError(absl::StrCat("a delivery callback threw: ", what));
  } catch (const std::bad_alloc&) {
  }
  MutexLock lock(mutex_);
  error_.Update(std::move(thrown));
}

void Producer::State::StopGathering() {
  if (batcher_) core_.syncs().Adopt(batcher_->Stop());
}

absl::StatusOr<std::int64_t> Producer::State::Begin() {
  const bool waits = !IsInCallback();
  for (;;) {
    std::int64_t flush = 0;
    {
      MutexLock lock(mutex_);
      if (!waits || in_flight_ < options_.max_in_flight) {
        ++pending_[next_flush_];
        ++in_flight_;
        return next_flush_;
      }
      // As by a Flush: none of those in flight may stay gathered.
      flush = next_flush_++;
    }
    if (batcher_) batcher_->AppendReady();
    auto status =
        Await(DeadlineAfter(kAcknowledgeTimeout), [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
          return in_flight_ < options_.max_in_flight || IsFlushed(flush);
        });
    if (!status.ok()) return status;
  }
}

absl::Status Producer::State::Await(SteadyTime deadline, const std::function<bool()>& is_done) {
  // A broker without a thread of its own leaves the work to its callers: this is one.
  const bool works = core_.syncs().mode() == Background::kCaller;
  for (;;) {
    if (works) {
      if (batcher_) batcher_->AppendReady();
      // Of any partition of the broker; those who wait for one are told what became of it.
      core_.syncs().RunNow().IgnoreError();
    }
    MutexLock lock(mutex_);
    // What waits for a claim that is open is worked on again.
    const SteadyTime until = works ? std::min(deadline, DeadlineAfter(kLookAgain)) : deadline;
    while (!is_done() && changed_.WaitUntil(mutex_, until)) {
    }
    if (is_done()) return absl::OkStatus();
    if (std::chrono::steady_clock::now() < deadline) continue;
    return absl::DeadlineExceededError(absl::StrCat(
        in_flight_, " sends are not acknowledged yet; flush again, or look at the disk"));
  }
}

void Producer::State::Opened(Batcher::Batches& batch) {
  Batch& one = batch.front();
  if (!IsSynced(one)) return;
  // Shared, since functions are copied; and empty until it is appended.
  auto appended = std::make_shared<Batcher::Batches>();
  one.ticket = SyncScheduler::Prepare(
      Access::Log(one.topic.partition(one.partition)).shared_from_this(),
      [state = shared_from_this(), appended](const absl::Status& status, Offset) {
        state->Tell(appended->front(), status);
      });
  one.appended = std::move(appended);
}

void Producer::State::Appended(Batcher::Batches batch) {
  Batch& one = batch.front();
  const auto first = *one.outcome->Get();
  if (!first.ok() || !IsSynced(one)) {
    Tell(one, first.status());
    return;
  }
  const Offset end = *first + static_cast<std::int64_t>(one.deliveries.size());
  SyncScheduler::Ticket ticket = std::move(one.ticket);
  const std::shared_ptr<Batcher::Batches> appended = std::move(one.appended);
  appended->splice(appended->begin(), batch);
  core_.syncs().SyncSoon(std::move(ticket), end);
}

void Producer::State::Tell(const Batch& batch, const absl::Status& status) {
  std::int64_t index = 0;
  for (const Delivery& delivery : batch.deliveries) {
    Tell(delivery.callback, status, Receipt(batch.topic, batch.partition, batch.outcome, index++));
  }
  const auto& all = batch.deliveries;
  for (std::size_t first = 0, next = 0; first < all.size(); first = next) {
    while (next < all.size() && all[next].flush == all[first].flush) ++next;
    Finish(all[first].flush, static_cast<std::int64_t>(next - first), status);
  }
}

}  // namespace daybook::inline v1
