#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/broker.h"
#include "torture/family.h"
#include "torture/hostile.h"
#include "torture/scratch.h"

// A real process is killed while it appends records of 64 KiB to 16 MiB that look like anything
// (hostile.h) beside small ones, at the sizes that people use: a topic of the default settings, one
// for large records, and the broker's own threads. Every record that was acknowledged must be there
// afterwards, byte for byte, and opening must not take more than the files' size explains.

namespace daybook::torture {
namespace {

constexpr int kKillsOfCase = 10;
constexpr std::size_t kLeastBytes = 64 << 10;
constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr std::size_t kMostOfDefault = (std::size_t{1} << 20) - 1024;
// So much may be hashed or walked over for each byte of the files.
constexpr std::int64_t kScannedPerByte = 3;

// What a thread of the victim does.
struct Appender {
  const char* topic;
  std::size_t most_bytes;  // 0: small records
};
constexpr std::array<Appender, 5> kAppenders = {{{"default", kMostOfDefault},
                                                 {"default", 0},
                                                 {"default", 0},
                                                 {"large", kMostBytes},
                                                 {"large", 0}}};

// What the victims have got acknowledged, in memory that outlives them.
struct Acknowledged {
  std::array<std::atomic<std::int64_t>, kAppenders.size()> next;
  // Of large records, begun and done.
  std::atomic<std::int64_t> steps;
};

// Of all cases: it takes long to make.
const HostilePool& Pool() {
  static const HostilePool pool(kMostBytes + (1 << 20), 17);
  return pool;
}

class Values {
 public:
  explicit Values(std::uint64_t seed) : seed_(seed) {}

  // What the thread appends as its record of that number.
  std::string ValueOf(std::size_t thread, std::int64_t sequence) const {
    const std::uint64_t seed = seed_ ^ (thread << 56) ^ static_cast<std::uint64_t>(sequence);
    if (kAppenders[thread].most_bytes == 0) {
      std::string value = absl::StrCat(thread, " ", sequence, " ");
      value.append(seed % 64, '.');
      return value;
    }
    // As many of 64 to 128 KiB as of 8 to 16 MiB.
    std::mt19937_64 random(seed);
    std::size_t bytes = kLeastBytes;
    while (2 * bytes <= kAppenders[thread].most_bytes && random() % 4 != 0) bytes *= 2;
    bytes += random() % bytes;
    return std::string(Pool().Payload(std::min(bytes, kAppenders[thread].most_bytes), random()));
  }

 private:
  const std::uint64_t seed_;
};

void AppendForEver(Partition& partition, std::size_t which, const Values& values,
                   Acknowledged& acknowledged) {
  const bool is_large = kAppenders[which].most_bytes != 0;
  for (std::int64_t next = acknowledged.next[which];; ++next) {
    const std::string value = values.ValueOf(which, next);
    Record record;
    record.value = value;
    if (is_large) acknowledged.steps.fetch_add(1);
    if (!partition.Append(record).ok()) _exit(5);
    acknowledged.next[which].store(next + 1);
    if (is_large) acknowledged.steps.fetch_add(1);
  }
}

[[noreturn]] void RunVictim(const std::string& directory, const Values& values,
                            Acknowledged& acknowledged) {
  auto broker = Broker::Open(directory);
  if (!broker.ok()) _exit(3);
  std::vector<Topic> topics;
  for (const Appender& appender : kAppenders) {
    auto topic = (*broker)->OpenTopic(appender.topic);
    if (!topic.ok()) _exit(4);
    topics.push_back(*std::move(topic));
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kAppenders.size(); ++i) {
    threads.emplace_back(
        [&, i] { AppendForEver(topics[i].partition(0), i, values, acknowledged); });
  }
  for (;;) pause();
}

class KillLargeCase {
 public:
  KillLargeCase(const std::string& below, std::uint64_t seed, Tally& tally)
      : directory_(below), random_(seed), values_(random_()), tally_(tally) {
    Pool();
  }

  std::int64_t Run(std::int64_t kills) {
    if (!Prepare()) return 0;
    std::int64_t done = 0;
    while (done < kills && tally_.violations().empty()) {
      KillOne();
      ++done;
      if (tally_.violations().empty()) CheckAll();
    }
    tally_.Count("kills", done);
    std::int64_t records = 0;
    for (const auto& next : acknowledged_->next) records += next;
    tally_.Count("acknowledged records", records);
    return done;
  }

 private:
  bool Prepare() {
    auto broker = Broker::Open(directory_.path());
    absl::Status status = broker.status();
    if (status.ok()) status = (*broker)->CreateTopic("default");
    TopicOptions options;
    options.segment_bytes = std::int64_t{128} << 20;
    options.max_record_bytes = std::int64_t{17} << 20;
    if (status.ok()) status = (*broker)->CreateTopic("large", options);
    if (!status.ok()) tally_.Violate(absl::StrCat("preparing: ", status.ToString()));
    return status.ok();
  }

  void KillOne() {
    // Within a large append, or between two, and then at a random moment.
    const std::int64_t enough =
        acknowledged_->steps + 1 + static_cast<std::int64_t>(random_() % 24);
    const std::uint64_t more = random_() % 2000;
    const pid_t victim = fork();
    if (victim == 0) RunVictim(directory_.path(), values_, *acknowledged_);
    if (victim < 0) throw std::runtime_error("no process can be started");
    int status = 0;
    pid_t ended = 0;
    while (acknowledged_->steps < enough && ended == 0) {
      ended = waitpid(victim, &status, WNOHANG);
      sched_yield();
    }
    for (std::uint64_t i = 0; i < more && ended == 0; ++i) sched_yield();
    if (ended == 0) {
      kill(victim, SIGKILL);
      waitpid(victim, &status, 0);
    }
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
      tally_.Violate(absl::StrCat("the victim ended by itself: status ", status));
    }
  }

  std::int64_t BytesOfFiles() const {
    std::int64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
      if (entry.is_regular_file()) bytes += static_cast<std::int64_t>(entry.file_size());
    }
    return bytes;
  }

  void CheckAll() {
    auto broker = Broker::Open(directory_.path());
    if (!broker.ok()) return tally_.Violate("cannot be opened: " + broker.status().ToString());
    for (const char* name : {"default", "large"}) {
      const auto topic = (*broker)->OpenTopic(name);
      if (!topic.ok()) return tally_.Violate("lost: " + topic.status().ToString());
      CheckPartition(topic->partition(0));
    }
    const std::int64_t scanned = (*broker)->recovery_report().bytes_scanned;
    tally_.Count("scanned bytes", scanned);
    if (scanned > kScannedPerByte * BytesOfFiles()) {
      tally_.Violate(absl::StrCat("to open it, ", scanned, " bytes were looked at, of files of ",
                                  BytesOfFiles()));
    }
    for (std::size_t i = 0; i < kAppenders.size(); ++i) {
      const std::int64_t least = acknowledged_->next[i];
      if (found_[i] != least && found_[i] != least + 1) {
        tally_.Violate(absl::StrCat(found_[i] < least ? "lost: " : "", "thread ", i, " had ", least,
                                    " acknowledged, and there are ", found_[i]));
      }
      acknowledged_->next[i] = found_[i];
    }
  }

  void CheckPartition(Partition& partition) {
    Offset& at = checked_[std::string(partition.topic())];
    for (;;) {
      const auto batch = partition.Read(at);
      if (!batch.ok()) return tally_.Violate("damage: " + batch.status().ToString());
      if (batch->empty()) return;
      for (const RecordView& record : *batch) {
        const std::size_t thread = ThreadOf(partition.topic(), record.value);
        if (record.value != values_.ValueOf(thread, found_[thread])) {
          return tally_.Violate(absl::StrCat("wrong: offset ", record.offset.value(), " of ",
                                             std::string(partition.topic()), " is not record ",
                                             found_[thread], " of thread ", thread));
        }
        ++found_[thread];
      }
      at = batch->next_offset();
    }
  }

  static std::size_t ThreadOf(std::string_view topic, std::string_view value) {
    for (std::size_t i = 0; i < kAppenders.size(); ++i) {
      if (topic != kAppenders[i].topic) continue;
      const bool is_large = value.size() >= kLeastBytes;
      if (is_large == (kAppenders[i].most_bytes != 0) &&
          (is_large || value.substr(0, 1) == std::to_string(i))) {
        return i;
      }
    }
    return 0;
  }

  const ScratchDirectory directory_;
  std::mt19937_64 random_;
  const Values values_;
  Tally& tally_;
  InSharedMemory<Acknowledged> acknowledged_;
  std::array<std::int64_t, kAppenders.size()> found_{};
  std::map<std::string, Offset> checked_;
};

}  // namespace

Family KillLargeFamily() {
  return {.name = "kill-large",
          .about = "killed amid records of 64 KiB to 16 MiB that look like anything, by default",
          .figure = "kills",
          .asked = {{Shape::kDefault, {.quick = 3, .ci = 100, .soak = 5'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              const std::int64_t kills = options.amount == 0
                                             ? kKillsOfCase
                                             : std::min<std::int64_t>(options.amount, kKillsOfCase);
              return KillLargeCase(options.directory, SeedOf(options, number), tally).Run(kills);
            });
          }};
}

}  // namespace daybook::torture
