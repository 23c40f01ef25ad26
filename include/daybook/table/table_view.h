#ifndef DAYBOOK_TABLE_TABLE_VIEW_H_
#define DAYBOOK_TABLE_TABLE_VIEW_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/export.h"
#include "daybook/offset.h"
#include "daybook/record.h"
#include "daybook/record_batch.h"
#include "daybook/time_span.h"
#include "daybook/topic_partition.h"

namespace daybook::inline v1 {

// Reads a topic for a TableView: all of it, batch by batch, in the thread of the caller or in one
// of its own. TableView is what programs use, and says what the calls do.
class DAYBOOK_EXPORT TableFeed {
 public:
  // Takes a batch in; an error ends the feed, and what it throws is one.
  using Take = std::function<absl::Status(const RecordBatch&)>;
  static absl::StatusOr<std::unique_ptr<TableFeed>> Open(Broker& broker, std::string_view topic,
                                                         Background mode, Take take);
  ~TableFeed();
  TableFeed(const TableFeed&) = delete;
  TableFeed& operator=(const TableFeed&) = delete;

  absl::Status Poll(TimeSpan timeout);
  absl::Status CatchUp(TimeSpan timeout);
  absl::Status WaitFor(int partition, Offset end, TimeSpan timeout);

 private:
  class State;
  explicit TableFeed(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

template <typename K, typename V>
struct TableOptions {
  // How the bytes of a record become a key and a value. Empty: by the constructor that takes a
  // std::string_view. An error is an error of the view. They may not call it.
  std::function<absl::StatusOr<K>(std::string_view)> key = {};
  std::function<absl::StatusOr<V>(std::string_view)> value = {};
  // Told of each change, in the order of its partition, when it can be looked up, by the thread
  // that takes records in; absent: the key is gone. May look up, and may not call what waits.
  std::function<void(const K&, const std::optional<V>&)> on_change = {};
  // kThread: a thread of the view keeps it up to date. kCaller: Poll, CatchUp and WaitFor do.
  Background background = Background::kThread;
};

// The current value of each key of a topic, in memory: a record sets its key's value, a tombstone
// takes it away, one without a key is passed over. What retention or compaction takes out of the
// topic stays in the view until a record says otherwise; a view that is opened later does not have
// it. Keys of one partition change in its order; between partitions there is none.
//
//   auto accounts = TableView<std::string, std::string>::Open(*broker, "accounts").value();
//   accounts->CatchUp(std::chrono::seconds(10)).IgnoreError();
//   const std::optional<std::string> alice = accounts->Get("alice");
//
// Thread-safe, but for one thing: at Background::kCaller one thread at a time calls Poll, CatchUp
// and WaitFor. Errors of these, and of later calls of them, since the view ends with them:
//   DataLoss            damage in the topic (damage.h)
//   NotFound            the topic was deleted
//   FailedPrecondition  the broker is closed
//   Unknown             a function of the options threw
// What was there can still be looked up then. Must be destroyed before what its functions refer to.
template <typename K, typename V>
class TableView {
 public:
  using Options = TableOptions<K, V>;
  using Map = absl::flat_hash_map<K, V>;
  // All keys at one moment, and one past the last offset that was taken in of each partition.
  struct Snapshot {
    Map values;
    std::map<int, Offset> positions;
  };

  // NotFound: no such topic. ResourceExhausted: there is no thread left. InvalidArgument: a type is
  // not made from a std::string_view, and `options` has no function for it.
  static absl::StatusOr<std::unique_ptr<TableView>> Open(Broker& broker, std::string_view topic,
                                                         Options options = {}) {
    if ((!std::is_constructible_v<K, std::string_view> && !options.key) ||
        (!std::is_constructible_v<V, std::string_view> && !options.value)) {
      return absl::InvalidArgumentError(
          "TableOptions::key or TableOptions::value is empty, and its type is not made from a "
          "std::string_view; say how");
    }
    std::unique_ptr<TableView> view(new TableView(std::move(options)));
    auto feed = TableFeed::Open(
        broker, topic, view->options_.background,
        [view = view.get()](const RecordBatch& batch) { return view->Take(batch); });
    if (!feed.ok()) return feed.status();
    view->feed_ = *std::move(feed);
    return view;
  }
  TableView(const TableView&) = delete;
  TableView& operator=(const TableView&) = delete;

  // The value of a key now; absent: it has none.
  std::optional<V> Get(const K& key) const {
    const auto lock = LockToRead();
    const auto found = values_.find(key);
    return found == values_.end() ? std::nullopt : std::optional<V>(found->second);
  }
  bool Contains(const K& key) const {
    const auto lock = LockToRead();
    return values_.contains(key);
  }
  std::size_t size() const {
    const auto lock = LockToRead();
    return values_.size();
  }
  // Calls `visit` with each key and value, in no order; nothing is taken in meanwhile. It may not
  // call the view.
  template <typename Visit>
  void ForEach(Visit visit) const {
    const auto lock = LockToRead();
    for (const auto& [key, value] : values_) visit(key, value);
  }
  // A copy of all that is there at one moment.
  Snapshot TakeSnapshot() const {
    const auto lock = LockToRead();
    return {.values = values_, .positions = positions_};
  }
  // One past the last offset that was taken in of a partition.
  Offset position(int partition) const {
    const auto lock = LockToRead();
    const auto found = positions_.find(partition);
    return found == positions_.end() ? Offset() : found->second;
  }

  // At Background::kCaller: takes in the next batch, after waiting up to `timeout` for it.
  absl::Status Poll(TimeSpan timeout) { return feed_->Poll(timeout); }
  // Until all is taken in that there was when it was called. DeadlineExceeded: it is not yet.
  absl::Status CatchUp(TimeSpan timeout) { return feed_->CatchUp(timeout); }
  // Until the record before `end`, as Receipt::offset() + 1, is taken in. DeadlineExceeded: it is
  // not yet. NotFound, too: there is no such partition.
  absl::Status WaitFor(int partition, Offset end, TimeSpan timeout) {
    return feed_->WaitFor(partition, end, timeout);
  }

 private:
  explicit TableView(Options options) : options_(std::move(options)) {}
  absl::Status Take(const RecordBatch& batch) {
    std::vector<std::pair<K, std::optional<V>>> changes;
    absl::Status status;
    {
      const std::unique_lock turn(turn_);
      wants_turn_.store(true, std::memory_order_relaxed);
      const std::unique_lock lock(mutex_);
      wants_turn_.store(false, std::memory_order_relaxed);
      for (const RecordView& record : batch) {
        if (status = TakeOne(record, changes); !status.ok()) break;
        positions_[record.partition] = record.offset + 1;
      }
    }
    for (const auto& [key, value] : changes) options_.on_change(key, value);
    return status;
  }
  absl::Status TakeOne(const RecordView& record,
                       std::vector<std::pair<K, std::optional<V>>>& changes) {
    if (!record.key) return absl::OkStatus();
    auto key = Make<K>(options_.key, *record.key);
    if (!key.ok()) return key.status();
    if (record.is_tombstone()) {
      values_.erase(*key);
      if (options_.on_change) changes.emplace_back(*std::move(key), std::nullopt);
      return absl::OkStatus();
    }
    auto value = Make<V>(options_.value, *record.value);
    if (!value.ok()) return value.status();
    if (options_.on_change) changes.emplace_back(*key, *value);
    values_.insert_or_assign(*std::move(key), *std::move(value));
    return absl::OkStatus();
  }
  template <typename T, typename Function>
  static absl::StatusOr<T> Make(const Function& function, std::string_view bytes) {
    if constexpr (std::is_constructible_v<T, std::string_view>) {
      if (!function) return T(bytes);
    }
    return function(bytes);
  }

  // std::shared_mutex may let readers in for ever while a writer waits: they let it go first.
  std::shared_lock<std::shared_mutex> LockToRead() const {
    if (wants_turn_.load(std::memory_order_relaxed)) const std::unique_lock turn(turn_);
    return std::shared_lock(mutex_);
  }

  const Options options_;
  mutable std::mutex turn_;  // of the one that takes records in
  std::atomic<bool> wants_turn_{false};
  mutable std::shared_mutex mutex_;
  Map values_;
  std::map<int, Offset> positions_;
  std::unique_ptr<TableFeed> feed_;  // last, so that it goes first: it calls Take
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_TABLE_TABLE_VIEW_H_
