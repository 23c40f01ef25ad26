#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/consumer_group.h"
#include "daybook/reader.h"
#include "tools/command.h"
#include "tools/record_text.h"
#include "tools/start_offset.h"

namespace daybook::tools {
namespace {

constexpr std::chrono::milliseconds kPollTimeout{100};

struct Arguments {
  std::string topic;
  std::string start = "beginning";
  std::string format = "%s\\n";
  std::string group;
  std::vector<int> partitions;
  std::int64_t count = -1;
  bool exits_at_end = false;
  bool is_json = false;
};

volatile sig_atomic_t is_interrupted = 0;

// Ends the loop instead of the process, so that what was printed is committed.
void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { is_interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

class Printer {
 public:
  explicit Printer(const Arguments& arguments) : arguments_(arguments), left_(arguments.count) {}

  // Nobody reads any more.
  bool is_closed() const { return is_closed_; }
  bool is_done() const { return left_ == 0 || is_closed_ || is_interrupted != 0; }

  // The offset behind the last record printed.
  absl::StatusOr<Offset> Print(const RecordBatch& batch) {
    text_.clear();
    Offset next = batch.begin_offset();
    for (const RecordView& record : batch) {
      if (left_ == 0) break;
      if (left_ > 0) --left_;
      if (arguments_.is_json) {
        AppendJson(record, &text_);
      } else {
        AppendFormatted(arguments_.format, record, &text_);
      }
      next = record.offset + 1;
    }
    std::string_view rest = text_;
    while (!rest.empty()) {
      const ssize_t put = write(STDOUT_FILENO, rest.data(), rest.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && errno == EPIPE) {  // whoever reads has seen enough
        is_closed_ = true;
        break;
      }
      if (put < 0) {
        return absl::UnknownError(absl::StrCat("cannot write: ", strerror(errno)));
      }
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
    return next;
  }

 private:
  const Arguments& arguments_;
  std::int64_t left_;
  bool is_closed_ = false;
  std::string text_;
};

absl::Status ConsumeAlone(Broker& broker, const Arguments& arguments) {
  const auto start = ParseStartOffset(arguments.start);
  if (!start.ok()) return start.status();
  auto reader =
      Reader::Open(broker, arguments.topic, {.partitions = arguments.partitions, .batch = {}});
  if (!reader.ok()) return reader.status();
  const auto topic = broker.OpenTopic(arguments.topic);
  if (!topic.ok()) return topic.status();
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
  Printer printer(arguments);
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

absl::Status ConsumeInGroup(Broker& broker, const Arguments& arguments) {
  ConsumerGroup group(broker, arguments.group);
  const auto consumer = group.Join({arguments.topic});
  if (!consumer.ok()) return consumer.status();
  Printer printer(arguments);
  while (!printer.is_done()) {
    const auto batch =
        (*consumer)->Poll(arguments.exits_at_end ? std::chrono::milliseconds(0) : kPollTimeout);
    if (!batch.ok()) return batch.status();
    // The only member, in the only process: nothing now is the end.
    if (batch->empty() && arguments.exits_at_end) break;
    if (batch->empty()) continue;
    const auto next = printer.Print(*batch);
    if (!next.ok()) return next.status();
    if (printer.is_closed()) break;  // what nobody read is not committed
    absl::Status status = (*consumer)->Seek({std::string(batch->topic()), batch->partition()},
                                            printer.is_done() ? *next : batch->next_offset());
    if (status.ok()) status = (*consumer)->Commit();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Consume(const Global& global, const Arguments& arguments) {
  if (const auto status = CheckFormat(arguments.format); !status.ok()) return status;
  CatchInterrupts();
  const bool has_group = !arguments.group.empty();
  const auto broker =
      OpenBroker(global, has_group ? BrokerAccess::kReadWrite : BrokerAccess::kReadOnly);
  if (!broker.ok()) return broker.status();
  return has_group ? ConsumeInGroup(**broker, arguments) : ConsumeAlone(**broker, arguments);
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
                                 "Where to begin: beginning, end, N, -N, s@MILLISECONDS")
                    ->capture_default_str();
  auto* partitions =
      consume->add_option("-p,--partition", arguments->partitions, "Only this partition (repeat)")
          ->allow_extra_args(false)
          ->check(CLI::NonNegativeNumber);
  consume->add_flag("-e,--exit", arguments->exits_at_end, "Exit at the end");
  consume->add_option("-c,--count", arguments->count, "Exit after so many records")
      ->check(CLI::NonNegativeNumber);
  auto* format = consume
                     ->add_option("-f,--output", arguments->format,
                                  "%t topic %p partition %o offset %k key %K its length %s value "
                                  "%S its length %T milliseconds %h headers")
                     ->capture_default_str();
  consume->add_flag("-J", arguments->is_json, "One JSON object a record; produce -J takes it back")
      ->excludes(format);
  consume
      ->add_option("-G,--group", arguments->group,
                   "Read as this group, from its place, and commit what was printed")
      ->excludes(start)
      ->excludes(partitions);
  consume->callback([&global, arguments] {
    global.run = [&global, arguments] { return Consume(global, *arguments); };
  });
}

}  // namespace daybook::tools
