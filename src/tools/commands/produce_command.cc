#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/producer.h"
#include "tools/commands/command.h"
#include "tools/interrupts.h"
#include "tools/text/escapes.h"
#include "tools/text/json_key.h"
#include "tools/text/line_reader.h"
#include "tools/text/record_json.h"

namespace daybook::tools {
namespace {

struct Arguments {
  std::string topic;
  std::string json_field;
  std::string delimiter;
  std::vector<std::string> headers;  // name=value, or a name alone
  bool is_json = false;
  bool empty_is_null = false;
  std::int64_t count = -1;
  int partition = -1;
};

// The longest line that can be a record of the topic.
std::size_t MaxLineBytes(const Topic& topic, const Arguments& arguments) {
  const auto record = static_cast<std::size_t>(topic.options().max_record_bytes);
  // A byte takes up to six characters, \u0000, and there are names and places beside it.
  if (arguments.is_json) return 6 * record + (std::size_t{1} << 20);
  return record + arguments.delimiter.size();
}

std::vector<Header> HeadersOf(const Arguments& arguments) {
  std::vector<Header> headers;
  for (const std::string_view text : arguments.headers) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
      headers.push_back({text, std::nullopt});
    } else {
      headers.push_back({text.substr(0, equals), text.substr(equals + 1)});
    }
  }
  return headers;
}

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
  if (arguments.empty_is_null) {
    if (record.value && record.value->empty()) record.value.reset();
    if (record.key && record.key->empty()) record.key.reset();
  }
  const std::vector<Header> headers = HeadersOf(arguments);
  record.headers = headers;
  return producer.SendAsync(topic, record).status();
}

absl::Status Produce(const Global& global, const Arguments& arguments) {
  CatchInterrupts();
  const auto broker = OpenBroker(global, BrokerAccess::kReadWrite);
  if (!broker.ok()) return broker.status();
  const auto topic = (*broker)->OpenTopic(arguments.topic);
  if (!topic.ok()) return topic.status();
  if (const auto status = CheckIsInFiles(*topic); !status.ok()) return status;
  Producer producer(**broker);
  LineReader lines(STDIN_FILENO, MaxLineBytes(*topic, arguments));
  const bool shows_progress = isatty(STDERR_FILENO) != 0;
  auto next_progress = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  std::int64_t sent = 0;
  absl::Status status;
  while (sent != arguments.count) {
    std::string_view line;
    const auto more = IsInterrupted() ? absl::CancelledError("interrupted") : lines.Next(&line);
    if (more.ok() && !*more) break;
    status = more.ok() ? SendLine(producer, *topic, arguments, line) : more.status();
    if (!status.ok()) {
      const std::string where =
          absl::IsCancelled(status) ? "" : absl::StrCat("line ", sent + 1, ": ");
      status = absl::Status(
          status.code(), absl::StrCat(where, status.message(), " (", sent, " records were sent)"));
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
  auto* field = produce
                    ->add_option("--key-json", arguments->json_field,
                                 "Lines are JSON objects; this field is the key")
                    ->check(NotEmpty());
  auto* delimiter =
      produce
          ->add_option("-K,--key-delimiter", arguments->delimiter,
                       "What stands before it is the key; with the escapes \\n \\r \\t "
                       "\\\\ \\xNN")
          ->check(NotEmpty());
  auto* json = produce->add_flag("-J", arguments->is_json, "Lines are what consume -J prints");
  field->excludes(delimiter)->excludes(json);
  delimiter->excludes(json);
  produce->add_option("-p,--partition", arguments->partition, "Send all to this partition")
      ->check(AtLeast(0));
  produce
      ->add_option("-H,--header", arguments->headers,
                   "NAME=VALUE, or NAME for one without a value, for all records (repeat)")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->excludes(json);
  produce
      ->add_flag("-Z", arguments->empty_is_null,
                 "Empty values are tombstones, and empty keys none at all")
      ->excludes(json);
  produce->add_option("-c,--count", arguments->count, "Send no more than so many records")
      ->type_name("INT")
      ->check(AtLeast(0));
  produce->callback([&global, arguments] {
    auto decoded = DecodeEscapes(arguments->delimiter);
    RequireUsage(decoded.status());
    arguments->delimiter = *std::move(decoded);
    global.run = [&global, arguments] { return Produce(global, *arguments); };
  });
}

}  // namespace daybook::tools
