#include "broker/offsets/offset_record.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {
namespace {

// Far below what a record may have.
constexpr std::size_t kMostRangesBytes = 64 << 10;

constexpr std::string_view kOpenKey("\0open", 5);
constexpr std::string_view kCommittedKey("\0committed", 10);
constexpr std::string_view kPartKey("\0committed-part", 15);
constexpr std::string_view kDecisionKey("\0decision", 9);

// Takes fields off the front of a text.
class Fields {
 public:
  explicit Fields(std::string_view text) : left_(text) {}

  bool at_end() const { return is_done_; }
  // Up to the next NUL, or the end.
  std::string_view Take() {
    const std::size_t end = left_.find('\0');
    const std::string_view field = left_.substr(0, end);
    is_done_ = end == std::string_view::npos;
    left_ = is_done_ ? std::string_view() : left_.substr(end + 1);
    return field;
  }
  // All that is left, NULs among it.
  std::string_view TakeRest() {
    is_done_ = true;
    return std::exchange(left_, {});
  }
  template <typename Number>
  bool TakeNumber(Number* number) {
    if (is_done_) return false;
    const std::string_view field = Take();
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), *number);
    return error == std::errc() && end == field.data() + field.size() && *number >= 0;
  }
  bool TakeOffset(Offset* offset) {
    std::int64_t value = 0;
    if (!TakeNumber(&value)) return false;
    *offset = Offset(value);
    return true;
  }

 private:
  std::string_view left_;
  bool is_done_ = false;
};

std::string Join(std::initializer_list<std::string_view> fields) {
  std::string text;
  for (const std::string_view field : fields) {
    if (!text.empty()) text.push_back('\0');
    text.append(field);
  }
  return text;
}

std::optional<PlaceRecord> DecodePlace(std::string_view key, const RecordView& record) {
  PlaceRecord place;
  Fields fields(key);
  place.key.group = std::string(fields.Take());
  if (fields.at_end()) return std::nullopt;
  place.key.topic = std::string(fields.Take());
  if (!fields.TakeNumber(&place.key.partition) || !fields.at_end()) return std::nullopt;
  if (record.is_tombstone()) return place;
  Fields value(record.value);
  Offset offset;
  if (!value.TakeOffset(&offset)) return std::nullopt;
  place.offset = offset;
  if (!value.at_end()) place.metadata = std::string(value.TakeRest());
  return place;
}

std::optional<OpenRecord> DecodeOpen(std::string_view value) {
  OpenRecord open;
  Fields fields(value);
  if (!fields.TakeNumber(&open.epoch) || fields.at_end()) return std::nullopt;
  open.boot = std::string(fields.TakeRest());
  return open;
}

std::optional<DecisionRecord> DecodeDecision(std::string_view value) {
  DecisionRecord decision;
  Fields fields(value);
  if (!fields.TakeNumber(&decision.id) || !fields.TakeNumber(&decision.places)) return std::nullopt;
  while (!fields.at_end()) {
    Participant one;
    const std::string_view topic = fields.Take();
    const std::size_t slash = topic.find('/');
    one.topic = std::string(topic.substr(0, slash));
    if (slash != std::string_view::npos) {
      Fields id(topic.substr(slash + 1));
      if (!id.TakeNumber(&one.topic_id)) return std::nullopt;
    }
    if (!fields.TakeNumber(&one.partition) || !fields.TakeOffset(&one.last_frame))
      return std::nullopt;
    decision.participants.push_back(std::move(one));
  }
  return decision;
}

}  // namespace

std::string EncodePlaceKey(const PlaceKey& key) {
  return Join({key.group, key.topic, std::to_string(key.partition)});
}

std::string_view EncodePlace(Offset offset, std::string_view metadata, std::string* buffer) {
  constexpr std::size_t kMostDigits = 20;
  const std::size_t most = kMostDigits + 1 + metadata.size();
  if (buffer->size() < most) buffer->resize(most);
  char* end = std::to_chars(buffer->data(), buffer->data() + kMostDigits, offset.value()).ptr;
  if (!metadata.empty()) {
    *end++ = '\0';
    end = std::copy(metadata.begin(), metadata.end(), end);
  }
  return {buffer->data(), static_cast<std::size_t>(end - buffer->data())};
}

EncodedRecord Encode(const OpenRecord& record) {
  return {std::string(kOpenKey), Join({std::to_string(record.epoch), record.boot})};
}

std::vector<EncodedRecord> Encode(const CommittedRecord& record) {
  std::vector<EncodedRecord> encoded;
  for (std::string& ranges : record.ids.Encode(kMostRangesBytes)) {
    encoded.push_back({std::string(kPartKey), std::move(ranges)});
  }
  encoded.back().key = std::string(kCommittedKey);
  return encoded;
}

EncodedRecord Encode(const DecisionRecord& record) {
  std::string value = Join({std::to_string(record.id), std::to_string(record.places)});
  for (const Participant& one : record.participants) {
    value.push_back('\0');
    value += one.topic;
    if (one.topic_id != 0) value += "/" + std::to_string(one.topic_id);
    value.push_back('\0');
    value += Join({std::to_string(one.partition), std::to_string(one.last_frame.value())});
  }
  return {std::string(kDecisionKey), std::move(value)};
}

bool IsControlRecord(const RecordView& record) {
  const std::string_view key = record.key.value_or("");
  return key == kOpenKey || key == kCommittedKey || key == kPartKey || key == kDecisionKey;
}

std::optional<OffsetRecord> DecodeOffsetRecord(const RecordView& record) {
  const auto wrap = [](auto decoded) -> std::optional<OffsetRecord> {
    if (!decoded) return std::nullopt;
    return OffsetRecord(*std::move(decoded));
  };
  const std::string_view key = record.key.value_or("");
  if (key.empty()) return std::nullopt;
  if (key.front() != '\0') return wrap(DecodePlace(key, record));
  if (key == kOpenKey) return wrap(DecodeOpen(record.value));
  if (key == kDecisionKey) return wrap(DecodeDecision(record.value));
  if (key != kCommittedKey && key != kPartKey) return std::nullopt;
  auto ids = IdSet::Decode(record.value);
  if (!ids) return std::nullopt;
  return OffsetRecord(CommittedRecord{.ids = *std::move(ids), .is_part = key == kPartKey});
}

}  // namespace daybook::inline v1
