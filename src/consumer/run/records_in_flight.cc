#include "consumer/run/records_in_flight.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <string>

#include "base/checksum.h"
#include "base/split_mix.h"

namespace daybook::inline v1 {
namespace {

// So that it is rare that a key waits for another one's next attempt.
constexpr std::size_t kLanesPerThread = 64;
constexpr std::size_t kFewestLanes = 256;
constexpr std::size_t kMostLanes = 1 << 14;

std::size_t LanesFor(int threads) {
  return std::clamp(std::bit_ceil(kLanesPerThread * static_cast<std::size_t>(threads)),
                    kFewestLanes, kMostLanes);
}

}  // namespace

RecordsInFlight::RecordsInFlight(const RunOptions& options)
    : options_(options), lanes_(LanesFor(options.threads)) {}

std::shared_ptr<PartitionStream>& RecordsInFlight::StreamOf(const TopicPartition& name,
                                                            Offset start) {
  std::shared_ptr<PartitionStream>& stream = streams_[name];
  if (stream == nullptr) {
    stream = std::make_shared<PartitionStream>(name, start);
    // The same one as before if it comes back, so that no two workers have one key of it.
    stream->lane = lane_numbers_.emplace(name, lane_numbers_.size()).first->second;
  }
  return stream;
}

PartitionStream* RecordsInFlight::Find(const TopicPartition& name) const {
  const auto found = streams_.find(name);
  return found == streams_.end() ? nullptr : found->second.get();
}

PartitionStreams RecordsInFlight::Assigned() const {
  PartitionStreams streams;
  for (const auto& [name, stream] : streams_) streams.push_back(stream);
  return streams;
}

PartitionStreams RecordsInFlight::Take(const std::vector<TopicPartition>& partitions) {
  PartitionStreams taken;
  for (const TopicPartition& partition : partitions) {
    const auto found = streams_.find(partition);
    if (found == streams_.end()) continue;
    taken.push_back(std::move(found->second));
    streams_.erase(found);
  }
  return taken;
}

PartitionStreams RecordsInFlight::Unfinished() const {
  PartitionStreams streams;
  for (const Batch& batch : batches_) streams.push_back(batch.stream);
  return streams;
}

void RecordsInFlight::Accept(RecordBatch records) {
  const TopicPartition name{std::string(records.topic()), records.partition()};
  const std::shared_ptr<PartitionStream>& stream = StreamOf(name, records.begin_offset());
  const Offset pass_to = records.next_offset();
  batches_.push_back(
      {.records = std::move(records), .next = {}, .stream = stream, .pass_to = pass_to});
  Batch& batch = batches_.back();
  batch.next = batch.records.begin();
  batch.self = std::prev(batches_.end());
  pending_.push_back(&batch);
}

void RecordsInFlight::PassTo(PartitionStream& stream, Offset next) {
  const auto last = std::find_if(pending_.rbegin(), pending_.rend(), [&](const Batch* batch) {
    return batch->stream.get() == &stream;
  });
  if (last != pending_.rend()) {
    (*last)->pass_to = next;
  } else {
    stream.tracker.PassTo(next);
  }
}

void RecordsInFlight::Dispatch(std::vector<KeyedTask>& tasks) {
  while (has_pending() && has_room()) {
    Batch& batch = *pending_.front();
    PartitionStream& stream = *batch.stream;
    const auto end = batch.records.end();
    for (; batch.next != end && has_room(); ++batch.next) {
      const RecordView& record = *batch.next;
      tasks.push_back({.record = record,
                       .mode = &stream.mode,
                       .owner = &batch,
                       .ticket = stream.tracker.Dispatch(record.offset),
                       .lane = LaneOf(record, stream)});
      ++batch.outstanding;
      ++stream.outstanding;
      ++in_flight_;
    }
    if (batch.next != end) break;
    stream.tracker.PassTo(batch.pass_to);
    if (static_cast<std::int64_t>(stream.tracker.size()) > options_.max_ahead &&
        stream.mode.load() == LaneMode::kRun && !stream.is_ahead) {
      stream.is_ahead = true;
      ahead_.push_back(stream.name);
    }
    pending_.pop_front();
    if (batch.outstanding == 0) Free(batch);
  }
}

std::size_t RecordsInFlight::LaneOf(const RecordView& record, const PartitionStream& stream) const {
  std::uint64_t lane = stream.lane;
  if (options_.order == RunOrder::kByKey) {
    if (!record.key.has_value()) return kOwnLane;
    // A key has an order within its partition alone.
    lane = SplitMix(Hash64(std::as_bytes(std::span(*record.key))) + lane * kSplitMixStep);
  }
  return static_cast<std::size_t>(lane) & (lanes_ - 1);
}

bool RecordsInFlight::TakeBack(std::span<const KeyedExecutor::Done> done) {
  bool is_some_finished = false;
  for (const KeyedExecutor::Done& one : done) {
    Batch& batch = *static_cast<Batch*>(one.owner);
    PartitionStream& stream = *batch.stream;
    if (one.is_finished) {
      stream.tracker.Finish(one.ticket);
      is_some_finished = true;
    }
    --in_flight_;
    --stream.outstanding;
    if (--batch.outstanding == 0) Free(batch);
  }
  return is_some_finished;
}

// If nothing of it is still to be handed out.
void RecordsInFlight::Free(Batch& batch) {
  if (batch.next == batch.records.end()) batches_.erase(batch.self);
}

void RecordsInFlight::DropPending(const PartitionStreams& streams) {
  for (auto at = pending_.begin(); at != pending_.end();) {
    Batch& batch = **at;
    if (std::find(streams.begin(), streams.end(), batch.stream) == streams.end()) {
      ++at;
      continue;
    }
    at = pending_.erase(at);
    batch.next = batch.records.end();
    if (batch.outstanding == 0) Free(batch);
  }
}

bool RecordsInFlight::IsDrained(const PartitionStream& stream) const {
  return stream.outstanding == 0 &&
         std::none_of(pending_.begin(), pending_.end(),
                      [&](const Batch* batch) { return batch->stream.get() == &stream; });
}

std::vector<TopicPartition> RecordsInFlight::TakeAhead() {
  std::erase_if(ahead_, [this](const TopicPartition& name) { return !streams_.contains(name); });
  return std::exchange(ahead_, {});
}

std::vector<TopicPartition> RecordsInFlight::TakeCaughtUp(bool* is_some_ahead) {
  std::vector<TopicPartition> caught_up;
  *is_some_ahead = false;
  for (const auto& [name, stream] : streams_) {
    if (!stream->is_ahead) continue;
    stream->is_ahead = static_cast<std::int64_t>(stream->tracker.size()) > options_.max_ahead / 2;
    *is_some_ahead = *is_some_ahead || stream->is_ahead;
    if (!stream->is_ahead) caught_up.push_back(name);
  }
  return caught_up;
}

}  // namespace daybook::inline v1
