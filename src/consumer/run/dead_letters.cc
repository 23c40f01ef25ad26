#include "consumer/run/dead_letters.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker_core.h"
#include "broker/topics/topic_settings.h"

namespace daybook::inline v1 {
namespace {

// A message may hold whatever the handler came across; a record has a limit.
constexpr std::size_t kMostCauseBytes = 1000;
// For what says what was cut, and what a record and its headers have around them.
constexpr std::size_t kCutBytes = 256;

// So that whatever the sources hold fits, and survives what it survives there.
absl::StatusOr<TopicOptions> OptionsFor(BrokerCore& broker,
                                        const std::vector<std::string>& sources) {
  TopicOptions options;
  for (const std::string& source : sources) {
    const auto topic = broker.catalog().Find(source);
    if (!topic.ok()) return topic.status();
    const TopicOptions& theirs = topic->options();
    options.durability = std::max(options.durability, theirs.durability);
    options.flush_interval = std::min(options.flush_interval, theirs.flush_interval);
    options.segment_bytes = std::max(options.segment_bytes, theirs.segment_bytes);
  }
  options.max_record_bytes = MostRecordBytes(options.segment_bytes);
  return options;
}

std::size_t BytesOf(const std::vector<Header>& headers) {
  std::size_t bytes = 0;
  for (const Header& header : headers) {
    bytes += limits::kHeaderOverheadBytes + header.name.size() +
             (header.value ? header.value->size() : 0);
  }
  return bytes;
}

// A record that stands for offsets which hold none any more.
RecordView ViewOf(const DamagedRange& range) {
  RecordView view;
  view.topic = range.topic;
  view.partition = range.partition;
  view.offset = range.begin_offset;
  return view;
}

}  // namespace

DeadLetter::DeadLetter(const RecordView& record, const absl::Status& cause, int attempts,
                       std::size_t most_bytes)
    : texts_{absl::StrCat(record.partition), absl::StrCat(record.offset.value()),
             cause.ToString().substr(0, kMostCauseBytes), absl::StrCat(attempts), ""},
      letter_(record.ToRecord()) {
  const std::vector<Header> own(record.headers.begin(), record.headers.end());
  const std::vector<Header> about = {{"daybook.dead.topic", record.topic},
                                     {"daybook.dead.partition", texts_[0]},
                                     {"daybook.dead.offset", texts_[1]},
                                     {"daybook.dead.cause", texts_[2]},
                                     {"daybook.dead.attempts", texts_[3]}};
  const std::size_t most = most_bytes - std::min(most_bytes, kCutBytes + BytesOf(about));
  const std::size_t key_bytes = letter_.key ? letter_.key->size() : 0;
  std::string& cut = texts_[4];
  headers_ = own;
  if (key_bytes + BytesOf(own) + letter_.value.size() > most) {
    // First of all the value, then what is not needed to find out whose it is.
    const bool keeps_headers = key_bytes + BytesOf(own) <= most;
    const bool keeps_key = key_bytes <= most;
    if (!keeps_headers) headers_.clear();
    if (!keeps_key) letter_.key.reset();
    const std::size_t left = most - (keeps_key ? key_bytes : 0) - BytesOf(headers_);
    if (left < letter_.value.size()) {
      cut = absl::StrCat("value ", left, " of ", letter_.value.size(), " bytes");
      letter_.value = RecordValue(letter_.value.data(), left);
    }
    if (!keeps_headers) absl::StrAppend(&cut, cut.empty() ? "" : ", ", "headers");
    if (!keeps_key) absl::StrAppend(&cut, cut.empty() ? "" : ", ", "key");
  }
  headers_.insert(headers_.end(), about.begin(), about.end());
  if (!cut.empty()) headers_.push_back({"daybook.dead.cut", cut});
  letter_.headers = headers_;
}

absl::StatusOr<DeadLetters> DeadLetters::Open(BrokerCore& broker, std::string_view topic,
                                              const std::vector<std::string>& sources) {
  if (std::find(sources.begin(), sources.end(), topic) != sources.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the dead-letter topic ", std::string(topic),
                     " is read by the handler itself; give another one"));
  }
  const auto options = OptionsFor(broker, sources);
  if (!options.ok()) return options.status();
  const auto created = broker.CreateTopic(topic, *options);
  if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  auto opened = broker.catalog().Find(topic);
  if (!opened.ok()) return opened.status();
  if (opened->options().max_record_bytes < kLeastRecordBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the dead-letter topic ", std::string(topic), " takes records of ",
        opened->options().max_record_bytes, " bytes; what is said of a record takes up to ",
        kLeastRecordBytes, ", so make it with a higher max.message.bytes"));
  }
  return DeadLetters(*std::move(opened));
}

std::int64_t DeadLetters::max_transaction_bytes() const {
  // Around an encoded header, with nothing in it, it keeps a Header.
  constexpr std::int64_t kOverhead = sizeof(Header) / limits::kHeaderOverheadBytes + 1;
  return (kOverhead + 1) * topic_.options().max_record_bytes;
}

absl::Status DeadLetters::Append(const RecordView& record, const absl::Status& cause,
                                 int attempts) const {
  const DeadLetter letter(record, cause, attempts, most_bytes());
  return topic_.partition(PartitionFor(record.partition)).Append(letter.record()).status();
}

absl::Status DeadLetters::Send(Transaction& transaction, const RecordView& record,
                               const absl::Status& cause, int attempts) const {
  const DeadLetter letter(record, cause, attempts, most_bytes());
  Record copy = letter.record();
  copy.partition = PartitionFor(record.partition);
  return transaction.Send(topic_, copy);
}

absl::Status DeadLetters::AppendNote(const DamagedRange& range, const absl::Status& cause) const {
  const std::string end = absl::StrCat(range.end_offset.value());
  const DeadLetter letter(ViewOf(range), cause, 0, most_bytes());
  std::vector<Header> headers(letter.record().headers.begin(), letter.record().headers.end());
  headers.push_back({"daybook.dead.end_offset", end});
  return topic_.partition(PartitionFor(range.partition)).Append({.headers = headers}).status();
}

absl::Status DeadLetters::SendNote(Transaction& transaction, const DamagedRange& range,
                                   const absl::Status& cause) const {
  const std::string end = absl::StrCat(range.end_offset.value());
  const DeadLetter letter(ViewOf(range), cause, 0, most_bytes());
  std::vector<Header> headers(letter.record().headers.begin(), letter.record().headers.end());
  headers.push_back({"daybook.dead.end_offset", end});
  return transaction.Send(topic_, {.headers = headers, .partition = PartitionFor(range.partition)});
}

}  // namespace daybook::inline v1
