#include "producer/batcher.h"

#include <algorithm>
#include <span>

#include "format/batch_codec.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

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
  AppendAll();
  std::thread thread;
  {
    MutexLock lock(mutex_);
    is_stopped_ = true;
    thread = std::exchange(thread_, std::thread());
    changed_.NotifyAll();
  }
  if (thread.joinable()) thread.join();
}

std::optional<Receipt> Batcher::Add(const Topic& topic, int partition, const Record& given,
                                    DeliveryCallback&& on_delivery) {
  const PartitionLog& log = topic.partition(partition).log();
  std::optional<Record> copy;
  if (given.timestamp && !log.keeps_event_times()) {
    copy = given;
    copy->timestamp.reset();
  }
  const Record& record = copy ? *copy : given;
  const std::uint64_t bytes = frame::EntryBytes(record);
  if (bytes == 0 || bytes > log.max_entry_bytes()) return std::nullopt;
  const std::uint64_t most = std::min(settings_.batch_bytes, log.max_entry_bytes());
  const Key key(topic.state().get(), partition);
  std::optional<Receipt> receipt;
  bool appends = false;
  {
    MutexLock lock(mutex_);
    if (!settings_.has_thread) CloseDue(std::chrono::steady_clock::now());
    auto open = open_.find(key);
    if (open != open_.end() && (open->second.entries.size() + bytes > most ||
                                open->second.callbacks.size() == frame::kMaxBatchRecords)) {
      Close(key);
      open = open_.end();
    }
    if (open == open_.end()) open = Open(key, topic, bytes);
    Batch& batch = open->second;
    const std::size_t at = batch.entries.size();
    batch.entries.resize(at + bytes);
    frame::PutEntry(reinterpret_cast<std::byte*>(batch.entries.data()) + at, record);
    batch.times.Note(record);
    receipt =
        Receipt(topic, partition, batch.outcome, static_cast<std::int64_t>(batch.callbacks.size()));
    batch.callbacks.push_back(std::move(on_delivery));
    buffered_ += bytes;
    if (batch.entries.size() >= most) Close(key);
    const bool is_full = buffered_ >= settings_.buffer_bytes;
    if (is_full) CloseAll();
    // Whoever finds the buffer full makes room himself: no thread could do it faster.
    appends = is_full || (!settings_.has_thread && !closed_.empty());
    if (settings_.has_thread && !closed_.empty()) changed_.NotifyAll();
  }
  if (appends) AppendClosed();
  return receipt;
}

std::map<Batcher::Key, Batch>::iterator Batcher::Open(const Key& key, const Topic& topic,
                                                      std::uint64_t bytes) {
  Batch batch{
      .topic = topic, .partition = key.second, .id = ++last_id_, .entries = {}, .callbacks = {}};
  batch.entries.reserve(std::max(settings_.batch_bytes, bytes));
  due_.push_back({std::chrono::steady_clock::now() + settings_.linger, key, last_id_});
  if (settings_.has_thread && due_.size() == 1) StartThread();
  return open_.insert_or_assign(key, std::move(batch)).first;
}

void Batcher::Close(const Key& key) {
  auto batch = open_.extract(key);
  if (batch) closed_.push_back(std::move(batch.mapped()));
}

void Batcher::CloseAll() {
  for (; !due_.empty(); due_.pop_front()) Close(due_.front().key);
}

void Batcher::CloseDue(Time now) {
  while (!due_.empty()) {
    const auto open = open_.find(due_.front().key);
    const bool is_closed = open == open_.end() || open->second.id != due_.front().id;
    if (!is_closed && due_.front().when > now) return;
    if (!is_closed) Close(due_.front().key);
    due_.pop_front();
  }
}

void Batcher::AppendClosed() {
  for (;;) {
    std::optional<Batch> batch;
    {
      MutexLock lock(mutex_);
      while (is_appending_) changed_.Wait(mutex_);
      if (closed_.empty()) return;
      is_appending_ = true;
      batch = std::move(closed_.front());
      closed_.pop_front();
    }
    const std::uint64_t bytes = batch->entries.size();
    PartitionLog& log = batch->topic.partition(batch->partition).log();
    batch->outcome->Set(log.AppendEntries(std::as_bytes(std::span(batch->entries)),
                                          static_cast<std::uint32_t>(batch->callbacks.size()),
                                          batch->times));
    {
      MutexLock lock(mutex_);
      is_appending_ = false;
      buffered_ -= bytes;
      changed_.NotifyAll();
    }
    on_appended_(*std::move(batch));
  }
}

void Batcher::AppendOf(const Topic& topic, int partition) {
  {
    MutexLock lock(mutex_);
    Close({topic.state().get(), partition});
  }
  AppendClosed();
}

void Batcher::AppendAll() {
  {
    MutexLock lock(mutex_);
    CloseAll();
  }
  AppendClosed();
}

void Batcher::StartThread() {
  if (!thread_.joinable() && !is_stopped_) thread_ = std::thread([this] { Loop(); });
  changed_.NotifyAll();  // it may sleep without an end
}

void Batcher::Loop() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      for (;;) {
        CloseDue(std::chrono::steady_clock::now());
        if (is_stopped_ || !closed_.empty()) break;
        if (due_.empty()) {
          changed_.Wait(mutex_);
        } else {
          changed_.WaitUntil(mutex_, due_.front().when);
        }
      }
      if (is_stopped_) return;
    }
    AppendClosed();
  }
}

}  // namespace daybook::inline v1
