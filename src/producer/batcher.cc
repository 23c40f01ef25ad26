#include "producer/batcher.h"

#include <algorithm>
#include <new>
#include <span>

#include "base/no_memory.h"
#include "broker/access.h"
#include "format/batch_codec.h"

namespace daybook::inline v1 {
namespace {

// A batch grows beyond that when it comes to it.
constexpr std::uint64_t kMostReserved = std::uint64_t{1} << 20;

}  // namespace

void BatchOutcome::Set(absl::StatusOr<Offset> first) {
  MutexLock lock(mutex_);
  first_ = std::move(first);
  is_set_.NotifyAll();
}

std::optional<absl::StatusOr<Offset>> BatchOutcome::Get() const {
  MutexLock lock(mutex_);
  return first_;
}

absl::StatusOr<Offset> BatchOutcome::Await(std::chrono::steady_clock::time_point deadline) const {
  MutexLock lock(mutex_);
  while (!first_) {
    if (!is_set_.WaitUntil(mutex_, deadline) && !first_) {
      return absl::DeadlineExceededError("the record is still gathered; flush its producer");
    }
  }
  return *first_;
}

Batcher::~Batcher() {
  for (std::thread& thread : Stop()) thread.detach();  // see its comment
}

absl::Status Batcher::Start(std::shared_ptr<void> owner) {
  if (settings_.threads == nullptr) return absl::OkStatus();
  MutexLock lock(mutex_);
  if (!thread_.empty() || is_stopped_) return absl::OkStatus();
  std::list<std::thread> node(1);
  auto thread = settings_.threads->Start([this, owner = std::move(owner)] { Loop(); });
  if (!thread.ok()) return thread.status();
  node.front() = *std::move(thread);
  thread_.splice(thread_.begin(), node);
  return absl::OkStatus();
}

std::list<std::thread> Batcher::Stop() {
  AppendAll();
  std::list<std::thread> thread;
  {
    MutexLock lock(mutex_);
    is_stopped_ = true;
    thread.swap(thread_);
    changed_.NotifyAll();
  }
  if (thread.empty() || thread.front().get_id() == std::this_thread::get_id()) return thread;
  thread.front().join();
  return {};
}

std::optional<Receipt> Batcher::Add(const Topic& topic, int partition, const Record& given,
                                    Delivery&& delivery) {
  const PartitionLog& log = Access::Log(topic.partition(partition));
  std::optional<Record> copy;
  if (given.timestamp && !log.keeps_event_times()) {
    copy = given;
    copy->timestamp.reset();
  }
  const Record& record = copy ? *copy : given;
  const std::uint64_t bytes = frame::EntryBytes(record);
  if (bytes == 0 || bytes > log.max_entry_bytes()) return std::nullopt;
  const std::uint64_t most = std::min(settings_.batch_bytes, log.max_entry_bytes());
  const bool has_thread = settings_.threads != nullptr;
  std::optional<Receipt> receipt;
  std::optional<Wait> appends;
  {
    MutexLock lock(mutex_);
    if (!has_thread) CloseDue(std::chrono::steady_clock::now());
    auto open = open_.find(&log);
    if (open != open_.end()) {
      const Batch& full = open->second.front();
      if (full.entries.size() + bytes > most || full.deliveries.size() == frame::kMaxBatchRecords) {
        Close(&log);
        open = open_.end();
      }
    }
    Batch& batch = open == open_.end() ? Open(topic, partition, bytes) : open->second.front();
    // What takes memory comes first: the record is in it whole, or not at all.
    const std::size_t at = batch.entries.size();
    if (batch.deliveries.size() == batch.deliveries.capacity()) {
      batch.deliveries.reserve(2 * batch.deliveries.size() + 4);
    }
    receipt = Receipt(topic, partition, batch.outcome,
                      static_cast<std::int64_t>(batch.deliveries.size()));
    batch.entries.resize(at + bytes);
    frame::PutEntry(reinterpret_cast<std::byte*>(batch.entries.data()) + at, record);
    batch.times.Note(record);
    batch.deliveries.push_back(std::move(delivery));
    buffered_ += bytes;
    if (batch.entries.size() >= most) Close(&log);
    const bool is_full = buffered_ >= settings_.buffer_bytes;
    // A callback may end it in the middle of a send; nobody comes after that.
    if (is_full || is_stopped_) CloseAll();
    if (is_full) {
      // Whoever finds the buffer full makes room himself: no thread could do it faster.
      appends = Wait::kForRoom;
    } else if (is_stopped_) {
      appends = Wait::kUntilAppended;
    } else if (!has_thread && !closed_.empty()) {
      appends = Wait::kNever;
    }
    if (has_thread && !closed_.empty()) changed_.NotifyAll();
  }
  if (appends) AppendClosed(nullptr, *appends);
  // Another thread may have been in the way of this one's, and without a thread nobody comes.
  if (!has_thread && appends == Wait::kNever) AppendClosed(&log, Wait::kUntilAppended);
  return receipt;
}

Batch& Batcher::Open(const Topic& topic, int partition, std::uint64_t bytes) {
  const Key key = &Access::Log(topic.partition(partition));
  NoMemoryLeft();
  Batches batch;
  batch.push_back({.topic = topic,
                   .partition = partition,
                   .log = &Access::Log(topic.partition(partition)),
                   .id = ++last_id_,
                   .entries = {},
                   .deliveries = {}});
  batch.front().entries.reserve(
      std::max(std::min<std::uint64_t>(settings_.batch_bytes, kMostReserved), bytes));
  if (on_opened_) on_opened_(batch);
  due_.push_back({DeadlineAfter(settings_.linger), key, last_id_});
  if (settings_.threads != nullptr && due_.size() == 1) changed_.NotifyAll();
  Batches& open = open_[key];
  open.swap(batch);
  return open.front();
}

void Batcher::Close(Key key) {
  auto batch = open_.extract(key);
  if (batch) closed_.splice(closed_.end(), batch.mapped());
}

void Batcher::CloseAll() {
  for (; !due_.empty(); due_.pop_front()) Close(due_.front().key);
}

void Batcher::CloseDue(Time now) {
  while (!due_.empty()) {
    const auto open = open_.find(due_.front().key);
    const bool is_closed = open == open_.end() || open->second.front().id != due_.front().id;
    if (!is_closed && due_.front().when > now) return;
    if (!is_closed) Close(due_.front().key);
    due_.pop_front();
  }
}

Batcher::Batches::iterator Batcher::FindReady(Key key, std::int64_t last_id) {
  const auto is_in_the_way = [](Key log) {
    return [log](const Batch& batch) { return batch.log == log; };
  };
  for (auto at = closed_.begin(); at != closed_.end(); ++at) {
    if ((key != nullptr && at->log != key) || at->id > last_id) continue;
    if (std::any_of(appending_.begin(), appending_.end(), is_in_the_way(at->log))) continue;
    if (std::none_of(closed_.begin(), at, is_in_the_way(at->log))) return at;
  }
  return closed_.end();
}

bool Batcher::IsAppended(Key key, std::int64_t last_id) const {
  const auto is_meant = [&](const Batch& batch) {
    return (key == nullptr || batch.log == key) && batch.id <= last_id;
  };
  return std::none_of(closed_.begin(), closed_.end(), is_meant) &&
         std::none_of(appending_.begin(), appending_.end(), is_meant);
}

void Batcher::AppendClosed(Key key, Wait wait) {
  std::optional<std::int64_t> last_id;
  for (;;) {
    Batches::iterator one;
    {
      MutexLock lock(mutex_);
      if (!last_id) last_id = last_id_;
      while ((one = FindReady(key, *last_id)) == closed_.end()) {
        const bool is_done = wait == Wait::kNever ||
                             (wait == Wait::kForRoom && buffered_ < settings_.buffer_bytes) ||
                             (wait == Wait::kUntilAppended && IsAppended(key, *last_id));
        if (is_done) return;
        changed_.Wait(mutex_);
      }
      appending_.splice(appending_.end(), closed_, one);
    }
    Append(one);
  }
}

void Batcher::Append(Batches::iterator ready) {
  const Batch& one = *ready;
  absl::StatusOr<Offset> first = NoMemoryLeft();
  try {
    first = one.log->AppendEntries(std::as_bytes(std::span(one.entries)),
                                   static_cast<std::uint32_t>(one.deliveries.size()), one.times);
  } catch (const std::bad_alloc&) {
    // Nothing was appended; the others are.
  }
  one.outcome->Set(std::move(first));
  Batches batch;
  {
    MutexLock lock(mutex_);
    batch.splice(batch.begin(), appending_, ready);
    buffered_ -= one.entries.size();
    changed_.NotifyAll();
  }
  on_appended_(std::move(batch));
}

void Batcher::AppendOf(const Topic& topic, int partition) {
  const Key key = &Access::Log(topic.partition(partition));
  {
    MutexLock lock(mutex_);
    Close(key);
  }
  AppendClosed(key, Wait::kUntilAppended);
}

void Batcher::AppendAll() {
  {
    MutexLock lock(mutex_);
    CloseAll();
  }
  AppendClosed(nullptr, Wait::kUntilAppended);
}

void Batcher::AppendReady() {
  {
    MutexLock lock(mutex_);
    CloseAll();
  }
  AppendClosed(nullptr, Wait::kNever);
}

void Batcher::Loop() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      for (;;) {
        CloseDue(std::chrono::steady_clock::now());
        if (is_stopped_ || FindReady(nullptr, last_id_) != closed_.end()) break;
        if (due_.empty()) {
          changed_.Wait(mutex_);
        } else {
          changed_.WaitUntil(mutex_, due_.front().when);
        }
      }
      if (is_stopped_) return;
    }
    AppendClosed(nullptr, Wait::kNever);
  }
}

}  // namespace daybook::inline v1
