#include "group/dead_letters.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker_core.h"

namespace daybook::inline v1 {
namespace {

// A message may hold whatever the handler came across; a record has a limit.
constexpr std::size_t kMostCauseBytes = 1000;

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
  options.max_record_bytes = options.segment_bytes / 4;
  return options;
}

}  // namespace

DeadLetter::DeadLetter(const RecordView& record, const absl::Status& cause, int attempts)
    : record_(record),
      texts_{absl::StrCat(record.partition), absl::StrCat(record.offset.value()),
             cause.ToString().substr(0, kMostCauseBytes), absl::StrCat(attempts)} {
  headers_.assign(record.headers.begin(), record.headers.end());
  headers_.push_back({"daybook.dead.topic", record.topic});
  headers_.push_back({"daybook.dead.partition", texts_[0]});
  headers_.push_back({"daybook.dead.offset", texts_[1]});
  headers_.push_back({"daybook.dead.cause", texts_[2]});
  headers_.push_back({"daybook.dead.attempts", texts_[3]});
}

Record DeadLetter::record() const {
  Record copy{.key = record_.key, .headers = headers_, .timestamp = record_.timestamp};
  if (!record_.is_tombstone) copy.value = record_.value;
  return copy;
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
  return DeadLetters(*std::move(opened));
}

absl::Status DeadLetters::Append(const RecordView& record, const absl::Status& cause,
                                 int attempts) const {
  const DeadLetter letter(record, cause, attempts);
  return topic_.partition(PartitionFor(record)).Append(letter.record()).status();
}

absl::Status DeadLetters::Send(Transaction& transaction, const RecordView& record,
                               const absl::Status& cause, int attempts) const {
  const DeadLetter letter(record, cause, attempts);
  Record copy = letter.record();
  copy.partition = PartitionFor(record);
  return transaction.Send(topic_, copy);
}

}  // namespace daybook::inline v1
