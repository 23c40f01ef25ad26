#ifndef DAYBOOK_EXAMPLES_LIVE_EVENTS_SOURCE_H_
#define DAYBOOK_EXAMPLES_LIVE_EVENTS_SOURCE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/record.h"

// What is replayed: the real events of examples/data, each put into the topic of the fact that it
// states and keyed by its repository or seismic network. The whole source is replayed in rounds
// until there are as many events as were asked for.
//
// An event is known by its index, round * lines + line. A key in a topic is a stream: the order
// of the events within one is defined, so they are numbered 0, 1, 2, ... over all rounds. Every
// event carries line, round and number in its header, which makes each record checkable on its own
// and each stream checkable by counting.
namespace live_events {

inline constexpr int kPartitions = 4;  // of each topic
inline constexpr int kProducers = 4;
inline constexpr int kConsumers = 3;
inline constexpr std::string_view kGroup = "live-dashboard";
inline constexpr std::string_view kEventIdHeader = "event-id";

// Facts, in the past tense: what happened, not what somebody should do about it.
inline constexpr std::array<std::string_view, 8> kTopics = {
    "activity_recorded",   "check_reported", "code_pushed",          "comment_posted",
    "earthquake_recorded", "issue_updated",  "pull_request_updated", "release_published",
};
inline constexpr int kTopicCount = static_cast<int>(kTopics.size());

struct SourceEvent {
  int topic = 0;  // in kTopics
  int stream = 0;
  std::int64_t number_in_round = 0;  // within its stream
  std::string key;
  std::string value;  // the payload, byte for byte as it stands in the file
};

struct Stream {
  int topic = 0;
  std::string key;
  std::int64_t events_per_round = 0;
};

// Where a record comes from.
struct EventId {
  std::int64_t line = 0;
  std::int64_t round = 0;
  std::int64_t number = 0;  // within its stream
};

class Source {
 public:
  // Reads github_webhooks.ndjson and usgs_earthquakes.ndjson.
  static absl::StatusOr<Source> Load(const std::string& directory);

  const std::vector<SourceEvent>& lines() const { return lines_; }
  const std::vector<Stream>& streams() const { return streams_; }

  EventId IdOf(std::int64_t index) const;
  std::int64_t IndexOf(const EventId& id) const {
    return id.round * static_cast<std::int64_t>(lines_.size()) + id.line;
  }
  const SourceEvent& LineOf(const EventId& id) const { return lines_[id.line]; }

  // The event that `record` says it is, if it is that event indeed: the same topic, key and value,
  // and an index below `events`.
  std::optional<EventId> Identify(const daybook::RecordView& record, std::int64_t events) const;

  // How many of the first `events` events there are in each topic.
  std::array<std::int64_t, kTopicCount> CountByTopic(std::int64_t events) const;

 private:
  std::vector<SourceEvent> lines_;
  std::vector<Stream> streams_;
};

// "line.round.number" in `buffer`.
std::string_view FormatEventId(const EventId& id, std::array<char, 64>& buffer);

// In kTopics; -1 when it is not there.
int TopicIndex(std::string_view name);

}  // namespace live_events

#endif  // DAYBOOK_EXAMPLES_LIVE_EVENTS_SOURCE_H_
