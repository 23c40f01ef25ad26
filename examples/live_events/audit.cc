#include "audit.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "daybook/admin.h"
#include "daybook/broker.h"
#include "replay.h"
#include "timeline.h"

namespace live_events {
namespace {

struct Deliveries {
  std::int64_t distinct = 0;
  std::int64_t again = 0;
};

std::array<Deliveries, kTopicCount> CountDeliveries(const Source& source, const Scoreboard& board) {
  std::array<Deliveries, kTopicCount> counts{};
  for (std::int64_t event = 0; event < board.events(); ++event) {
    const int times = board.DeliveriesOf(event);
    if (times == 0) continue;
    Deliveries& topic = counts[source.LineOf(source.IdOf(event)).topic];
    ++topic.distinct;
    topic.again += times - 1;
  }
  return counts;
}

void PrintTopicRow(std::string_view topic, std::int64_t sent, std::int64_t in_log,
                   const Deliveries& delivered, std::int64_t out_of_order) {
  std::printf("  %-20.*s %11s %11s %11s %8s %9s %9s\n", static_cast<int>(topic.size()),
              topic.data(), Grouped(sent).c_str(), Grouped(in_log).c_str(),
              Grouped(delivered.distinct).c_str(), Grouped(delivered.again).c_str(),
              Grouped(sent - delivered.distinct).c_str(), Grouped(out_of_order).c_str());
}

struct Verdict {
  std::int64_t missing_in_log = 0;
  std::int64_t missing = 0;
  std::int64_t again = 0;
  std::int64_t out_of_order = 0;
  int lagging = 0;
};

void PrintTopics(const Source& source, Scoreboard& board, const Replay& log, Verdict* verdict) {
  std::printf("\n  %-20s %11s %11s %11s %8s %9s %9s\n", "topic", "events", "in the log",
              "delivered", "again", "missing", "disorder");
  const std::array<std::int64_t, kTopicCount> sent = source.CountByTopic(board.events());
  const std::array<Deliveries, kTopicCount> delivered = CountDeliveries(source, board);
  Deliveries all;
  for (int topic = 0; topic < kTopicCount; ++topic) {
    const std::int64_t out_of_order = board.totals().out_of_order[topic].load();
    PrintTopicRow(kTopics[topic], sent[topic], log.events[topic], delivered[topic], out_of_order);
    all.distinct += delivered[topic].distinct;
    all.again += delivered[topic].again;
    verdict->out_of_order += out_of_order;
    // Each topic for itself: one too many here does not make up for one too few there.
    if (log.events[topic] < sent[topic]) verdict->missing_in_log += sent[topic] - log.events[topic];
  }
  PrintTopicRow("all", board.events(), log.total, all, verdict->out_of_order);
  verdict->missing = board.events() - all.distinct;
  verdict->again = all.again;
}

absl::Status PrintPartitions(daybook::Broker& broker, Verdict* verdict) {
  const absl::StatusOr<daybook::GroupDescription> group =
      daybook::Admin(broker).DescribeGroup(kGroup);
  if (!group.ok()) return group.status();
  const std::string title = "group " + group->name;
  std::printf("\n  %-22s %9s %11s %11s %11s %6s\n", title.c_str(), "partition", "begin", "end",
              "committed", "lag");
  for (int topic = 0; topic < kTopicCount; ++topic) {
    const absl::StatusOr<daybook::Topic> opened = broker.OpenTopic(kTopics[topic]);
    if (!opened.ok()) return opened.status();
    for (int id = 0; id < kPartitions; ++id) {
      const absl::StatusOr<daybook::Offset> begin = opened->partition(id).begin_offset();
      if (!begin.ok()) return begin.status();
      const absl::StatusOr<daybook::Offset> end = opened->partition(id).end_offset();
      if (!end.ok()) return end.status();
      // A group without a place in a partition would begin at its begin.
      daybook::Offset committed = *begin;
      for (const daybook::GroupOffset& place : group->offsets) {
        if (place.topic == kTopics[topic] && place.partition == id) {
          committed = place.committed.value_or(*begin);
        }
      }
      const std::int64_t lag = *end - committed;
      if (lag != 0) ++verdict->lagging;
      std::printf("  %-22s %9d %11s %11s %11s %6s\n",
                  id == 0 ? std::string(kTopics[topic]).c_str() : "", id,
                  Grouped(begin->value()).c_str(), Grouped(end->value()).c_str(),
                  Grouped(committed.value()).c_str(), Grouped(lag).c_str());
    }
  }
  return absl::OkStatus();
}

bool PrintCheck(std::string_view what, std::int64_t violations) {
  std::printf("  %-64.*s %8s  %s\n", static_cast<int>(what.size()), what.data(),
              Grouped(violations).c_str(), violations == 0 ? "ok" : "BROKEN");
  return violations == 0;
}

}  // namespace

absl::StatusOr<bool> Audit(const Options& options, const Source& source, Scoreboard& board) {
  absl::StatusOr<std::unique_ptr<daybook::Broker>> broker =
      daybook::Broker::Open(options.LogDirectory());
  if (!broker.ok()) return broker.status();
  const absl::StatusOr<Replay> log = ReplayLog(**broker, source, options.events);
  if (!log.ok()) return log.status();

  Verdict verdict;
  PrintTopics(source, board, *log, &verdict);
  const absl::Status printed = PrintPartitions(**broker, &verdict);
  if (!printed.ok()) return printed;

  const Totals& totals = board.totals();
  std::printf("\n");
  bool kept = true;
  kept &= PrintCheck("events missing in the log", verdict.missing_in_log);
  kept &= PrintCheck("events in the log twice or out of order", log->out_of_place);
  kept &= PrintCheck("events acknowledged before the kill and gone after it",
                     totals.acknowledged_lost.load());
  kept &= PrintCheck("events never delivered", verdict.missing);
  kept &= PrintCheck("events delivered out of their key's order", verdict.out_of_order);
  kept &=
      PrintCheck("events whose bytes differ from the source", log->damaged + totals.damaged.load());
  kept &=
      PrintCheck("partitions that went back before the group's commit", totals.commits_lost.load());
  kept &= PrintCheck("partitions with lag left", verdict.lagging);
  if (kept) {
    std::printf(
        "\n  Each event was delivered once or more, as promised: %s once, %s again,\n"
        "  because the kill came before their commit.\n",
        Grouped(board.events()).c_str(), Grouped(verdict.again).c_str());
  } else {
    std::printf("\n  A promise was broken: see the lines marked BROKEN.\n");
  }
  return kept;
}

}  // namespace live_events
