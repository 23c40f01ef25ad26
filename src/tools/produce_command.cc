#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/producer.h"
#include "tools/command.h"
#include "tools/json_key.h"
#include "tools/record_text.h"

namespace daybook::tools {
namespace {

struct Arguments {
  std::string topic;
  std::string json_field;
  std::string delimiter;
  bool is_json = false;
  int partition = -1;
};

// The lines of standard input, without their newlines; a last line needs none.
class LineReader {
 public:
  // False at the end.
  absl::StatusOr<bool> Next(std::string_view* line) {
    for (;;) {
      const auto* begin = buffer_.data() + begin_;
      if (const void* found = std::memchr(begin, '\n', end_ - begin_)) {
        const auto* newline = static_cast<const char*>(found);
        *line = {begin, static_cast<std::size_t>(newline - begin)};
        begin_ += line->size() + 1;
        return true;
      }
      if (is_at_end_) {
        *line = {begin, end_ - begin_};
        begin_ = end_;
        return !line->empty();
      }
      if (const auto status = Fill(); !status.ok()) return status;
    }
  }

 private:
  absl::Status Fill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
    ssize_t got;
    do {
      got = read(STDIN_FILENO, buffer_.data() + end_, buffer_.size() - end_);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
      return absl::UnknownError(absl::StrCat("cannot read standard input: ", strerror(errno)));
    }
    is_at_end_ = got == 0;
    end_ += static_cast<std::size_t>(got);
    return absl::OkStatus();
  }

  std::vector<char> buffer_ = std::vector<char>(std::size_t{1} << 20);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool is_at_end_ = false;
};

absl::Status SendLine(Producer& producer, const Topic& topic, const Arguments& arguments,
                      std::string_view line) {
  Record record;
  if (arguments.partition >= 0) record.partition = arguments.partition;
  if (arguments.is_json) {
    const auto parsed = ParseJson(line);
    if (!parsed.ok()) return parsed.status();
    std::vector<Header> headers;
    for (const auto& [name, value] : parsed->headers) headers.push_back({name, value});
    record.key = parsed->key;
    record.value = parsed->value;
    record.headers = headers;
    record.timestamp = parsed->timestamp;
    if (!record.partition) record.partition = parsed->partition;
    return producer.SendAsync(topic, record).status();
  }
  record.value = line;
  std::optional<std::string> key;
  if (!arguments.json_field.empty()) {
    auto found = JsonKey(line, arguments.json_field);
    if (!found.ok()) return found.status();
    key = *std::move(found);
    record.key = key;
  } else if (!arguments.delimiter.empty()) {
    const std::size_t at = line.find(arguments.delimiter);
    if (at != std::string_view::npos) {
      record.key = line.substr(0, at);
      record.value = line.substr(at + arguments.delimiter.size());
    }
  }
  return producer.SendAsync(topic, record).status();
}

absl::Status Produce(const Global& global, const Arguments& arguments) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadWrite);
  if (!broker.ok()) return broker.status();
  const auto topic = (*broker)->OpenTopic(arguments.topic);
  if (!topic.ok()) return topic.status();
  Producer producer(**broker);
  LineReader lines;
  const bool shows_progress = isatty(STDERR_FILENO) != 0;
  auto next_progress = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  std::int64_t sent = 0;
  absl::Status status;
  for (;;) {
    std::string_view line;
    const auto more = lines.Next(&line);
    if (!more.ok()) {
      status = more.status();
      break;
    }
    if (!*more) break;
    status = SendLine(producer, *topic, arguments, line);
    if (!status.ok()) {
      status = absl::Status(status.code(), absl::StrCat("line ", sent + 1, ": ", status.message(),
                                                        " (", sent, " records were sent)"));
      break;
    }
    ++sent;
    if (shows_progress && sent % 10'000 == 0 && std::chrono::steady_clock::now() > next_progress) {
      std::fprintf(stderr, "\r%lld records", static_cast<long long>(sent));
      next_progress += std::chrono::seconds(1);
    }
  }
  status.Update(producer.Flush());
  if (status.ok()) {
    std::fprintf(stderr, "%s%lld records\n", shows_progress ? "\r" : "",
                 static_cast<long long>(sent));
  }
  status.Update((*broker)->Close());
  return status;
}

}  // namespace

void AddProduceCommand(CLI::App& app, Global& global) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* produce =
      app.add_subcommand("produce",
                         "Send each line of standard input as a record\n"
                         "  daybook --dir D produce orders --key-json origin < flights.ndjson");
  produce->fallthrough();
  produce->add_option("topic", arguments->topic, "The topic")->required();
  auto* field = produce->add_option("--key-json", arguments->json_field,
                                    "Lines are JSON objects; this field is the key");
  auto* delimiter = produce->add_option("-K,--key-delimiter", arguments->delimiter,
                                        "What stands before it is the key");
  auto* json = produce->add_flag("-J", arguments->is_json, "Lines are what consume -J prints");
  field->excludes(delimiter)->excludes(json);
  delimiter->excludes(json);
  produce->add_option("-p,--partition", arguments->partition, "Send all to this partition")
      ->check(CLI::NonNegativeNumber);
  produce->callback([&global, arguments] {
    global.run = [&global, arguments] { return Produce(global, *arguments); };
  });
}

}  // namespace daybook::tools
