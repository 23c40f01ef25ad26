#include "broker/topics/topic_state.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/topics/topic_settings.h"

namespace daybook::inline v1 {
namespace {

TopicOrigin OriginOf(const TopicState& before, const TopicOptions& options) {
  TopicOrigin origin = before.origin();
  const int count = before.options().partitions;
  if (options.partitions != count) origin.earlier_counts.push_back(count);
  return origin;
}

}  // namespace

absl::Status CheckPartition(const Topic& topic, int partition) {
  if (partition >= 0 && partition < topic.partitions()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(topic.name(), " has no partition ", partition,
                                          "; it has 0 to ", topic.partitions() - 1));
}

TopicState::TopicState(std::string name, const TopicOptions& options, const LogContext& context,
                       RecoveryCounters& counters, TopicOrigin origin)
    : owner_(context.owner.lock()),
      name_(std::make_shared<const std::string>(std::move(name))),
      is_internal_(IsInternalName(*name_)),
      options_(options),
      origin_(std::move(origin)),
      compressor_(std::make_shared<TopicCompressor>(
          *context.root, *name_,
          TopicCompressor::Settings{
              .is_on = options.compression != Compression::kNone,
              .level = options.compression_level,
              .dictionary_bytes = static_cast<std::uint64_t>(options.dictionary_bytes)})) {
  AddPartitions(context, counters);
}

TopicState::TopicState(TopicState& before, const TopicOptions& options, const LogContext& context,
                       RecoveryCounters& counters)
    : owner_(before.owner_),
      name_(before.name_),
      is_internal_(before.is_internal_),
      options_(options),
      origin_(OriginOf(before, options)),
      compressor_(before.compressor_) {
  for (Partition& partition : before.partitions_) {
    partitions_.emplace_back(Access::Log(partition).shared_from_this());
  }
  AddPartitions(context, counters);
}

namespace {

// Well over a thousand places of groups fit in a third of it, and as many commits. It is as large
// as that for XFS, which makes no file where fewer than some 50 blocks are free, more on a large
// one (XFS_CREATE_SPACE_RES in its xfs_trans_space.h), and leaves some 10 to nobody: what a dropped
// segment gives back has to be more, two thirds of this at the least.
constexpr std::uint64_t kReserveBytes = std::uint64_t{384} << 10;

}  // namespace

void TopicState::AddPartitions(const LogContext& context, RecoveryCounters& counters) {
  LogSettings settings{.durability = options_.durability,
                       .flush_interval = options_.flush_interval,
                       .segment_bytes = static_cast<std::uint64_t>(options_.segment_bytes),
                       .max_record_bytes = static_cast<std::uint64_t>(options_.max_record_bytes),
                       .timestamp_type = options_.timestamp_type};
  if (options_.storage == Storage::kMemory) {
    settings.memory = MemorySettings{
        .segments = static_cast<std::size_t>(options_.memory_bytes / options_.segment_bytes),
        .when_full = options_.when_full,
        .max_block = options_.max_block};
  }
  // What the library keeps for itself goes on when the disk is full.
  if (is_internal()) {
    settings.is_internal = true;
    settings.reserve_bytes = std::min(kReserveBytes, settings.segment_bytes);
  }
  partitions_.reserve(static_cast<std::size_t>(options_.partitions));
  for (int id = static_cast<int>(partitions_.size()); id < options_.partitions; ++id) {
    partitions_.emplace_back(std::make_shared<PartitionLog>(context, PartitionName(name_, id),
                                                            settings, counters, compressor_));
  }
}

Topic::Topic(std::shared_ptr<TopicState> state) : state_(std::move(state)) {}
const std::string& Topic::name() const { return state_->name(); }
const TopicOptions& Topic::options() const { return state_->options(); }
int Topic::partitions() const { return state_->options().partitions; }
Partition& Topic::partition(int id) const {
  assert(id >= 0 && id < partitions());
  return state_->partitions()[static_cast<std::size_t>(id)];
}

}  // namespace daybook::inline v1
