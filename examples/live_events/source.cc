#include "source.h"

#include <charconv>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace live_events {
namespace {

// Which fact a webhook states. A row with an action counts for that action alone: a release that
// was deleted is no release_published. What is in no row is activity_recorded.
struct Rule {
  std::string_view kind;
  std::string_view action;  // empty: any
  std::string_view topic;
};
constexpr Rule kRules[] = {
    {"push", "", "code_pushed"},
    {"issues", "", "issue_updated"},
    {"label", "", "issue_updated"},
    {"milestone", "", "issue_updated"},
    {"commit_comment", "created", "comment_posted"},
    {"discussion_comment", "created", "comment_posted"},
    {"issue_comment", "created", "comment_posted"},
    {"pull_request_review_comment", "created", "comment_posted"},
    {"pull_request", "", "pull_request_updated"},
    {"pull_request_review", "", "pull_request_updated"},
    {"pull_request_review_thread", "", "pull_request_updated"},
    {"check_run", "", "check_reported"},
    {"check_suite", "", "check_reported"},
    {"deployment_status", "", "check_reported"},
    {"status", "", "check_reported"},
    {"workflow_job", "", "check_reported"},
    {"workflow_run", "", "check_reported"},
    {"release", "published", "release_published"},
    {"package", "published", "release_published"},
};

std::string_view FactOf(std::string_view kind, std::string_view action) {
  for (const Rule& rule : kRules) {
    if (rule.kind == kind && (rule.action.empty() || rule.action == action)) return rule.topic;
  }
  return "activity_recorded";
}

absl::Status Damaged(const std::string& path, std::size_t line, std::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ":", line, ": ", std::string(what),
                                          "; fetch the file again from the repository"));
}

// Appends the events of one file. `key_field` names the field that becomes the key.
absl::Status LoadFile(const std::string& path, const char* key_field, bool earthquakes,
                      std::vector<SourceEvent>* events) {
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat(path, " cannot be read; give the folder that holds it with --data"));
  }
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    const bool whole = json.is_object() && json.contains("kind") && json["kind"].is_string() &&
                       json.contains(key_field) && json[key_field].is_string() &&
                       json.contains("payload") && json["payload"].is_object();
    if (!whole) return Damaged(path, number, "not an event");
    // The payload is the last field, and no string before it can hold an unescaped quote, so the
    // first match is it. Cut out rather than printed again: the log gets the real bytes.
    constexpr std::string_view kPayload = "\"payload\":";
    const std::size_t at = line.find(kPayload);
    if (at == std::string::npos || line.back() != '}') return Damaged(path, number, "no payload");

    const nlohmann::json& payload = json["payload"];
    std::string action;
    if (payload.contains("action") && payload["action"].is_string()) action = payload["action"];
    SourceEvent event;
    event.topic = TopicIndex(earthquakes ? "earthquake_recorded"
                                         : FactOf(json["kind"].get<std::string>(), action));
    event.key = json[key_field];
    event.value = line.substr(at + kPayload.size());
    event.value.pop_back();
    events->push_back(std::move(event));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Source> Source::Load(const std::string& directory) {
  Source source;
  absl::Status loaded = LoadFile(directory + "/github_webhooks.ndjson", "repository",
                                 /*earthquakes=*/false, &source.lines_);
  if (loaded.ok()) {
    loaded = LoadFile(directory + "/usgs_earthquakes.ndjson", "network", /*earthquakes=*/true,
                      &source.lines_);
  }
  if (!loaded.ok()) return loaded;
  if (source.lines_.empty()) return absl::DataLossError(directory + " holds no events");

  std::map<std::pair<int, std::string>, int> streams;
  for (SourceEvent& event : source.lines_) {
    const int next = static_cast<int>(source.streams_.size());
    const auto [stream, is_new] = streams.try_emplace({event.topic, event.key}, next);
    if (is_new) source.streams_.push_back({event.topic, event.key, 0});
    event.stream = stream->second;
    event.number_in_round = source.streams_[event.stream].events_per_round++;
  }
  return source;
}

EventId Source::IdOf(std::int64_t index) const {
  const auto lines = static_cast<std::int64_t>(lines_.size());
  const SourceEvent& event = lines_[index % lines];
  const std::int64_t round = index / lines;
  return {.line = index % lines,
          .round = round,
          .number = round * streams_[event.stream].events_per_round + event.number_in_round};
}

std::optional<EventId> Source::Identify(const daybook::RecordView& record,
                                        std::int64_t events) const {
  const std::optional<std::string_view> text = record.headers.Last(kEventIdHeader);
  if (!text) return std::nullopt;
  EventId id;
  const char* at = text->data();
  const char* const end = at + text->size();
  for (std::int64_t* field : {&id.line, &id.round, &id.number}) {
    const auto [stop, error] = std::from_chars(at, end, *field);
    if (error != std::errc()) return std::nullopt;
    at = stop == end ? end : stop + 1;
  }
  const auto lines = static_cast<std::int64_t>(lines_.size());
  if (at != end || id.line < 0 || id.line >= lines || id.round < 0 || id.round > events / lines ||
      IndexOf(id) >= events || IdOf(IndexOf(id)).number != id.number) {
    return std::nullopt;
  }
  const SourceEvent& event = LineOf(id);
  if (record.topic != kTopics[event.topic] || record.key != event.key ||
      record.value != event.value) {
    return std::nullopt;
  }
  return id;
}

std::array<std::int64_t, kTopicCount> Source::CountByTopic(std::int64_t events) const {
  const auto lines = static_cast<std::int64_t>(lines_.size());
  std::array<std::int64_t, kTopicCount> counts{};
  for (std::int64_t line = 0; line < lines; ++line) {
    counts[lines_[line].topic] += events / lines + (line < events % lines ? 1 : 0);
  }
  return counts;
}

std::string_view FormatEventId(const EventId& id, std::array<char, 64>& buffer) {
  // Three 64-bit numbers and two dots need 62 bytes at the most.
  char* at = buffer.data();
  char* const end = at + buffer.size();
  at = std::to_chars(at, end, id.line).ptr;
  *at++ = '.';
  at = std::to_chars(at, end, id.round).ptr;
  *at++ = '.';
  at = std::to_chars(at, end, id.number).ptr;
  return {buffer.data(), static_cast<std::size_t>(at - buffer.data())};
}

int TopicIndex(std::string_view name) {
  for (int topic = 0; topic < kTopicCount; ++topic) {
    if (kTopics[topic] == name) return topic;
  }
  return -1;
}

}  // namespace live_events
