#include "broker/transactions/lost_transactions.h"

#include <algorithm>

#include "broker/access.h"
#include "broker/topics/topic_state.h"

namespace daybook::inline v1 {
namespace {

absl::StatusOr<bool> HasFrame(PartitionLog& log, Offset last_frame, std::uint64_t id) {
  const auto is_there = log.HasTransaction(last_frame, id);
  if (absl::IsOutOfRange(is_there.status())) return true;  // dropped since then
  return is_there;
}

}  // namespace

absl::StatusOr<std::shared_ptr<PartitionLog>> LostTransactions::LogOf(Catalog& catalog,
                                                                      const Key& key) {
  const auto topic = catalog.Find(key.topic);
  if (absl::IsNotFound(topic.status())) return nullptr;  // deleted since then
  if (!topic.ok()) return topic.status();
  if (!Access::State(*topic)->IsSameTopic(key.topic_id)) return nullptr;  // and made again
  if (topic->options().storage == Storage::kMemory || key.partition >= topic->partitions()) {
    return nullptr;
  }
  return Access::Log(topic->partition(key.partition)).shared_from_this();
}

absl::StatusOr<bool> LostTransactions::IsThere(Catalog& catalog, const Participant& where,
                                               std::uint64_t id) {
  const auto log = LogOf(catalog, KeyOf(where));
  if (!log.ok()) return log.status();
  return *log == nullptr ? true : HasFrame(**log, where.last_frame, id);
}

void LostTransactions::Note(const DecisionRecord& decision) {
  for (const Participant& one : decision.participants) {
    frames_[KeyOf(one)].emplace_back(one.last_frame, decision.id);
  }
}

absl::Status LostTransactions::Find(Catalog& catalog) {
  for (auto& [key, frames] : frames_) {
    const auto log = LogOf(catalog, key);
    if (!log.ok()) return log.status();
    if (*log == nullptr) continue;
    const auto end = (*log)->end_offset();
    if (!end.ok()) return end.status();
    std::sort(frames.begin(), frames.end());
    std::size_t there = frames.size();
    for (; there != 0; --there) {
      const auto& [last_frame, id] = frames[there - 1];
      if (last_frame >= *end) continue;
      const auto is_there = HasFrame(**log, last_frame, id);
      if (!is_there.ok()) return is_there.status();
      if (*is_there) break;
    }
    if (there != frames.size()) lost_from_[key] = frames[there].first;
  }
  frames_.clear();
  return absl::OkStatus();
}

bool LostTransactions::Contains(const DecisionRecord& decision) const {
  return std::any_of(decision.participants.begin(), decision.participants.end(),
                     [&](const Participant& one) {
                       const auto lost = lost_from_.find(KeyOf(one));
                       return lost != lost_from_.end() && one.last_frame >= lost->second;
                     });
}

}  // namespace daybook::inline v1
