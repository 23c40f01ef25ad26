#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daybook/consumer_group.h"
#include "daybook/reader.h"
#include "tools/commands/command.h"
#include "tools/commands/start_offset.h"
#include "tools/interrupts.h"
#include "tools/text/record_format.h"
#include "tools/text/record_json.h"

namespace daybook::tools {
namespace {

constexpr std::chrono::milliseconds kPollTimeout{100};
constexpr Offset kNoEnd{std::numeric_limits<std::int64_t>::max()};

struct Arguments {
  std::vector<std::string> topics;
  std::vector<std::string> offsets;
  std::optional<std::string> format;
  std::optional<std::string> group;
  std::vector<int> partitions;
  std::int64_t count = -1;
  bool exits_at_end = false;
  bool is_json = false;
  bool prints_null = false;
};

class Printer {
 public:
  Printer(const Arguments& arguments, std::optional<RecordFormat> format, Broker& broker,
          Output& output)
      : format_(std::move(format)), broker_(broker), output_(output), left_(arguments.count) {}

  bool is_done() const { return left_ == 0 || output_.is_closed() || IsInterrupted(); }

  // Prints the records before `end`; the offset behind the last one. Cancelled: nobody read all of
  // them, or will.
  absl::StatusOr<Offset> Print(const RecordBatch& batch, Offset end = kNoEnd) {
    text_.clear();
    TimestampType type = TimestampType::kCreateTime;
    if (!format_) {
      // One that was deleted meanwhile does not say.
      const auto topic = broker_.OpenTopic(batch.topic());
      if (topic.ok()) type = topic->options().timestamp_type;
    }
    Offset next = batch.begin_offset();
    for (const RecordView& record : batch) {
      if (left_ == 0 || record.offset >= end) break;
      if (left_ > 0) --left_;
      if (format_) {
        format_->Append(record, &text_);
      } else {
        AppendJson(record, type, &text_);
      }
      next = record.offset + 1;
    }
    output_.Print(text_);
    if (const auto status = output_.Flush(); !status.ok()) return status;
    if (output_.is_closed()) return absl::CancelledError("nobody reads any more");
    return next;
  }

 private:
  const std::optional<RecordFormat> format_;  // without: JSON
  Broker& broker_;
  Output& output_;
  std::int64_t left_;
  std::string text_;
};

absl::StatusOr<Topic> OpenInFiles(Broker& broker, const std::string& name) {
  auto topic = broker.OpenTopic(name);
  if (!topic.ok()) return topic.status();
  if (const auto status = CheckIsInFiles(*topic); !status.ok()) return status;
  return topic;
}

bool IsWanted(const std::vector<int>& partitions, int id) {
  return partitions.empty() ||
         std::find(partitions.begin(), partitions.end(), id) != partitions.end();
}

// A partition that is read up to an end.
struct Part {
  int id = 0;
  Reader reader;
  Offset end;
};

// Each with a reader of its own: nothing that comes to a partition that has ended keeps the others
// from ending.
absl::StatusOr<std::deque<Part>> OpenParts(Broker& broker, const Topic& topic,
                                           std::vector<int> partitions, const OffsetRange& range) {
  if (partitions.empty()) {
    for (int id = 0; id < topic.partitions(); ++id) partitions.push_back(id);
  }
  const std::set<int> ids(partitions.begin(), partitions.end());
  std::deque<Part> parts;
  for (const int id : ids) {
    // Says what is wrong with the partition's number, if anything is.
    auto reader = Reader::Open(broker, topic.name(), {.partitions = {id}, .batch = {}});
    if (!reader.ok()) return reader.status();
    const auto begin = Resolve(range.start, topic.partition(id));
    if (!begin.ok()) return begin.status();
    const auto end = Resolve(*range.end, topic.partition(id));
    if (!end.ok()) return end.status();
    if (*begin >= *end) continue;
    if (const auto status = reader->Seek(id, *begin); !status.ok()) return status;
    parts.push_back({id, *std::move(reader), *end});
  }
  return parts;
}

// The partitions take turns. One ends also before what nobody can read yet, as a transaction that
// is undecided, and where the last offsets before its end hold no records.
absl::Status ConsumeToEnds(std::deque<Part> parts, Printer& printer) {
  while (!parts.empty() && !printer.is_done()) {
    Part part = std::move(parts.front());
    parts.pop_front();
    const auto batch = part.reader.Poll(std::chrono::milliseconds(0));
    if (!batch.ok()) return batch.status();
    if (batch->empty()) {
      const auto is_at_end = part.reader.AtEnd();
      if (!is_at_end.ok()) return is_at_end.status();
      if (*is_at_end) continue;
    }
    const auto printed = printer.Print(*batch, part.end);
    if (!printed.ok()) return printed.status();
    const auto position = part.reader.Position(part.id);
    if (!position.ok()) return position.status();
    if (*position < part.end) parts.push_back(std::move(part));
  }
  return absl::OkStatus();
}

// As in kcat, what begins with ^ is an expression. No topic's name does.
bool IsExpression(const std::string& topic) { return topic.starts_with('^'); }

absl::Status CheckUsage(const Arguments& arguments) {
  if (const auto range = ParseOffsetRange(arguments.offsets); !range.ok()) return range.status();
  if (arguments.format) {
    const auto format = RecordFormat::Parse(*arguments.format);
    if (!format.ok()) return format.status();
  }
  if (arguments.topics.size() == 1) return absl::OkStatus();
  if (!arguments.group) {
    return absl::InvalidArgumentError("several topics are read as a group only; name it with -G");
  }
  if (std::any_of(arguments.topics.begin(), arguments.topics.end(), IsExpression)) {
    return absl::InvalidArgumentError("an expression stands alone; it may have alternatives, ^a|b");
  }
  return absl::OkStatus();
}

absl::Status ConsumeAlone(Broker& broker, const Arguments& arguments, Printer& printer) {
  const auto range = ParseOffsetRange(arguments.offsets);
  if (!range.ok()) return range.status();
  const auto topic = OpenInFiles(broker, arguments.topics.front());
  if (!topic.ok()) return topic.status();
  if (range->end) {
    auto parts = OpenParts(broker, *topic, arguments.partitions, *range);
    return parts.ok() ? ConsumeToEnds(*std::move(parts), printer) : parts.status();
  }
  auto reader =
      Reader::Open(broker, topic->name(), {.partitions = arguments.partitions, .batch = {}});
  if (!reader.ok()) return reader.status();
  for (int id = 0; id < topic->partitions(); ++id) {
    if (!IsWanted(arguments.partitions, id)) continue;
    const auto begin = Resolve(range->start, topic->partition(id));
    if (!begin.ok()) return begin.status();
    if (const auto status = reader->Seek(id, *begin); !status.ok()) return status;
  }
  while (!printer.is_done()) {
    const auto batch =
        reader->Poll(arguments.exits_at_end ? std::chrono::milliseconds(0) : kPollTimeout);
    if (!batch.ok()) return batch.status();
    if (batch->empty() && arguments.exits_at_end) {
      const auto is_at_end = reader->AtEnd();
      if (!is_at_end.ok()) return is_at_end.status();
      if (*is_at_end) break;
    }
    if (const auto printed = printer.Print(*batch); !printed.ok()) return printed.status();
  }
  return absl::OkStatus();
}

absl::Status ConsumeInGroup(Broker& broker, const Arguments& arguments, Printer& printer) {
  ConsumerGroup group(broker, *arguments.group);
  const bool is_expression = IsExpression(arguments.topics.front());
  for (const std::string& name : arguments.topics) {
    if (is_expression) break;
    if (const auto status = OpenInFiles(broker, name).status(); !status.ok()) return status;
  }
  const auto consumer = is_expression ? group.JoinMatching(arguments.topics.front().substr(1))
                                      : group.Join(arguments.topics);
  if (!consumer.ok()) return consumer.status();
  while (!printer.is_done()) {
    const auto batch =
        (*consumer)->Poll(arguments.exits_at_end ? std::chrono::milliseconds(0) : kPollTimeout);
    if (!batch.ok()) return batch.status();
    // The only member, in the only process: nothing now is the end.
    if (batch->empty() && arguments.exits_at_end) break;
    if (batch->empty()) continue;
    const auto next = printer.Print(*batch);
    if (!next.ok()) return next.status();
    absl::Status status = (*consumer)->Seek({std::string(batch->topic()), batch->partition()},
                                            printer.is_done() ? *next : batch->next_offset());
    if (status.ok()) status = (*consumer)->Commit();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Consume(const Global& global, const Arguments& arguments) {
  std::optional<RecordFormat> format;
  if (!arguments.is_json && (global.format != Format::kJson || arguments.format)) {
    auto parsed = RecordFormat::Parse(arguments.format.value_or("%s\\n"));
    if (!parsed.ok()) return parsed.status();
    format = *std::move(parsed);
    if (arguments.prints_null) format->SetNull("NULL");
  }
  CatchInterrupts();
  const bool has_group = arguments.group.has_value();
  const auto broker =
      OpenBroker(global, has_group ? BrokerAccess::kReadWrite : BrokerAccess::kReadOnly);
  if (!broker.ok()) return broker.status();
  Printer printer(arguments, std::move(format), **broker, *global.output);
  const absl::Status status = has_group ? ConsumeInGroup(**broker, arguments, printer)
                                        : ConsumeAlone(**broker, arguments, printer);
  // Whoever reads has seen enough, or whoever started us has; what was not read is not committed.
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

}  // namespace

void AddConsumeCommand(CLI::App& app, Global& global) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* consume =
      app.add_subcommand("consume",
                         "Print records; without a group also while another process writes\n"
                         "  daybook --dir D consume orders -o beginning -e");
  consume->fallthrough();
  consume
      ->add_option(
          "topics", arguments->topics,
          "The topic; with -G also several, or ^EXPRESSION for all whose whole names match")
      ->required();
  auto* start =
      consume
          ->add_option("-o,--offset", arguments->offsets,
                       "Where to begin: beginning (default); end; N, an offset; -N, the last N "
                       "records; s@T, from the first record with a timestamp (%T) of T "
                       "milliseconds since 1970 or later: the record's own, or where the topic has "
                       "message.timestamp.type=LogAppendTime that of its append. Where to end: "
                       "e@T, before that one, of what there is now")
          ->type_name("TEXT")
          ->allow_extra_args(false);
  auto* partitions =
      consume->add_option("-p,--partition", arguments->partitions, "Only this partition (repeat)")
          ->allow_extra_args(false)
          ->check(AtLeast(0));
  consume->add_flag("-e,--exit", arguments->exits_at_end, "Exit at the end");
  consume->add_option("-c,--count", arguments->count, "Exit after so many records")
      ->check(AtLeast(0));
  auto* format =
      consume
          ->add_option("-f,--output", arguments->format,
                       "%t topic %p partition %o offset %k key %K its length %s value %S its "
                       "length %R the same as 4 bytes %T milliseconds %h headers %% per cent sign "
                       "\\n \\r \\t \\\\ \\xNN (default: %s\\n)")
          ->type_name("TEXT");
  auto* json =
      consume->add_flag("-J", arguments->is_json,
                        "One JSON object a record, as --format json; produce -J takes it back");
  json->excludes(format);
  consume->add_flag("-Z", arguments->prints_null,
                    "Print NULL for keys and values that are absent; in JSON they are null");
  auto* group = consume
                    ->add_option("-G,--group", arguments->group,
                                 "Read as this group, from its place, and commit what was printed")
                    ->type_name("TEXT")
                    ->check(NotEmpty())
                    ->excludes(start)
                    ->excludes(partitions);
  AddOffsetsDirectory(*consume, global)->needs(group);
  consume->callback([&global, arguments] {
    RequireUsage(CheckUsage(*arguments));
    global.run = [&global, arguments] { return Consume(global, *arguments); };
  });
}

}  // namespace daybook::tools
