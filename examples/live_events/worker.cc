#include "worker.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "daybook/daybook.h"
#include "replay.h"
#include "scoreboard.h"
#include "source.h"

namespace live_events {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kCommitInterval{100};

std::int64_t NanosSince(Clock::time_point start) {
  return std::chrono::nanoseconds(Clock::now() - start).count();
}

// What the threads of the worker share.
class Shared {
 public:
  Shared(const Options& o, const Source& s, Scoreboard& b) : options(o), source(s), board(b) {}

  const Options& options;
  const Source& source;
  Scoreboard& board;
  std::vector<daybook::Topic> topics;  // as in kTopics
  std::atomic<int> producers_at_work{kProducers};
  std::atomic<bool> stop{false};  // a thread failed; the others need not go on

  void Fail(const absl::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (first_error_.ok()) first_error_ = status;
    stop.store(true, std::memory_order_relaxed);
  }
  absl::Status FirstError() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return first_error_;
  }

 private:
  std::mutex mutex_;
  absl::Status first_error_;  // under mutex_
};

absl::Status OpenTopics(daybook::Broker& broker, std::vector<daybook::Topic>* topics) {
  for (const std::string_view name : kTopics) {
    const absl::Status created = broker.CreateTopic(name, {.partitions = kPartitions});
    // There already when the worker is started again.
    if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
    absl::StatusOr<daybook::Topic> topic = broker.OpenTopic(name);
    if (!topic.ok()) return topic.status();
    topics->push_back(*std::move(topic));
  }
  return absl::OkStatus();
}

// One thread appends all events of a stream, so that their order is defined. Which one has nothing
// to do with the partition, which the key alone decides: most partitions have several writers.
int ProducerOf(const Stream& stream) {
  const std::string name = absl::StrCat(std::string(kTopics[stream.topic]), "/", stream.key);
  return daybook::Producer::PartitionForKey(name, kProducers);
}

// Appends this thread's events that are not in the log yet, round by round.
//
// Why nothing is skipped and nothing is there twice: the thread sends a stream's events in order
// and each one only after Send has returned for the one before. So at any instruction at which a
// kill may come, the log holds of each stream the events 0 to n - 1, whatever n is, and the one
// that was being sent is either whole (it is n - 1) or absent. `next_number` is that n, read from
// the log itself: the only account of what is in the log that cannot differ from it.
absl::Status Produce(int thread, const std::vector<std::int64_t>& next_number,
                     daybook::Producer& producer, Shared& shared) {
  const Source& source = shared.source;
  Totals& totals = shared.board.totals();
  std::vector<std::int64_t> my_lines;
  for (std::int64_t line = 0; line < static_cast<std::int64_t>(source.lines().size()); ++line) {
    if (ProducerOf(source.streams()[source.lines()[line].stream]) == thread) {
      my_lines.push_back(line);
    }
  }
  std::array<char, 64> id_buffer;
  for (std::int64_t round = 0; source.IndexOf({.line = 0, .round = round}) < shared.options.events;
       ++round) {
    for (const std::int64_t line : my_lines) {
      const std::int64_t index = source.IndexOf({.line = line, .round = round});
      if (index >= shared.options.events) break;
      if (shared.stop.load(std::memory_order_relaxed)) return absl::OkStatus();
      const EventId id = source.IdOf(index);
      const SourceEvent& event = source.LineOf(id);
      if (id.number < next_number[event.stream]) continue;  // in the log since before the kill

      const daybook::Header headers[] = {{kEventIdHeader, FormatEventId(id, id_buffer)}};
      const daybook::Record record = {.key = event.key, .value = event.value, .headers = headers};
      const absl::StatusOr<daybook::Receipt> receipt =
          producer.Send(shared.topics[event.topic], record);
      if (!receipt.ok()) return receipt.status();
      shared.board.stream(event.stream)
          .acknowledged.store(id.number + 1, std::memory_order_relaxed);
      totals.appended.fetch_add(1, std::memory_order_relaxed);
      totals.appended_bytes.fetch_add(
          static_cast<std::int64_t>(event.key.size() + event.value.size()),
          std::memory_order_relaxed);
    }
  }
  return absl::OkStatus();
}

// One member of the group: checks what it is given and commits what it has checked.
class Dashboard {
 public:
  Dashboard(daybook::Consumer& consumer, Shared& shared) : consumer_(consumer), shared_(shared) {}

  // Returns when the producers have ended and everything that they have appended is committed.
  absl::Status Run() {
    Clock::time_point committed_at = Clock::now();
    while (!shared_.stop.load(std::memory_order_relaxed)) {
      const absl::StatusOr<daybook::RecordBatch> batch =
          consumer_.Poll(std::chrono::milliseconds(20));
      if (!batch.ok()) return batch.status();
      if (!batch->empty()) Handle(*batch);
      // After the work, never before it: a crash in between repeats events, and loses none.
      // Now and then, not after each batch: that is how applications do it, and it leaves something
      // to repeat.
      if (batch->empty() || Clock::now() - committed_at > kCommitInterval) {
        const absl::Status committed = Commit();
        if (!committed.ok()) return committed;
        committed_at = Clock::now();
      }
      if (batch->empty() && shared_.producers_at_work.load() == 0) {
        const absl::StatusOr<bool> done = AllCommitted();
        if (!done.ok()) return done.status();
        if (*done) break;
      }
    }
    return absl::OkStatus();
  }

 private:
  struct Place {
    daybook::Offset next;
    bool is_open = false;  // handled since the last commit
  };

  void Handle(const daybook::RecordBatch& batch) {
    Totals& totals = shared_.board.totals();
    const int topic = TopicIndex(batch.topic());
    const std::int32_t run = shared_.options.worker_run;

    PartitionScore& partition = shared_.board.partition(topic, batch.partition());
    if (partition.run.load(std::memory_order_relaxed) != run) {
      // The first batch since the worker was started: it must not begin before the commit.
      // (It may begin after it, when a kill came between a commit and its entry here.)
      if (batch.begin_offset().value() < partition.committed.load()) totals.commits_lost += 1;
      partition.run.store(run);
    }

    std::int64_t distinct = 0;
    std::int64_t bytes = 0;
    for (const daybook::RecordView& record : batch) {
      bytes += static_cast<std::int64_t>(record.key.value_or("").size() + record.value.size());
      const std::optional<EventId> id = shared_.source.Identify(record, shared_.options.events);
      if (!id) {
        totals.damaged += 1;
        continue;
      }
      CheckOrder(topic, *id, run);
      if (shared_.board.CountDelivery(shared_.source.IndexOf(*id))) ++distinct;
    }
    totals.delivered.fetch_add(distinct, std::memory_order_relaxed);
    totals.deliveries.fetch_add(static_cast<std::int64_t>(batch.size()), std::memory_order_relaxed);
    totals.delivered_bytes.fetch_add(bytes, std::memory_order_relaxed);
    places_[topic][batch.partition()] = {batch.next_offset(), true};
  }

  // Within a run each event of a stream is followed by the next one. The first one of a run may
  // lie further back, since what was not committed is delivered again, but never further ahead.
  void CheckOrder(int topic, const EventId& id, std::int32_t run) {
    StreamScore& stream = shared_.board.stream(shared_.source.LineOf(id).stream);
    const std::int64_t expected = stream.next_delivered.load(std::memory_order_relaxed);
    const bool may_go_back = stream.run.load(std::memory_order_relaxed) != run;
    if (id.number > expected || (id.number < expected && !may_go_back)) {
      shared_.board.totals().out_of_order[topic] += 1;
    }
    stream.next_delivered.store(id.number + 1, std::memory_order_relaxed);
    stream.run.store(run, std::memory_order_relaxed);
  }

  // Whether the group has no lag left, whoever reads the partitions. An empty batch does not say
  // so: a partition may be on its way from one member to another.
  absl::StatusOr<bool> AllCommitted() {
    for (const daybook::Topic& topic : shared_.topics) {
      for (int id = 0; id < topic.partitions(); ++id) {
        const absl::StatusOr<daybook::Offset> end = topic.partition(id).end_offset();
        if (!end.ok()) return end.status();
        if (*end == daybook::Offset(0)) continue;  // no key falls into it
        const absl::StatusOr<daybook::CommittedOffset> place =
            consumer_.Committed({topic.name(), id});
        if (!place.ok() && !absl::IsNotFound(place.status())) return place.status();
        if (!place.ok() || place->offset < *end) return false;
      }
    }
    return true;
  }

  absl::Status Commit() {
    const absl::Status committed = consumer_.Commit();
    // Aborted: another member has taken over some partitions and sees their events again. That is
    // no error, but what we have handled of them is not committed either.
    if (!committed.ok() && !absl::IsAborted(committed)) return committed;
    for (int topic = 0; topic < kTopicCount; ++topic) {
      for (int partition = 0; partition < kPartitions; ++partition) {
        Place& place = places_[topic][partition];
        if (place.is_open && committed.ok()) {
          shared_.board.partition(topic, partition).committed.store(place.next.value());
        }
        place.is_open = false;
      }
    }
    return absl::OkStatus();
  }

  daybook::Consumer& consumer_;
  Shared& shared_;
  std::array<std::array<Place, kPartitions>, kTopicCount> places_;
};

// What is in the log already, everything that was appended before the kill, and a note of it on
// the scoreboard.
absl::StatusOr<Replay> TakeStock(daybook::Broker& broker, const Source& source, Scoreboard& board) {
  const Clock::time_point start = Clock::now();
  absl::StatusOr<Replay> replay = ReplayLog(broker, source, board.events());
  if (!replay.ok()) return replay.status();
  if (replay->damaged != 0 || replay->out_of_place != 0) {
    return absl::DataLossError(absl::StrCat("the log holds ", replay->damaged, " damaged and ",
                                            replay->out_of_place, " misplaced events"));
  }
  Totals& totals = board.totals();
  for (std::size_t stream = 0; stream < replay->next_number.size(); ++stream) {
    const std::int64_t acknowledged = board.stream(static_cast<int>(stream)).acknowledged.load();
    const std::int64_t lost = acknowledged - replay->next_number[stream];
    if (lost > 0) totals.acknowledged_lost += lost;
  }
  totals.claims_padded.store(broker.recovery_report().claims_padded);
  totals.replay_nanos.store(NanosSince(start));
  totals.replayed.store(replay->total);
  totals.appended.store(replay->total);
  return replay;
}

// Producers and consumers at once, until all is done or something fails.
absl::Status Work(daybook::Broker& broker, const Replay& replay, Shared& shared) {
  // All members join before the first one polls, so that the partitions are shared out once.
  daybook::ConsumerGroup group(broker, kGroup);
  std::vector<std::unique_ptr<daybook::Consumer>> consumers;
  for (int member = 0; member < kConsumers; ++member) {
    absl::StatusOr<std::unique_ptr<daybook::Consumer>> consumer =
        group.Join({kTopics.begin(), kTopics.end()});
    if (!consumer.ok()) return consumer.status();
    consumers.push_back(*std::move(consumer));
  }
  daybook::Producer producer(broker);

  std::vector<std::thread> threads;
  for (const std::unique_ptr<daybook::Consumer>& consumer : consumers) {
    threads.emplace_back([&shared, &consumer] {
      const absl::Status status = Dashboard(*consumer, shared).Run();
      if (!status.ok()) shared.Fail(status);
    });
  }
  for (int thread = 0; thread < kProducers; ++thread) {
    threads.emplace_back([thread, &replay, &producer, &shared] {
      const absl::Status status = Produce(thread, replay.next_number, producer, shared);
      if (!status.ok()) shared.Fail(status);
      shared.producers_at_work.fetch_sub(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return shared.FirstError();
}

}  // namespace

absl::Status RunWorker(const Options& options) {
  const absl::StatusOr<Source> source = Source::Load(options.data);
  if (!source.ok()) return source.status();
  const absl::StatusOr<std::unique_ptr<Scoreboard>> board = Scoreboard::Open(
      options.ScoreboardPath(), options.events, static_cast<int>(source->streams().size()));
  if (!board.ok()) return board.status();
  (*board)->Recount();

  const Clock::time_point opening = Clock::now();
  const absl::StatusOr<std::unique_ptr<daybook::Broker>> broker =
      daybook::Broker::Open(options.LogDirectory());
  if (!broker.ok()) return broker.status();
  (*board)->totals().open_nanos.store(NanosSince(opening));

  Shared shared(options, *source, **board);
  absl::Status status = OpenTopics(**broker, &shared.topics);
  if (!status.ok()) return status;
  const absl::StatusOr<Replay> replay = TakeStock(**broker, *source, **board);
  if (!replay.ok()) return replay.status();
  status = Work(**broker, *replay, shared);
  if (!status.ok()) return status;
  return (*broker)->Close();
}

}  // namespace live_events
