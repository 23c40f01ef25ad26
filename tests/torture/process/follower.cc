#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/broker.h"
#include "daybook/reader.h"
#include "torture/disk/mounts.h"
#include "torture/family.h"
#include "torture/hostile.h"
#include "torture/process/follower_writer.h"
#include "torture/scratch.h"

// A process writes, and is killed and started again; this one follows it read-only all the time,
// and is compared record by record with what the other has got acknowledged. The writer appends,
// batches, commits and aborts transactions, rolls, adds partitions, deletes topics and makes them
// again, closes and opens again; and it dies in transactions and claims, or closes and is gone.
// After that there is nobody who writes for a while: then a reader that comes late sees all that
// was acknowledged, too, and ends. So does one after a restart of the machine that took nothing
// from the files.

namespace daybook::torture {
namespace {

constexpr int kKillsOfCase = 20;
// Of a case that hangs nothing else is seen: far more than a follower takes.
constexpr std::chrono::seconds kStandstill{20};

// Reads the topics, as they are in one life, and remembers where it is.
class Follower {
 public:
  Follower(const std::string& directory, FileSystem& file_system, const HostileValues& values,
           Shared& shared, Tally& tally)
      : values_(values), shared_(shared), tally_(tally) {
    auto broker =
        Broker::Open(directory, {.access = BrokerAccess::kReadOnly, .file_system = &file_system});
    if (!broker.ok()) {
      tally_.Violate("cannot be opened read-only: " + broker.status().ToString());
      return;
    }
    broker_ = *std::move(broker);
  }

  // Reads what there is now.
  void Read() {
    for (std::size_t topic = 0; topic < kTopics && is_good(); ++topic) ReadTopic(topic);
  }

  // Everything that was acknowledged is read, but for what is behind something that is open.
  bool HasAll(bool is_writer_alive) {
    for (std::size_t topic = 0; topic < kTopics; ++topic) {
      if (topic == kAgain && shared_.is_changing) continue;
      for (std::size_t i = 0; i < kPartitions; ++i) {
        Shared::Log& log = shared_.logs[topic][i];
        if (is_writer_alive && log.is_blocked) continue;
        // Of a topic that was made again nothing was read yet, and there may be nothing to read.
        const bool is_new = topic == kAgain && seen_[topic].life != shared_.life;
        for (std::uint32_t n = is_new ? 0 : seen_[topic].next[i]; n < log.next; ++n) {
          if (log.is_acknowledged[n]) {
            missing_ = absl::StrCat(kNames[topic], "-", i, ": ", n, " was acknowledged");
            return false;
          }
        }
      }
    }
    return true;
  }
  const std::string& missing() const { return missing_; }
  std::int64_t records() const { return records_; }
  bool is_good() const { return broker_ != nullptr && tally_.violations().empty(); }

  // Whether its readers say that there is nothing more.
  bool IsAtEnd() {
    for (auto& seen : seen_) {
      if (!seen.reader) continue;
      const auto is_at_end = seen.reader->AtEnd();
      if (!is_at_end.ok() || !*is_at_end) return false;
    }
    return true;
  }

 private:
  struct Seen {
    std::optional<Reader> reader;
    std::optional<std::uint32_t> reader_life;  // of the records that this reader has read
    std::uint32_t life = 0;
    std::array<std::uint32_t, kPartitions> next{};
  };

  void ReadTopic(std::size_t topic) {
    Seen& seen = seen_[topic];
    for (int polls = 0; polls < 1000 && is_good(); ++polls) {
      if (!seen.reader) {
        auto reader = Reader::Open(*broker_, kNames[topic]);
        if (absl::IsNotFound(reader.status()) && topic == kAgain) return;
        if (!reader.ok()) return Violate(topic, "open: " + reader.status().ToString());
        seen.reader.emplace(*std::move(reader));
        seen.reader_life.reset();
        if (topic == kAgain) seen.next = {};
      }
      const auto batch = seen.reader->Poll({});
      if (absl::IsNotFound(batch.status()) && topic == kAgain) {  // told
        seen.reader.reset();
        continue;
      }
      if (!batch.ok()) return Violate(topic, "poll: " + batch.status().ToString());
      if (batch->empty()) return;
      for (const RecordView& record : *batch) Take(topic, batch->partition(), record, seen);
    }
  }

  void Take(std::size_t topic, int partition, const RecordView& record, Seen& seen) {
    std::array<std::uint32_t, 3> numbers{};
    const char* at = record.value.data();
    const char* const end = at + record.value.size();
    for (std::uint32_t& number : numbers) {
      const auto [next, error] = std::from_chars(at, end, number);
      if (error != std::errc() || next == end) return Violate(topic, "a foreign record");
      at = next + 1;
    }
    const auto [life, number, is_never] = numbers;
    const auto which = static_cast<std::size_t>(partition);
    ++records_;
    if (record.value != ValueOf(values_, life, number, is_never != 0, record.value.size())) {
      return Violate(topic,
                     absl::StrCat("not what was appended: ", number, " in partition ", partition));
    }
    if (is_never != 0) return Violate(topic, "a record of no committed transaction");
    if (seen.reader_life && *seen.reader_life != life) {
      return Violate(topic, "one reader reads a topic and the one that was made in its stead");
    }
    if (life < seen.life) return Violate(topic, "a topic that was deleted, once more");
    seen.reader_life = life;
    seen.life = life;
    if (number < seen.next[which]) {
      return Violate(
          topic, absl::StrCat("again or out of order: ", number, " after ", seen.next[which] - 1));
    }
    // Numbers that were not acknowledged may be missing.
    for (std::uint32_t n = seen.next[which]; n < number; ++n) {
      const bool is_current = topic != kAgain || (!shared_.is_changing && life == shared_.life);
      if (shared_.logs[topic][which].is_acknowledged[n] && is_current &&
          (topic != kAgain || life == shared_.life)) {
        return Violate(
            topic, absl::StrCat("passed over: ", n, " in partition ", partition, " before ", number,
                                " at offset ", record.offset.value()));
      }
    }
    seen.next[which] = number + 1;
  }

  void Violate(std::size_t topic, const std::string& what) {
    if (is_good()) tally_.Violate(absl::StrCat(kNames[topic], ": ", what));
  }

  const HostileValues& values_;
  Shared& shared_;
  Tally& tally_;
  std::unique_ptr<Broker> broker_;
  std::array<Seen, kTopics> seen_;
  std::string missing_;
  std::int64_t records_ = 0;
};

class FollowerCase {
 public:
  FollowerCase(const std::string& below, Shape shape, std::uint64_t seed, Tally& tally)
      : directory_(below), shape_(shape), values_(shape), random_(seed), tally_(tally) {}

  std::int64_t Run(std::int64_t kills) {
    if (!Prepare()) return 0;
    auto follower = Open(tally_);
    std::int64_t done = 0;
    while (done < kills && tally_.violations().empty()) {
      OneLife(*follower);
      ++done;
      if (follower->is_good() && random_() % 6 == 0) {
        tally_.Count("records read", follower->records());
        follower.reset();
        Reboot();
        follower = Open(tally_);
      }
    }
    tally_.Count("kills", done);
    tally_.Count("records read", follower->records());
    return done;
  }

 private:
  FileSystem& files() { return *file_system_; }
  std::unique_ptr<Follower> Open(Tally& tally) {
    return std::make_unique<Follower>(directory_.path(), files(), values_, *shared_, tally);
  }

  // The machine, and with it everybody who reads. Nothing that was written is lost by that here.
  void Reboot() {
    // At kProcess, what lies behind an open claim is as if a power cut had torn it, unless somebody
    // has recovered it before.
    if (shared_->has_left_claims.exchange(false)) Recover();
    file_system_ = std::make_unique<AfterReboot>(++boots_, random_() % 4 != 0);
    tally_.Count("reboots");
    CheckLate();
  }

  bool Prepare() {
    auto broker = Broker::Open(directory_.path(), {.file_system = &files()});
    absl::Status status = broker.status();
    for (std::size_t topic = 0; topic < kTopics && status.ok(); ++topic) {
      status = (*broker)->CreateTopic(kNames[topic], OptionsOf(shape_, topic));
    }
    if (!status.ok()) tally_.Violate("preparing: " + status.ToString());
    return status.ok();
  }

  bool Await(Follower& follower, bool is_writer_alive) {
    const auto until = std::chrono::steady_clock::now() + kStandstill;
    while (follower.is_good() && !follower.HasAll(is_writer_alive)) {
      follower.Read();
      if (std::chrono::steady_clock::now() > until) {
        Tally late_tally;
        const auto late = Open(late_tally);
        for (int i = 0; i < 20; ++i) late->Read();
        tally_.Violate(absl::StrCat(is_writer_alive ? "beside the writer" : "after its death",
                                    " a follower stands still: ", follower.missing(),
                                    late->HasAll(is_writer_alive) ? "; a late one does not" : ""));
      }
      sched_yield();
    }
    return follower.is_good();
  }

  void OneLife(Follower& follower) {
    shared_->operations = 0;
    shared_->is_paused = false;
    shared_->is_asked_to_close = false;
    shared_->pause_at = static_cast<std::int64_t>(random_() % 400);
    const std::uint64_t seed = random_();
    const pid_t writer = fork();
    if (writer == 0) WriteForEver(directory_.path(), files(), shape_, seed, *shared_);
    if (writer < 0) throw std::runtime_error("no process can be started");
    // Half of them are killed at some moment of their work, as they open among them.
    const std::int64_t enough =
        random_() % 2 == 0 ? kUnbounded : static_cast<std::int64_t>(random_() % 300);
    int status = 0;
    pid_t ended = 0;
    while (ended == 0 && !shared_->is_paused && shared_->operations < enough &&
           follower.is_good()) {
      shared_->is_reader_away = ReaderLooksAway(seed) && shared_->is_changing;
      if (!shared_->is_reader_away) follower.Read();
      ended = waitpid(writer, &status, WNOHANG);
    }
    if (ended == 0 && shared_->is_paused) Await(follower, true);
    if (ended == 0 && shared_->is_paused && random_() % 3 == 0) {
      shared_->is_asked_to_close = true;
      while (ended == 0 && follower.is_good()) {
        follower.Read();
        ended = waitpid(writer, &status, WNOHANG);
      }
      tally_.Count("closes");
    }
    if (ended == 0) {
      kill(writer, SIGKILL);
      waitpid(writer, &status, 0);
    }
    if (!WIFSIGNALED(status) && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
      tally_.Violate(absl::StrCat("the writer ended by itself: status ", status));
    }
    if (!follower.is_good()) return;
    // Now and then the next one comes at once.
    if (random_() % 4 != 0) {
      if (Await(follower, false)) CheckLate();
    }
    if (random_() % 4 == 0) Recover();
    for (auto& logs : shared_->logs) {
      for (Shared::Log& log : logs) log.is_blocked = false;
    }
  }

  // Who comes when all is over reads all of it, and then is told that it is at the end.
  void CheckLate() {
    const auto late = Open(tally_);
    for (int tries = 0; tries < 20 && late->is_good() && !late->HasAll(false); ++tries) {
      late->Read();
    }
    late->Read();
    if (!late->is_good()) return;
    if (!late->HasAll(false)) tally_.Violate("a late reader misses " + late->missing());
    if (!late->IsAtEnd()) tally_.Violate("a late reader does not come to the end");
  }

  // One that only opens, closes, and reads everything between: what it finds is the same.
  void Recover() {
    auto broker = Broker::Open(directory_.path(), {.file_system = &files()});
    if (!broker.ok()) return tally_.Violate("cannot be opened: " + broker.status().ToString());
    for (const char* name : kNames) {
      const auto topic = (*broker)->OpenTopic(name);
      if (!topic.ok()) continue;  // it died while that was made
      for (int i = 0; i < topic->partitions(); ++i) {
        const auto end = topic->partition(i).end_offset();
        if (!end.ok()) tally_.Violate("end: " + end.status().ToString());
      }
    }
  }

  const ScratchDirectory directory_;
  const Shape shape_;
  const HostileValues values_;
  std::mt19937_64 random_;
  Tally& tally_;
  int boots_ = 0;
  std::unique_ptr<FileSystem> file_system_ = std::make_unique<AfterReboot>(boots_);
  InSharedMemory<Shared> shared_;
};

}  // namespace

Family FollowerFamily() {
  return {.name = "follower",
          .about = "a reader beside a process that writes and is killed, compared with it",
          .figure = "kills",
          .asked = {{Shape::kSmall, {.quick = 20, .ci = 400, .soak = 20'000}},
                    {Shape::kDefault, {.quick = 10, .ci = 400, .soak = 20'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              const std::int64_t kills = options.amount == 0
                                             ? kKillsOfCase
                                             : std::min<std::int64_t>(options.amount, kKillsOfCase);
              return FollowerCase(options.directory, options.shape, SeedOf(options, number), tally)
                  .Run(kills);
            });
          }};
}

}  // namespace daybook::torture
