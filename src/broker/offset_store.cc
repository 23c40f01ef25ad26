#include "broker/offset_store.h"

#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {
namespace {

std::string EncodeKey(const OffsetStore::Key& key) {
  std::string encoded = key.group;
  encoded.push_back('\0');
  encoded += key.topic;
  encoded.push_back('\0');
  encoded += std::to_string(key.partition);
  return encoded;
}

template <typename Number>
bool ParseNumber(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && *number >= 0;
}

std::optional<OffsetStore::Key> DecodeKey(std::string_view encoded) {
  const std::size_t first = encoded.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = encoded.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  OffsetStore::Key key{.group = std::string(encoded.substr(0, first)),
                       .topic = std::string(encoded.substr(first + 1, second - first - 1)),
                       .partition = 0};
  if (!ParseNumber(encoded.substr(second + 1), &key.partition)) return std::nullopt;
  return key;
}

}  // namespace

absl::Status OffsetStore::Refresh() {
  if (!topic_) {
    auto topic = catalog_.Find(kOffsetsTopic);
    if (absl::IsNotFound(topic.status())) return absl::OkStatus();  // nothing was ever committed
    if (!topic.ok()) return topic.status();
    topic_ = *std::move(topic);
  }
  PartitionLog& log = topic_->partition(0).log();
  for (;;) {
    const auto batch = log.Read(cursor_, ReadOptions{});
    if (!batch.ok()) return batch.status();
    if (batch->empty()) return absl::OkStatus();
    for (const RecordView& record : *batch) {
      const auto key = DecodeKey(record.key.value_or(""));
      std::int64_t offset = 0;
      if (!key || (!record.is_tombstone && !ParseNumber(record.value, &offset))) {
        return absl::DataLossError(absl::StrCat(std::string(kOffsetsTopic), ": the record at ",
                                                record.offset.value(), " is not a commit"));
      }
      if (record.is_tombstone) {
        offsets_.erase(*key);
      } else {
        offsets_[*key] = Offset(offset);
      }
    }
  }
}

absl::Status OffsetStore::Append(const Key& key, std::optional<Offset> offset) {
  const auto read = catalog_.Find(key.topic);
  // What it names is gone when we are.
  if (read.ok() && read->options().storage == Storage::kMemory) return absl::OkStatus();
  if (!topic_) {
    auto topic = catalog_.Find(kOffsetsTopic);
    if (absl::IsNotFound(topic.status())) topic = catalog_.Create(kOffsetsTopic, TopicOptions{});
    if (!topic.ok()) return topic.status();
    topic_ = *std::move(topic);
  }
  const std::string encoded = EncodeKey(key);
  std::string value;
  Record record{.key = encoded,
                .value = std::nullopt,
                .headers = {},
                .timestamp = std::nullopt,
                .partition = std::nullopt};
  if (offset) {
    value = std::to_string(offset->value());
    record.value = value;
  }
  return topic_->partition(0).log().AppendUnsynced(record).status();
}

absl::Status OffsetStore::Commit(const Key& key, Offset offset) {
  MutexLock lock(mutex_);
  if (const auto status = Refresh(); !status.ok()) return status;
  if (const auto status = Append(key, offset); !status.ok()) return status;
  offsets_[key] = offset;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Offset>> OffsetStore::Find(const Key& key) {
  MutexLock lock(mutex_);
  if (const auto status = Refresh(); !status.ok()) return status;
  const auto found = offsets_.find(key);
  if (found == offsets_.end()) return std::optional<Offset>();
  return std::optional<Offset>(found->second);
}

absl::StatusOr<std::map<OffsetStore::Key, Offset>> OffsetStore::FindGroup(std::string_view group) {
  MutexLock lock(mutex_);
  if (const auto status = Refresh(); !status.ok()) return status;
  std::map<Key, Offset> found;
  for (auto at = offsets_.lower_bound(Key{std::string(group), "", 0});
       at != offsets_.end() && at->first.group == group; ++at) {
    found.insert(*at);
  }
  return found;
}

absl::StatusOr<std::vector<std::string>> OffsetStore::Groups() {
  MutexLock lock(mutex_);
  if (const auto status = Refresh(); !status.ok()) return status;
  std::vector<std::string> groups;
  for (const auto& [key, offset] : offsets_) {
    if (groups.empty() || groups.back() != key.group) groups.push_back(key.group);
  }
  return groups;
}

absl::Status OffsetStore::ForgetTopic(std::string_view topic) {
  MutexLock lock(mutex_);
  if (const auto status = Refresh(); !status.ok()) return status;
  for (auto at = offsets_.begin(); at != offsets_.end();) {
    if (at->first.topic != topic) {
      ++at;
      continue;
    }
    if (const auto status = Append(at->first, std::nullopt); !status.ok()) return status;
    at = offsets_.erase(at);
  }
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
