#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/event_count.h"
#include "base/scheduler.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/broker.h"
#include "daybook/system/clock.h"
#include "daybook/system/simulated_file_system.h"
#include "log/partition_log.h"
#include "segment/segment_steps.h"
#include "torture/family.h"
#include "torture/process/explorer.h"
#include "torture/process/external.h"

// Every order of the steps of three threads on one partition whose segment is nearly full, within a
// number of preemptions: two append, so that one of them rolls, and a third one waits for what they
// append and reads it, or closes the log, gives a claim up, or works ahead of them. What was
// acknowledged is there, once, at its offset, also after a kill; a reader sees nothing else; nobody
// waits for ever.

namespace daybook::torture {

#if defined(DAYBOOK_INSTRUMENTED)

namespace {

constexpr char kDirectory[] = "/data";
constexpr std::size_t kParts = 16;
// Of a segment of 64 KiB so many records leave room for about 1,300 bytes more.
constexpr int kFirst = 4;
constexpr std::int64_t kRing = 8;  // segments of a memory topic
constexpr std::size_t kFirstBytes = 15'000;
constexpr std::int64_t kKillEach = 16;
// A part with many preemptions takes long.
constexpr std::int64_t kMostSeconds = 24 * 3600;

struct Plan {
  const char* name;
  // Of the threads that append: how many records each, and of how many bytes.
  std::array<int, 2> appends;
  std::size_t bytes;
  int preemptions = 2;  // at most
  enum class Third { kReads, kFollowsEnd, kCloses, kGivesUp, kWorksAhead } third = Third::kReads;
  Storage storage = Storage::kFile;
  int first = kFirst;  // records before
};

constexpr Plan kPlans[] = {
    {.name = "one append each, one of which rolls, and a reader",
     .appends = {1, 1},
     .bytes = 1'000,
     .preemptions = 3},
    {.name = "two appends each, one of which rolls, and a reader", .appends = {2, 2}, .bytes = 500},
    {.name = "one append each, and a reader of all before the end",
     .appends = {1, 1},
     .bytes = 500,
     .third = Plan::Third::kFollowsEnd},
    {.name = "a claim that is given up between two appends",
     .appends = {1, 1},
     .bytes = 600,
     .third = Plan::Third::kGivesUp},
    {.name = "a log that is closed",
     .appends = {1, 1},
     .bytes = 1'000,
     .third = Plan::Third::kCloses},
    {.name = "a worker that brings pages in ahead of appends one of which rolls",
     .appends = {1, 1},
     .bytes = 12'000,
     .third = Plan::Third::kWorksAhead,
     .first = 3},
    {.name = "a ring in memory that is used again",
     .appends = {1, 1},
     .bytes = 1'000,
     .storage = Storage::kMemory},
};

class LogScenario final : public Scenario {
 public:
  explicit LogScenario(const Plan& plan) : plan_(plan) {
    broker_ =
        Broker::Open(kDirectory,
                     {.background = Background::kCaller, .file_system = &disk_, .clock = &clock_})
            .value();
    if (plan.third == Plan::Third::kWorksAhead) {
      SegmentSteps steps = kSmallSteps;
      steps.page_in = std::uint64_t{12} << 10;  // over the rest of the segment at once
      Access::Core(*broker_).UseSteps(steps);
    }
    TopicOptions options;
    options.segment_bytes = 64 << 10;
    options.max_record_bytes = 16 << 10;
    options.storage = plan.storage;
    if (plan.storage == Storage::kMemory) options.memory_bytes = kRing * options.segment_bytes;
    if (!broker_->CreateTopic("t", options).ok()) std::abort();
    topic_.emplace(broker_->OpenTopic("t").value());
    // In memory the next roll takes the first segment again.
    first_ = plan.storage == Storage::kMemory ? kRing * kFirst : plan.first;
    for (std::int64_t i = 0; i < first_; ++i) Append(std::string(kFirstBytes, 'f'));
  }

  std::vector<std::function<void()>> Threads() override {
    std::vector<std::function<void()>> threads;
    for (std::size_t appender = 0; appender < plan_.appends.size(); ++appender) {
      threads.emplace_back([this, appender] {
        for (int i = 0; i < plan_.appends[appender]; ++i) {
          std::string value = absl::StrCat(appender, "-", i, " ");
          value.resize(plan_.bytes, static_cast<char>('a' + appender));
          Append(std::move(value));
        }
      });
    }
    switch (plan_.third) {
      case Plan::Third::kReads:
      case Plan::Third::kFollowsEnd:
        threads.emplace_back([this] { ReadAll(); });
        break;
      case Plan::Third::kCloses:
        threads.emplace_back([this] { log().Close(absl::FailedPreconditionError("closed")); });
        break;
      case Plan::Third::kWorksAhead:
        threads.emplace_back([this] { log().WorkAhead(); });
        break;
      case Plan::Third::kGivesUp:
        threads.emplace_back([this] {
          ClaimOptions options;
          options.value_bytes = plan_.bytes;
          const auto claim = log().Claim(options);
          if (claim.ok()) given_up_ = claim->offset();
        });
    }
    return threads;
  }

  std::string Verdict() override {
    if (!violation_.empty()) return violation_;
    std::int64_t end = 0;
    for (const auto& [offset, value] : appended_) end = std::max(end, offset.value() + 1);
    if (given_up_) end = std::max(end, given_up_->value() + 1);
    const auto found_end = log().end_offset();
    if (!found_end.ok() || found_end->value() != end) {
      return absl::StrCat("the end is at ", found_end.ok() ? found_end->value() : -1, ", not at ",
                          end);
    }
    std::string wrong = Compare(log());
    static std::int64_t verdicts = 0;
    if (!wrong.empty() || plan_.storage == Storage::kMemory || ++verdicts % kKillEach != 0) {
      return wrong;
    }
    const auto left = disk_.Kill();
    const auto broker = Broker::Open(
        kDirectory,
        {.background = Background::kCaller, .file_system = left.get(), .clock = &clock_});
    if (!broker.ok()) return broker.status().ToString();
    wrong = Compare(Access::Log((*broker)->OpenTopic("t")->partition(0)));
    return wrong.empty() ? "" : "after a kill: " + wrong;
  }

 private:
  PartitionLog& log() { return Access::Log(topic_->partition(0)); }

  void Append(std::string value) {
    Record record;
    record.value = value;
    const auto offset = log().Append(record, std::nullopt);
    if (!offset.ok()) {
      if (plan_.third != Plan::Third::kCloses) violation_ = offset.status().ToString();
      return;
    }
    if (!appended_.emplace(*offset, std::move(value)).second) {
      violation_ = absl::StrCat("offset ", offset->value(), " was given twice");
    }
  }

  // Waits for each record of the appenders in turn.
  void ReadAll() {
    const std::int64_t end = first_ + plan_.appends[0] + plan_.appends[1];
    EventCount event;
    log().waiters().Register(&event);
    for (Cursor cursor{.offset = Offset(first_), .segment = nullptr, .position = 0};
         cursor.offset.value() < end && violation_.empty();) {
      const EventCount::Key key = event.PrepareWait();
      const bool follows_end = plan_.third == Plan::Third::kFollowsEnd;
      const std::int64_t committed = follows_end ? log().end_offset()->value() : 0;
      const auto batch = log().Read(cursor, ReadOptions{});
      if (!batch.ok()) {
        violation_ = batch.status().ToString();
      } else if (!batch->empty()) {
        Note(*batch);
      } else if (cursor.offset.value() < committed) {
        violation_ = absl::StrCat("there is nothing at ", cursor.offset.value(),
                                  ", and the end is at ", committed);
      } else {
        event.CommitWait(key, std::chrono::steady_clock::time_point::max());
      }
    }
    log().waiters().Unregister(&event);
  }

  void Note(const RecordBatch& batch) {
    for (const RecordView& record : batch) {
      if (record.value.size() != plan_.bytes || record.value[3] != ' ') {
        violation_ = absl::StrCat("the reader was given ", std::string(record.value.substr(0, 9)),
                                  " at ", record.offset.value());
      }
      read_.emplace_back(record.offset, std::string(record.value));
    }
  }

  std::string Compare(PartitionLog& log) {
    std::map<Offset, std::string> left = appended_;
    Cursor cursor{.offset = log.begin_offset().value(), .segment = nullptr, .position = 0};
    const Offset begin = cursor.offset;
    for (;;) {
      const auto batch = log.Read(cursor, ReadOptions{});
      if (!batch.ok()) return batch.status().ToString();
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        const auto found = left.find(record.offset);
        if (found == left.end() || found->second != record.value) {
          return absl::StrCat("offset ", record.offset.value(),
                              " holds what nobody appended there");
        }
        left.erase(found);
      }
    }
    if (plan_.storage == Storage::kMemory) left.erase(left.begin(), left.lower_bound(begin));
    if (!left.empty()) return absl::StrCat("nothing at offset ", left.begin()->first.value());
    for (std::size_t i = 0; i < read_.size(); ++i) {
      const auto found = appended_.find(read_[i].first);
      if (found == appended_.end() || found->second != read_[i].second) {
        return "a reader was given what nobody appended there";
      }
      if (i != 0 && !(read_[i - 1].first < read_[i].first)) return "a reader was given one twice";
    }
    return "";
  }

  const Plan& plan_;
  std::int64_t first_ = 0;  // records
  SimulatedFileSystem disk_;
  ManualClock clock_;
  std::unique_ptr<Broker> broker_;
  std::optional<Topic> topic_;
  std::map<Offset, std::string> appended_;
  std::vector<std::pair<Offset, std::string>> read_;
  std::optional<Offset> given_up_;
  std::string violation_;
};

// First all plans with few preemptions, then with more.
Tally RunInterleavings(RunOptions options) {
  const auto start = std::chrono::steady_clock::now();
  options.most_seconds_a_case = kMostSeconds;
  struct Case {
    const Plan* plan;
    ExploreOptions options;
  };
  std::vector<Case> cases;
  const int more = options.is_deep ? 1 : 0;
  for (int preemptions = 0; preemptions <= 4; ++preemptions) {
    for (const Plan& plan : kPlans) {
      if (preemptions > plan.preemptions + more) continue;
      for (std::size_t part = 0; part < kParts; ++part) {
        Case& one = cases.emplace_back(
            Case{&plan, {.preemptions = preemptions, .part = part, .parts = kParts}});
        if (options.most_seconds > 0) {
          one.options.deadline = start + std::chrono::milliseconds(
                                             static_cast<std::int64_t>(1e3 * options.most_seconds));
        }
      }
    }
  }
  return RunCases(
      options, static_cast<std::int64_t>(cases.size()), [&](std::int64_t number, Tally& tally) {
        const Case& one = cases[static_cast<std::size_t>(number)];
        const Exploration found =
            Explore([&] { return std::make_unique<LogScenario>(*one.plan); }, one.options);
        if (!found.violation.empty()) {
          tally.Violate(absl::StrCat(one.plan->name, ": ", found.violation));
        }
        if (!found.is_complete && found.violation.empty()) {
          tally.Count("parts not finished");
          tally.CutShort();
        }
        tally.Count("schedules", found.schedules);
        tally.CountMost("points of a schedule", found.most_points);
        tally.CountMost("preemptions", one.options.preemptions);
        return found.schedules;
      });
}

}  // namespace

#else

namespace {

// This program has the library as everybody links it.
Tally RunInterleavings(const RunOptions& options) {
  return RunSibling("daybook-torture-instrumented", options);
}

}  // namespace

#endif

Family InterleavingsFamily() {
  return {.name = "interleavings",
          .about = "every order of the steps of three threads, two of which append and one rolls",
          .figure = "schedules",
          .asked = {{Shape::kSmall, {.quick = 20'000, .ci = 0, .soak = 0}}},
          .run = RunInterleavings};
}

}  // namespace daybook::torture
