#include "broker/offsets/committed_offsets.h"

#include <algorithm>

namespace daybook::inline v1 {

CommittedOffsets::EntryPtr CommittedOffsets::MakeEntry(const Key& key) {
  return std::make_shared<Entry>(Entry{.key = key, .encoded_key = EncodePlaceKey(key)});
}

CommittedOffsets::EntryPtr CommittedOffsets::FindOrAdd(const Key& key) {
  if (sweep_.IsDue(entries_.size())) {
    std::erase_if(entries_, [](const auto& entry) {
      return !entry.second->committed && entry.second.use_count() == 1;
    });
    sweep_.Swept(entries_.size());
  }
  const auto found = entries_.lower_bound(key);
  if (found != entries_.end() && found->first == key) return found->second;
  return entries_.emplace_hint(found, key, MakeEntry(key))->second;
}

std::optional<CommittedOffset> CommittedOffsets::Find(const Key& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : found->second->committed;
}

std::vector<CommittedOffsets::EntryPtr> CommittedOffsets::OfGroup(std::string_view group) const {
  std::vector<EntryPtr> found;
  for (auto at = entries_.lower_bound(Key{std::string(group), "", 0});
       at != entries_.end() && at->first.group == group; ++at) {
    if (at->second->committed) found.push_back(at->second);
  }
  return found;
}

bool CommittedOffsets::HasCommitted(const std::string& group, const std::string& topic) const {
  for (auto at = entries_.lower_bound(Key{group, topic, 0});
       at != entries_.end() && at->first.group == group && at->first.topic == topic; ++at) {
    if (at->second->committed) return true;
  }
  return false;
}

std::optional<Offset> CommittedOffsets::ReadByAll(std::string_view topic, int partition) const {
  std::optional<Offset> read;
  Key key{"", std::string(topic), partition};
  for (auto group = entries_.begin(); group != entries_.end();) {
    key.group = group->first.group;
    if (const auto here = Find(key)) {
      read = std::min(read.value_or(here->offset), here->offset);
    } else if (HasCommitted(key.group, key.topic)) {
      return Offset();  // it has read nothing here
    }
    group = entries_.lower_bound(Key{key.group + '\0', "", 0});  // the next one
  }
  return read;
}

std::vector<std::string> CommittedOffsets::Groups() const {
  std::vector<std::string> groups;
  for (const auto& [key, entry] : entries_) {
    if (entry->committed && (groups.empty() || groups.back() != key.group)) {
      groups.push_back(key.group);
    }
  }
  return groups;
}

void CommittedOffsets::Set(PlaceRecord record, Timestamp when) {
  EntryPtr& entry = entries_[record.key];
  if (entry == nullptr) entry = MakeEntry(record.key);
  entry->when = when;
  entry->committed.reset();
  if (record.offset) {
    entry->committed =
        CommittedOffset{.offset = *record.offset, .metadata = std::move(record.metadata)};
  }
}

void CommittedOffsets::Clear() {
  for (auto& [key, entry] : entries_) entry->committed.reset();
}

}  // namespace daybook::inline v1
