#include "tools/commands/group_seek.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "daybook/admin.h"
#include "tools/text/table.h"

namespace daybook::tools {
namespace {

struct Arguments {
  std::string group;
  std::vector<std::string> topics;
  bool to_earliest = false;
  bool to_latest = false;
  std::optional<std::int64_t> to_offset;
  std::optional<std::int64_t> shift_by;
  std::string to_datetime;
  bool executes = false;
};

struct Move {
  std::optional<Offset> prior;
  Offset next;
};

// The digits at the beginning of `text`, up to so many, which are taken off it.
bool TakeNumber(std::string_view& text, std::size_t min_digits, std::size_t max_digits,
                std::int64_t* number) {
  const std::size_t digits =
      std::min({text.find_first_not_of("0123456789"), text.size(), max_digits});
  if (digits < min_digits) return false;
  std::from_chars(text.data(), text.data() + digits, *number);
  text.remove_prefix(digits);
  return true;
}

bool TakeChar(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// The groups of digits of a fraction of a second.
bool TakeFraction(std::string_view& text, std::chrono::nanoseconds* fraction) {
  std::int64_t number = 0;
  const std::size_t before = text.size();
  if (!TakeNumber(text, 1, 9, &number)) return false;
  for (std::size_t digits = before - text.size(); digits < 9; ++digits) number *= 10;
  *fraction = std::chrono::nanoseconds(number);
  return true;
}

bool TakeZone(std::string_view& text, std::chrono::minutes* east) {
  if (text.empty() || TakeChar(text, "Z")) return true;
  const bool is_west = text.front() == '-';
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (!TakeChar(text, "+-") || !TakeNumber(text, 2, 2, &hours)) return false;
  TakeChar(text, ":");
  if (!TakeNumber(text, 2, 2, &minutes) || hours > 14 || minutes > 59) return false;
  *east = std::chrono::minutes((is_west ? -1 : 1) * (60 * hours + minutes));
  return true;
}

absl::StatusOr<Offset> Resolve(const Arguments& arguments, std::optional<Offset> prior,
                               Partition& partition) {
  const auto begin = partition.begin_offset();
  if (!begin.ok()) return begin;
  const auto end = partition.end_offset();
  if (!end.ok()) return end;
  if (arguments.to_earliest) return begin;
  if (arguments.to_latest) return end;
  if (arguments.to_offset) return std::clamp(Offset(*arguments.to_offset), *begin, *end);
  if (arguments.shift_by) {
    if (!prior) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the group has no place in ", std::string(partition.topic()), "-", partition.id(),
          " to shift; use --to-earliest, --to-latest, --to-offset or --to-datetime"));
    }
    // What is over the length of the partition is as good as that, and does not overflow.
    const std::int64_t most = end->value();
    return std::clamp(*prior + std::clamp(*arguments.shift_by, -most, most), *begin, *end);
  }
  const auto time = ParseDateTime(arguments.to_datetime);
  if (!time.ok()) return time.status();
  return partition.OffsetForTime(*time);
}

absl::StatusOr<std::map<TopicPartition, Move>> Plan(Broker& broker, const Arguments& arguments) {
  std::map<TopicPartition, Move> moves;
  std::map<TopicPartition, std::optional<Offset>> places;
  const auto group = Admin(broker).DescribeGroup(arguments.group);
  if (group.ok()) {
    for (const GroupOffset& place : group->offsets) {
      places[{place.topic, place.partition}] = place.committed;
    }
  } else if (!absl::IsNotFound(group.status()) || arguments.topics.empty()) {
    return group.status();
  }
  if (arguments.topics.empty()) {
    for (const auto& [partition, committed] : places) moves[partition];
  }
  for (const std::string& text : arguments.topics) {
    const auto target = ParseSeekTarget(text);
    if (!target.ok()) return target.status();
    const auto topic = broker.OpenTopic(target->topic);
    if (!topic.ok()) return topic.status();
    if (const auto status = CheckIsInFiles(*topic); !status.ok()) return status;
    for (const int id : target->partitions) {
      if (id >= topic->partitions()) {
        return absl::NotFoundError(absl::StrCat(topic->name(), " has no partition ", id,
                                                "; it has 0 to ", topic->partitions() - 1));
      }
      moves[{target->topic, id}];
    }
    for (int id = 0; id < topic->partitions() && target->partitions.empty(); ++id) {
      moves[{target->topic, id}];
    }
  }
  for (auto& [partition, move] : moves) {
    move.prior = places[partition];
    const auto topic = broker.OpenTopic(partition.topic);
    if (!topic.ok()) return topic.status();
    const auto next = Resolve(arguments, move.prior, topic->partition(partition.partition));
    if (!next.ok()) return next.status();
    move.next = *next;
  }
  return moves;
}

absl::Status Seek(const Global& global, const Arguments& arguments) {
  // Who looks on may do so while another process reads as the group; who moves it may not.
  const auto broker =
      OpenBroker(global, arguments.executes ? BrokerAccess::kReadWrite : BrokerAccess::kReadOnly);
  if (!broker.ok()) return broker.status();
  const auto moves = Plan(**broker, arguments);
  if (!moves.ok()) return moves.status();
  Table table({"topic", "partition", "prior_offset", "new_offset"});
  std::map<TopicPartition, Offset> offsets;
  for (const auto& [partition, move] : *moves) {
    nlohmann::json prior;
    if (move.prior) prior = move.prior->value();
    table.Add({partition.topic, partition.partition, prior, move.next.value()});
    offsets[partition] = move.next;
  }
  if (arguments.executes) {
    const auto status = Admin(**broker).AlterGroupOffsets(arguments.group, offsets);
    if (!status.ok()) return status;
  }
  table.Print(global);
  if (!arguments.executes) {
    std::fprintf(stderr, "daybook: nothing was moved; with --execute it is\n");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SeekTarget> ParseSeekTarget(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  SeekTarget target{.topic = std::string(text.substr(0, colon)), .partitions = {}};
  std::string_view rest = text.substr(colon);
  while (!rest.empty()) {
    std::int64_t id = 0;
    rest.remove_prefix(1);  // the colon or a comma
    if (!TakeNumber(rest, 1, 6, &id) || (!rest.empty() && rest.front() != ',')) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--topic ", std::string(text), ": name a topic, or a topic and partitions, as t:0,2"));
    }
    target.partitions.push_back(static_cast<int>(id));
  }
  return target;
}

absl::StatusOr<Timestamp> ParseDateTime(std::string_view text) {
  std::string_view rest = text;
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  std::chrono::nanoseconds fraction{0};
  std::chrono::minutes east{0};
  const bool is_parsed =
      TakeNumber(rest, 4, 4, &year) && TakeChar(rest, "-") && TakeNumber(rest, 2, 2, &month) &&
      TakeChar(rest, "-") && TakeNumber(rest, 2, 2, &day) && TakeChar(rest, "T ") &&
      TakeNumber(rest, 2, 2, &hour) && TakeChar(rest, ":") && TakeNumber(rest, 2, 2, &minute) &&
      TakeChar(rest, ":") && TakeNumber(rest, 2, 2, &second) &&
      (!TakeChar(rest, ".") || TakeFraction(rest, &fraction)) && TakeZone(rest, &east) &&
      rest.empty();
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  // Nanoseconds end in the year 2262.
  if (!is_parsed || !date.ok() || hour > 23 || minute > 59 || second > 59 || year < 1970 ||
      year > 2261) {
    return absl::InvalidArgumentError(
        absl::StrCat("--to-datetime ", std::string(text),
                     ": use a time from 1970 to 2261 as 2024-05-31T23:59:59.999, and behind it Z "
                     "or +02:00 for its zone if that is not UTC"));
  }
  return Timestamp(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                   std::chrono::minutes(minute) + std::chrono::seconds(second) + fraction - east);
}

void AddGroupSeekCommand(CLI::App& group, Global& global) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* seek = group.add_subcommand(
      "seek",
      "Move a group that nobody reads as; shows what it would do, unless --execute is there\n"
      "  daybook --dir D group seek billing --topic orders:0,1 --to-offset 100 --execute");
  seek->fallthrough();
  seek->add_option("name", arguments->group, "The group")->required();
  seek->add_option("--topic", arguments->topics,
                   "A topic, or partitions of it, as t:0,2 (repeat); without: wherever it is")
      ->allow_extra_args(false);
  seek->add_flag("--execute", arguments->executes, "Do it");
  auto* where = seek->add_option_group("where", "One of these");
  where->add_flag("--to-earliest", arguments->to_earliest, "To the oldest record");
  where->add_flag("--to-latest", arguments->to_latest, "To the end");
  where->add_option("--to-offset", arguments->to_offset,
                    "To that offset, or the nearest that there is");
  where->add_option("--shift-by", arguments->shift_by, "By so many, back if it is negative");
  where->add_option(
      "--to-datetime", arguments->to_datetime,
      "To the first record with a timestamp of then or later (its own, or of its append: "
      "message.timestamp.type): 2024-05-31T23:59:59");
  where->require_option(1);
  seek->callback([&global, arguments] {
    for (const std::string& topic : arguments->topics) {
      RequireUsage(ParseSeekTarget(topic).status());
    }
    if (!arguments->to_earliest && !arguments->to_latest && !arguments->to_offset &&
        !arguments->shift_by) {
      RequireUsage(ParseDateTime(arguments->to_datetime).status());
    }
    global.run = [&global, arguments] { return Seek(global, *arguments); };
  });
}

}  // namespace daybook::tools
