#include "broker/topic_state.h"

#include <cassert>
#include <utility>

namespace daybook::inline v1 {

TopicState::TopicState(std::string name, const TopicOptions& options, const LogContext& context,
                       RecoveryCounters& counters)
    : name_(std::make_shared<const std::string>(std::move(name))), options_(options) {
  LogSettings settings{.durability = options.durability,
                       .flush_interval = options.flush_interval,
                       .segment_bytes = static_cast<std::uint64_t>(options.segment_bytes),
                       .max_record_bytes = static_cast<std::uint64_t>(options.max_record_bytes)};
  if (options.storage == Storage::kMemory) {
    settings.memory = MemorySettings{
        .segments = static_cast<std::size_t>(options.memory_bytes / options.segment_bytes),
        .when_full = options.when_full,
        .max_block = options.max_block};
  }
  const auto compressor = std::make_shared<TopicCompressor>(
      *context.root, *name_,
      TopicCompressor::Settings{
          .is_on = options.compression != Compression::kNone,
          .level = options.compression_level,
          .dictionary_bytes = static_cast<std::uint64_t>(options.dictionary_bytes)});
  partitions_.reserve(static_cast<std::size_t>(options.partitions));
  for (int id = 0; id < options.partitions; ++id) {
    partitions_.emplace_back(std::make_shared<PartitionLog>(context, PartitionName(name_, id),
                                                            settings, counters, compressor));
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
