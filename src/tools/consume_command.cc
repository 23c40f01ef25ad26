#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daybook/consumer_group.h"
#include "daybook/reader.h"
#include "tools/command.h"
#include "tools/interrupts.h"
#include "tools/record_format.h"
#include "tools/record_json.h"
#include "tools/start_offset.h"

namespace daybook::tools {
namespace {

constexpr std::chrono::milliseconds kPollTimeout{100};

struct Arguments {
  std::string topic;
  std::string start = "beginning";
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
  Printer(const Arguments& arguments, std::optional<RecordFormat> format, Output& output)
      : format_(std::move(format)), output_(output), left_(arguments.count) {}

  bool is_done() const { return left_ == 0 || output_.is_closed() || IsInterrupted(); }

  // The offset behind the last record printed. Cancelled: nobody read all of them, or will.
  absl::StatusOr<Offset> Print(const RecordBatch& batch) {
    text_.clear();
    Offset next = batch.begin_offset();
    for (const RecordView& record : batch) {
      if (left_ == 0) break;
      if (left_ > 0) --left_;
      if (format_) {
        format_->Append(record, &text_);
      } else {
        AppendJson(record, &text_);
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
  Output& output_;
  std::int64_t left_;
  std::string text_;
};

absl::Status ConsumeAlone(Broker& broker, const Arguments& arguments, Printer& printer) {
  const auto start = ParseStartOffset(arguments.start);
  if (!start.ok()) return start.status();
  const auto topic = broker.OpenTopic(arguments.topic);
  if (!topic.ok()) return topic.status();
  if (const auto status = CheckIsInFiles(*topic); !status.ok()) return status;
  auto reader =
      Reader::Open(broker, arguments.topic, {.partitions = arguments.partitions, .batch = {}});
  if (!reader.ok()) return reader.status();
  for (int id = 0; id < topic->partitions(); ++id) {
    if (!arguments.partitions.empty() &&
        std::find(arguments.partitions.begin(), arguments.partitions.end(), id) ==
            arguments.partitions.end()) {
      continue;
    }
    const auto offset = Resolve(*start, topic->partition(id));
    if (!offset.ok()) return offset.status();
    if (const auto status = reader->Seek(id, *offset); !status.ok()) return status;
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
  const auto topic = broker.OpenTopic(arguments.topic);
  if (!topic.ok()) return topic.status();
  if (const auto status = CheckIsInFiles(*topic); !status.ok()) return status;
  ConsumerGroup group(broker, *arguments.group);
  const auto consumer = group.Join({arguments.topic});
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
  Printer printer(arguments, std::move(format), *global.output);
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
  consume->add_option("topic", arguments->topic, "The topic")->required();
  auto* start = consume
                    ->add_option("-o,--offset", arguments->start,
                                 "Where to begin: beginning; end; N, an offset; -N, the last N "
                                 "records; s@T, what was appended T milliseconds after 1970 or "
                                 "later (time of append, not the records' own)")
                    ->capture_default_str();
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
  consume
      ->add_option("-G,--group", arguments->group,
                   "Read as this group, from its place, and commit what was printed")
      ->type_name("TEXT")
      ->check(NotEmpty())
      ->excludes(start)
      ->excludes(partitions);
  consume->callback([&global, arguments] {
    global.run = [&global, arguments] { return Consume(global, *arguments); };
  });
}

}  // namespace daybook::tools
