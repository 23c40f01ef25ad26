#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/broker.h"
#include "torture/family.h"
#include "torture/hostile.h"
#include "torture/process/victim.h"
#include "torture/scratch.h"

// A real process is killed while it appends records of 64 KiB to 16 MiB of one kind (hostile.h)
// beside small ones, at the sizes that people use: a topic of the default settings, or one for
// large records, and the broker's own threads. Every record that was acknowledged must be there
// afterwards, byte for byte, and opening must look at little more than what was appended since the
// last opening. Each case has a directory of its own, so that it stays small; in every other one
// the segment is nearly full at the beginning, so that kills hit rolls, too.

namespace daybook::torture {
namespace {

constexpr int kKillsOfCase = 10;
constexpr std::size_t kLeastBytes = 64 << 10;
constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr std::size_t kMostOfDefault = (std::size_t{1} << 20) - 1024;
// Every so many records one is of any size; the others are as small as a large one may be.
constexpr std::int64_t kAnySizeEvery = 3;
// So many small records come beside each beginning and each end of a large one, at the most: what
// was appended must be read again after each kill.
constexpr std::int64_t kSmallBesideStep = 2'000;
// A kill comes after so many beginnings and ends of large records at the most.
constexpr std::uint64_t kMostSteps = 10;
// And if whoever kills comes late, the victim waits after some more.
constexpr std::int64_t kStepsTooMany = 4;
// Opening may walk over and hash so much for each byte that was appended since the last opening;
// and a record that was not acknowledged may be among them.
constexpr std::int64_t kScannedPerByte = 2;
constexpr std::int64_t kScannedByAny = std::int64_t{1} << 20;
constexpr std::size_t kAroundRecord = 64;

struct Kind {
  Hostile hostile;
  const char* name;
};
constexpr Kind kKinds[] = {{Hostile::kRandom, "random bytes"},
                           {Hostile::kIntegers, "int64 values"},
                           {Hostile::kFloats, "floats"},
                           {Hostile::kExecutable, "an executable"},
                           {Hostile::kSegment, "a segment file"},
                           {Hostile::kFrameHeads, "heads of frames"},
                           {Hostile::kCompressed, "compressed bytes"},
                           {Hostile::kZeroRuns, "runs of zeros"}};

struct TopicKind {
  const char* name;
  std::int64_t segment_bytes;
  std::size_t most_bytes;
};
constexpr TopicKind kTopics[] = {{"default", std::int64_t{64} << 20, kMostOfDefault},
                                 {"large", std::int64_t{128} << 20, kMostBytes}};

// The first thread of the victim appends the large records.
constexpr std::size_t kThreads = 3;

// What the victims have got acknowledged, in memory that outlives them.
struct Acknowledged {
  std::array<std::atomic<std::int64_t>, kThreads> next;
  // Of large records, begun and done.
  std::atomic<std::int64_t> steps;
  std::atomic<std::int64_t> most_steps;
};

// Of all cases: it takes long to make.
const std::string& BytesOf(Hostile kind) {
  static std::map<Hostile, std::string> made;
  std::string& bytes = made[kind];
  if (bytes.empty()) {
    // Making more takes long; the same again is as hostile.
    const std::string part = HostileBytes(kind, std::size_t{1} << 20, 17);
    while (bytes.size() < kMostBytes + part.size()) bytes += part;
  }
  return bytes;
}

class Values {
 public:
  Values(Hostile kind, std::size_t most_bytes, std::uint64_t seed)
      : bytes_(BytesOf(kind)), most_bytes_(most_bytes), seed_(seed) {}

  // What the thread appends as its record of that number; `small` holds it, if it is a small one.
  std::string_view ValueOf(std::size_t thread, std::int64_t sequence, std::string& small) const {
    const std::uint64_t seed = seed_ ^ (thread << 56) ^ static_cast<std::uint64_t>(sequence);
    if (thread != 0) {
      small = absl::StrCat(thread, " ", sequence, " ");
      small.append(seed % 64, '.');
      return small;
    }
    std::mt19937_64 random(seed);
    std::size_t bytes = kLeastBytes;
    if (sequence % kAnySizeEvery == 1) {
      // As many of 64 to 128 KiB as of 8 to 16 MiB.
      for (auto doublings = random() % 8; doublings != 0 && 2 * bytes <= most_bytes_; --doublings) {
        bytes *= 2;
      }
    }
    bytes = std::min(bytes + random() % bytes, most_bytes_);
    return std::string_view(bytes_).substr(random() % (bytes_.size() - bytes + 1) / 8 * 8, bytes);
  }

 private:
  const std::string& bytes_;
  const std::size_t most_bytes_;
  const std::uint64_t seed_;
};

void AppendForEver(Partition& partition, std::size_t thread, const Values& values,
                   Acknowledged& acknowledged) {
  std::string small;
  const std::int64_t first = acknowledged.next[thread];
  const std::int64_t first_step = acknowledged.steps;
  for (std::int64_t next = first;; ++next) {
    while (thread == 0 ? acknowledged.steps >= acknowledged.most_steps
                       : next - first >= kSmallBesideStep * (acknowledged.steps - first_step + 1)) {
      sched_yield();
    }
    Record record;
    record.value = values.ValueOf(thread, next, small);
    if (thread == 0) acknowledged.steps.fetch_add(1);
    if (!partition.Append(record).ok()) _exit(5);
    acknowledged.next[thread].store(next + 1);
    if (thread == 0) acknowledged.steps.fetch_add(1);
  }
}

[[noreturn]] void RunVictim(const std::string& directory, const TopicKind& kind,
                            const Values& values, Acknowledged& acknowledged) {
  auto broker = Broker::Open(directory);
  if (!broker.ok()) _exit(3);
  auto topic = (*broker)->OpenTopic(kind.name);
  if (!topic.ok()) _exit(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { AppendForEver(topic->partition(0), i, values, acknowledged); });
  }
  for (;;) pause();
}

class KillLargeCase {
 public:
  KillLargeCase(const std::string& below, const Kind& kind, const TopicKind& topic,
                std::uint64_t seed, Tally& tally)
      : directory_(below),
        kind_(kind),
        topic_(topic),
        random_(seed),
        values_(kind.hostile, topic.most_bytes, random_()),
        tally_(tally) {}

  std::int64_t Run(std::int64_t kills) {
    if (!Prepare()) return 0;
    std::int64_t done = 0;
    while (done < kills && tally_.violations().empty()) {
      KillOne();
      ++done;
      if (tally_.violations().empty()) CheckAll();
    }
    tally_.Count("kills", done);
    tally_.Count(absl::StrCat("kills beside ", kind_.name, ", ", topic_.name, " topic"), done);
    std::int64_t records = 0;
    for (const auto& next : acknowledged_->next) records += next;
    tally_.Count("acknowledged records", records);
    return done;
  }

 private:
  bool Prepare() {
    auto broker = Broker::Open(directory_.path());
    absl::Status status = broker.status();
    TopicOptions options;
    if (topic_.most_bytes == kMostBytes) {
      options.segment_bytes = topic_.segment_bytes;
      options.max_record_bytes = std::int64_t{17} << 20;
    }
    if (status.ok()) status = (*broker)->CreateTopic(topic_.name, options);
    if (status.ok() && random_() % 2 == 0) status = FillUp(**broker);
    if (!status.ok()) tally_.Violate(absl::StrCat("preparing: ", status.ToString()));
    return status.ok();
  }

  // Until some records more begin a new segment.
  absl::Status FillUp(Broker& broker) {
    const auto topic = broker.OpenTopic(topic_.name);
    if (!topic.ok()) return topic.status();
    std::string small;
    const auto room = static_cast<std::int64_t>(topic_.most_bytes + random_() % topic_.most_bytes);
    for (std::int64_t filled = 0; filled < topic_.segment_bytes - room;) {
      const std::string_view value = values_.ValueOf(0, acknowledged_->next[0], small);
      Record record;
      record.value = value;
      const auto offset = topic->partition(0).Append(record);
      if (!offset.ok()) return offset.status();
      ++acknowledged_->next[0];
      filled += static_cast<std::int64_t>(value.size());
    }
    found_[0] = acknowledged_->next[0];
    checked_ = Offset(found_[0]);
    return absl::OkStatus();
  }

  void KillOne() {
    // Within a large append, or between two, and then at a random moment.
    const std::int64_t enough =
        acknowledged_->steps + 1 + static_cast<std::int64_t>(random_() % kMostSteps);
    std::uint64_t more = random_() % 200;
    acknowledged_->most_steps = enough + kStepsTooMany;
    KillAmid(
        tally_, [&] { RunVictim(directory_.path(), topic_, values_, *acknowledged_); },
        [&] { return acknowledged_->steps >= enough && more-- == 0; });
  }

  void CheckAll() {
    auto broker = Broker::Open(directory_.path());
    if (!broker.ok()) return tally_.Violate("cannot be opened: " + broker.status().ToString());
    const auto topic = (*broker)->OpenTopic(topic_.name);
    if (!topic.ok()) return tally_.Violate("lost: " + topic.status().ToString());
    std::int64_t appended = static_cast<std::int64_t>(topic_.most_bytes);
    CheckPartition(topic->partition(0), &appended);
    const std::int64_t scanned = (*broker)->recovery_report().bytes_scanned;
    tally_.Count("scanned bytes", scanned);
    tally_.Count("appended bytes", appended);
    if (scanned > kScannedPerByte * appended + kScannedByAny) {
      tally_.Violate(absl::StrCat("to open it, ", scanned, " bytes were looked at, and ", appended,
                                  " had been appended"));
    }
    for (std::size_t i = 0; i < kThreads; ++i) {
      const std::int64_t least = acknowledged_->next[i];
      if (found_[i] != least && found_[i] != least + 1) {
        tally_.Violate(absl::StrCat(found_[i] < least ? "lost: " : "", "thread ", i, " had ", least,
                                    " acknowledged, and there are ", found_[i]));
      }
      acknowledged_->next[i] = found_[i];
    }
  }

  void CheckPartition(Partition& partition, std::int64_t* appended) {
    std::string small;
    for (;;) {
      const auto batch = partition.Read(checked_);
      if (!batch.ok()) return tally_.Violate("damage: " + batch.status().ToString());
      if (batch->empty()) return;
      for (const RecordView& record : *batch) {
        const std::size_t thread = ThreadOf(record.value);
        if (record.value != values_.ValueOf(thread, found_[thread], small)) {
          return tally_.Violate(absl::StrCat("wrong: offset ", record.offset.value(), " of the ",
                                             topic_.name, " topic is not record ", found_[thread],
                                             " of thread ", thread, ", beside ", kind_.name));
        }
        ++found_[thread];
        *appended += static_cast<std::int64_t>(record.value.size() + kAroundRecord);
      }
      checked_ = batch->next_offset();
    }
  }

  static std::size_t ThreadOf(std::string_view value) {
    if (value.size() >= kLeastBytes) return 0;
    return value.substr(0, 1) == "1" ? 1 : 2;
  }

  const ScratchDirectory directory_;
  const Kind& kind_;
  const TopicKind& topic_;
  std::mt19937_64 random_;
  const Values values_;
  Tally& tally_;
  InSharedMemory<Acknowledged> acknowledged_;
  std::array<std::int64_t, kThreads> found_{};
  Offset checked_;
};

std::int64_t RunCase(const RunOptions& options, std::int64_t number, Tally& tally) {
  const auto which = static_cast<std::size_t>(number);
  const Kind& kind = kKinds[which % std::size(kKinds)];
  const TopicKind& topic = kTopics[which / std::size(kKinds) % std::size(kTopics)];
  // Of few kills each kind has some, too.
  const std::int64_t kills =
      options.amount == 0
          ? kKillsOfCase
          : std::clamp<std::int64_t>(
                options.amount / static_cast<std::int64_t>(std::size(kKinds) * std::size(kTopics)),
                1, kKillsOfCase);
  return KillLargeCase(options.directory, kind, topic, SeedOf(options, number), tally).Run(kills);
}

}  // namespace

Family KillLargeFamily() {
  return {.name = "kill-large",
          .about = "killed amid records of 64 KiB to 16 MiB that look like anything, by default",
          .figure = "kills",
          .asked = {{Shape::kDefault, {.quick = 3, .ci = 320, .soak = 16'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              return RunCase(options, number, tally);
            });
          }};
}

}  // namespace daybook::torture
