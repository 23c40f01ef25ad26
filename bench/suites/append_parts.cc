#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/event_count.h"
#include "format/frame_codec.h"
#include "populated_file_system.h"
#include "scratch.h"
#include "segment/segment.h"
#include "suites.h"

// Where the time of append_100b goes. Each stage runs all that the one before it runs and one part
// more, over memory that is already faulted in; a part costs the difference. What a loop of one
// part alone would show is not what the part costs among the others, with which it overlaps.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;
// All pages of a stage are in memory at once, in one segment.
constexpr std::uint64_t kLargestStage = std::uint64_t{60} << 20;
constexpr char kPrefix[] = "append_stages/";

enum Stage { kCopy, kClaim, kClock, kFill, kChecksum, kCommit, kAppend };
constexpr const char* kStageNames[] = {"copy",     "claim",  "clock", "fill",
                                       "checksum", "commit", "append"};

// A segment with room for so many records.
class StageSegment {
 public:
  StageSegment(const Settings& settings, std::int64_t records)
      : scratch_(settings),
        directory_(
            Check(FileSystem::Posix().OpenDirectory(scratch_.path(), DirectoryMode::kMustExist))),
        segment_(Check(Segment::Create(
            *directory_, PartitionName("stages", 0),
            {.base_offset = Offset(0),
             .segment_id = 42,
             .capacity = frame::kSegmentHeaderBytes + frame::kSealBytes +
                         static_cast<std::uint64_t>(records) * FrameBytes(kValueBytes),
             .max_frame_bytes = 1 << 20,
             .created = Clock::System().Now(),
             .boot = {}}))) {}

  Segment& segment() { return *segment_; }

  // Gives the file all its blocks, and faults them in.
  void PopulateAll() {
    // Twice: the first makes the file, the second finds it made and lets claims go to its end.
    for (int i = 0; i < 2; ++i)
      Check(segment_->Extend(segment_->header().capacity - frame::kSealBytes));
    Populate(segment_->At(0), segment_->header().capacity);
  }

 private:
  ScratchDirectory scratch_;
  std::unique_ptr<Directory> directory_;
  std::shared_ptr<Segment> segment_;
};

template <Stage kStage>
void RunStage(benchmark::State& state, const Settings& settings) {
  StageSegment prepared(settings, state.max_iterations);
  prepared.PopulateAll();
  Segment& segment = prepared.segment();
  Clock& clock = Clock::System();
  WaitList waiters;
  const std::string value(kValueBytes, 'v');
  frame::RecordParts parts;
  parts.value_bytes = value.size();
  Timestamp now;

  for (auto _ : state) {
    benchmark::DoNotOptimize(parts);
    const frame::RecordLayout layout = frame::LayoutOf(parts);
    const std::uint64_t bytes = frame::AlignedLength(layout.length);
    std::uint64_t body_hash = 0;
    const ClaimWord before = segment.gate().Claim(bytes);
    if (!segment.gate().Fits(before, bytes)) [[unlikely]]
      Check(segment.Extend(PositionOf(before) + bytes));
    std::byte* at = segment.At(PositionOf(before));
    benchmark::DoNotOptimize(at);
    if constexpr (kStage >= kClock) {
      now = clock.Now();
      benchmark::DoNotOptimize(now);
    }
    if constexpr (kStage >= kFill) {
      std::byte* to = frame::FillRecord(at, layout, parts, now, RecordsOf(before));
      if constexpr (kStage >= kChecksum) {
        body_hash = CopyAndHash(to, std::as_bytes(std::span(value)));
      } else {
        std::memcpy(to, value.data(), value.size());
      }
      benchmark::ClobberMemory();
    }
    const std::uint32_t word = frame::LengthWord(frame::Kind::kRecord, layout.length);
    const frame::FrameHead head = frame::HeadOf(layout, now, RecordsOf(before));
    if constexpr (kStage == kChecksum) {
      const std::uint32_t checksum =
          frame::ChecksumOf(head, body_hash, word, PositionOf(before), segment.header().segment_id);
      std::memcpy(at + 4, &checksum, sizeof checksum);
      benchmark::ClobberMemory();
    }
    if constexpr (kStage == kCommit) {
      segment.Commit(at, word, before, head, body_hash);
      waiters.NotifyIfAny();
    }
  }
}

void RunCopy(benchmark::State& state, const Settings& settings) {
  StageSegment prepared(settings, state.max_iterations);
  prepared.PopulateAll();
  const std::string frame(FrameBytes(kValueBytes), 'v');
  std::byte* at = prepared.segment().At(frame::kSegmentHeaderBytes);
  for (auto _ : state) {
    std::memcpy(at, frame.data(), frame.size());
    benchmark::ClobberMemory();
    at += frame.size();
  }
}

void RunAppend(benchmark::State& state, const Settings& settings) {
  PopulatedFileSystem files;
  ScratchBroker scratch(settings, {.file_system = &files});
  const Topic topic = scratch.NewTopic("stages");
  const std::string value(kValueBytes, 'v');
  Record record;
  record.value = value;
  Check(topic.partition(0).Append(record).status());
  for (auto _ : state) {
    const auto offset = topic.partition(0).Append(record);
    if (!offset.ok()) [[unlikely]]
      Check(offset.status());
  }
}

// What Google Benchmark reports, by the name of the stage: nanoseconds per record.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) Check(absl::InternalError(run.error_message));
      std::string name = run.run_name.function_name;
      // Pure computation: what others run meanwhile does not count.
      nanos_[name.substr(std::strlen(kPrefix))] = run.GetAdjustedCPUTime();
    }
  }
  double Nanos(Stage stage) const { return nanos_.at(kStageNames[stage]); }

 private:
  std::map<std::string, double> nanos_;
};

class PartsContest final : public Contest {
 public:
  explicit PartsContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override {
    Collector collector;
    benchmark::RunSpecifiedBenchmarks(&collector, std::string("^") + kPrefix);
    copy_ = collector.Nanos(kCopy);
    std::vector<double> parts{collector.Nanos(kClaim)};
    for (const Stage stage : {kClock, kFill, kChecksum, kCommit, kAppend}) {
      parts.push_back(collector.Nanos(stage) - collector.Nanos(static_cast<Stage>(stage - 1)));
    }
    parts.push_back(1e9 * AppendSeconds(settings_, AppendMode::kAppend, kValueBytes) -
                    collector.Nanos(kAppend));
    return parts;
  }

  std::vector<double> MeasureLimit() override {
    std::vector<double> limits(AppendPartsSuite().rows.size(), kNoLimit);
    limits[2] = copy_;
    limits.back() = 1e9 * CopySeconds(settings_, kValueBytes) - copy_;
    return limits;
  }

 private:
  const Settings settings_;
  double copy_ = 0;
};

}  // namespace

void RegisterAppendStages(const Settings& settings) {
  const auto add = [&](Stage stage, void (*run)(benchmark::State&, const Settings&)) {
    const std::string name = std::string(kPrefix) + kStageNames[stage];
    return benchmark::RegisterBenchmark(
               name.c_str(), [run, settings](benchmark::State& state) { run(state, settings); })
        ->Iterations(RecordsIn(std::min(settings.log_bytes, kLargestStage), kValueBytes));
  };
  add(kCopy, RunCopy);
  add(kClaim, RunStage<kClaim>);
  add(kClock, RunStage<kClock>);
  add(kFill, RunStage<kFill>);
  add(kChecksum, RunStage<kChecksum>);
  add(kCommit, RunStage<kCommit>);
  add(kAppend, RunAppend);
}

Suite AppendPartsSuite() {
  const auto row = [](const char* part, const char* note) {
    return RowName{.name = std::string("append_100b.") + part,
                   .unit = "ns",
                   .note = std::string("lower is better; ") + note};
  };
  return {
      .name = "append_100b.parts",
      .rows = {row("claim", "layout, atomic add, check of the limit"),
               row("clock", "the coarse clock"),
               row("fill", "header and value; the limit copies as many bytes"),
               row("checksum", "of the value on its way, and of the head"),
               row("commit", "release store, index, committed end, waiters"),
               row("call", "the rest of Append: checks and results"),
               row("fresh",
                   "what fresh file pages add; the limit is what they add to the bare loop")},
      .open = [](const Settings& settings) { return std::make_unique<PartsContest>(settings); }};
}

}  // namespace daybook::bench
