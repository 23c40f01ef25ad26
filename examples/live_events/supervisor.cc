#include "supervisor.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "audit.h"
#include "scoreboard.h"
#include "source.h"
#include "timeline.h"

namespace live_events {
namespace {

using Clock = std::chrono::steady_clock;

// A worker that gets nowhere for so long is hung.
constexpr std::chrono::seconds kPatience{60};

namespace fs = std::filesystem;

// Removes what a run leaves, and nothing else. The scoreboard last: it marks the folder as ours.
absl::Status RemoveLeftovers(const Options& options) {
  std::error_code error;
  fs::remove_all(options.LogDirectory(), error);
  if (!error) fs::remove(options.ScoreboardPath(), error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat(options.directory, " cannot be cleared: ", error.message()));
  }
  return absl::OkStatus();
}

absl::Status PrepareDirectory(const Options& options) {
  std::error_code error;
  if (fs::exists(options.ScoreboardPath(), error)) {
    const absl::Status removed = RemoveLeftovers(options);
    if (!removed.ok()) return removed;
  }
  fs::create_directories(options.directory, error);
  if (!error && !fs::is_empty(options.directory, error) && !error) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.directory, " holds something else; name another with --directory"));
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat(options.directory, " cannot be set up: ",
                                               error.message(), "; name another with --directory"));
  }
  return absl::OkStatus();
}

absl::StatusOr<pid_t> StartWorker(const Options& options, int run) {
  std::vector<std::string> words = {"live_events",
                                    "--worker-run",
                                    absl::StrCat(run),
                                    "--events",
                                    absl::StrCat(options.events),
                                    "--directory",
                                    options.directory,
                                    "--data",
                                    options.data};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  std::fflush(nullptr);  // or both processes would print what is in the buffer
  const pid_t pid = fork();
  if (pid < 0) {
    return absl::UnavailableError(absl::StrCat("fork: ", std::strerror(errno)));
  }
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // the worker is not to outlive its supervisor
    execv("/proc/self/exe", arguments.data());
    _exit(127);
  }
  return pid;
}

// Watches the worker: samples the counters and shows them.
class Watch {
 public:
  Watch(const Options& options, Scoreboard& board)
      : options_(options), board_(board), on_terminal_(isatty(STDOUT_FILENO) != 0) {}

  // Waits until the worker has ended by itself (0: well) or `delivered` events are delivered; a
  // worker that gets nowhere is killed. The wait status, or -1 while it runs.
  int WaitFor(pid_t worker, std::int64_t delivered) {
    Clock::time_point last_progress = Clock::now();
    std::int64_t progress = -1;
    while (true) {
      Look();
      if (samples_.back().delivered >= delivered) return -1;
      int status = 0;
      if (waitpid(worker, &status, WNOHANG) == worker) {
        Look();
        ClearLine();
        return status;
      }
      const Totals& totals = board_.totals();
      const std::int64_t now = totals.appended + totals.deliveries;
      if (now != progress) {
        progress = now;
        last_progress = Clock::now();
      } else if (Clock::now() - last_progress > kPatience) {
        Say("the worker gets nowhere; killing it");
        kill(worker, SIGKILL);
        progress = -1;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  // Prints a line, with the time before it.
  void Say(const std::string& text) {
    ClearLine();
    std::printf("  %6.2f s  %s\n", Seconds(), text.c_str());
    std::fflush(stdout);
  }

  Sample Look() {
    const Totals& totals = board_.totals();
    const std::int64_t delivered = totals.delivered.load();
    samples_.push_back({.seconds = Seconds(),
                        // A consumer may have an event before its producer has counted it.
                        .appended = std::max(totals.appended.load(), delivered),
                        .appended_bytes = totals.appended_bytes.load(),
                        .delivered = delivered,
                        .deliveries = totals.deliveries.load(),
                        .delivered_bytes = totals.delivered_bytes.load()});
    Show(samples_.back());
    return samples_.back();
  }

  // The sample at which the worker of this run had begun to work, or the last one.
  Sample BeginOfRun(std::size_t from) const {
    for (std::size_t at = from; at + 1 < samples_.size(); ++at) {
      if (samples_[at + 1].deliveries > samples_[from].deliveries ||
          samples_[at + 1].appended_bytes > samples_[from].appended_bytes) {
        return samples_[at];
      }
    }
    return samples_.back();
  }

  const std::vector<Sample>& samples() const { return samples_; }

 private:
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  void Show(const Sample& now) {
    const std::chrono::milliseconds pause(on_terminal_ ? 50 : 1000);
    if (Clock::now() - shown_at_ < pause) return;
    const Rate rate = RateBetween(shown_, now);
    shown_ = now;
    shown_at_ = Clock::now();
    std::printf("%s  %6.2f s  %s  %3lld%% in  %3lld%% out %10s/s%s", on_terminal_ ? "\r" : "",
                now.seconds, Bar(now.delivered, now.appended, options_.events, 28).c_str(),
                static_cast<long long>(now.appended * 100 / options_.events),
                static_cast<long long>(now.delivered * 100 / options_.events),
                Grouped(static_cast<std::int64_t>(rate.events_out)).c_str(),
                on_terminal_ ? "" : "\n");
    std::fflush(stdout);
    line_is_open_ = on_terminal_;
  }

  void ClearLine() {
    if (line_is_open_) std::printf("\r%78s\r", "");
    line_is_open_ = false;
  }

  const Options& options_;
  Scoreboard& board_;
  const bool on_terminal_;
  bool line_is_open_ = false;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point shown_at_ = Clock::now();
  Sample shown_;
  std::vector<Sample> samples_;
};

std::string Ending(int status) {
  if (WIFSIGNALED(status)) return absl::StrCat("was ended by signal ", WTERMSIG(status));
  return absl::StrCat("ended with status ", WEXITSTATUS(status));
}

void PrintRate(const char* what, const Sample& begin, const Sample& end) {
  const Rate rate = RateBetween(begin, end);
  std::printf("  %-22s %7.2f s %11s/s in %6.0f MB/s %11s/s out %6.0f MB/s\n", what,
              end.seconds - begin.seconds,
              Grouped(static_cast<std::int64_t>(rate.events_in)).c_str(), rate.megabytes_in,
              Grouped(static_cast<std::int64_t>(rate.events_out)).c_str(), rate.megabytes_out);
}

// Both rates over the whole time, the kill marked.
void PrintGraphs(const std::vector<Sample>& samples, std::size_t kill) {
  constexpr int kWidth = 68;
  std::printf("\n  in   |%s|\n", Graph(samples, &Sample::appended_bytes, kWidth).c_str());
  std::printf("  out  |%s|\n", Graph(samples, &Sample::delivered_bytes, kWidth).c_str());
  const double share = samples[kill].seconds / samples.back().seconds;
  std::printf("        %*s\n", static_cast<int>(share * kWidth) + 6, "^ kill");
}

// The first run, up to its kill: where in the samples that was.
absl::StatusOr<std::size_t> RunAndKill(const Options& options, Watch& watch) {
  // Not to the event, and not at a moment at which the worker has just finished something.
  std::mt19937_64 random(options.seed);
  const std::int64_t jitter = std::max<std::int64_t>(options.events / 50, 1);
  const std::int64_t goal = std::clamp<std::int64_t>(
      options.events * options.kill_at / 100 + static_cast<std::int64_t>(random() % jitter), 1,
      options.events - 1);
  const std::chrono::microseconds delay(random() % 1000);

  const absl::StatusOr<pid_t> worker = StartWorker(options, 1);
  if (!worker.ok()) return worker.status();
  watch.Say(absl::StrCat("worker ", *worker, " starts on an empty log"));
  int status = watch.WaitFor(*worker, goal);
  if (status == -1) {
    std::this_thread::sleep_for(delay);
    kill(*worker, SIGKILL);
    waitpid(*worker, &status, 0);
  }
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
    return absl::InternalError(
        absl::StrCat("the worker ", Ending(status), " before it was killed; see above"));
  }
  const Sample at_kill = watch.Look();
  watch.Say(absl::StrCat("worker ", *worker, " killed (SIGKILL): ", Grouped(at_kill.appended),
                         " appended, ", Grouped(at_kill.delivered), " delivered"));
  return watch.samples().size() - 1;
}

absl::Status RunToTheEnd(const Options& options, Scoreboard& board, Watch& watch) {
  const absl::StatusOr<pid_t> worker = StartWorker(options, 2);
  if (!worker.ok()) return worker.status();
  watch.Say(absl::StrCat("worker ", *worker, " starts on what is there"));
  const int status = watch.WaitFor(*worker, options.events + 1);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(absl::StrCat("the worker ", Ending(status), "; see above"));
  }
  const Totals& totals = board.totals();
  watch.Say(absl::StrCat("worker ", *worker, " ends: everything appended, delivered, committed"));
  std::printf(
      "\n  restart: opened in %.0f ms; %s events read back in %.2f s to find the last one of each\n"
      "           key; %s claims that the kill had cut short made padding\n\n",
      static_cast<double>(totals.open_nanos.load()) / 1e6, Grouped(totals.replayed.load()).c_str(),
      static_cast<double>(totals.replay_nanos.load()) / 1e9,
      Grouped(totals.claims_padded.load()).c_str());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> RunSupervisor(const Options& options) {
  const absl::StatusOr<Source> source = Source::Load(options.data);
  if (!source.ok()) return source.status();
  const absl::Status prepared = PrepareDirectory(options);
  if (!prepared.ok()) return prepared;
  const absl::StatusOr<std::unique_ptr<Scoreboard>> board = Scoreboard::Create(
      options.ScoreboardPath(), options.events, static_cast<int>(source->streams().size()));
  if (!board.ok()) return board.status();

  std::printf(
      "\n  %s real events into %d topics of %d partitions: %d producers,\n"
      "  %d consumers of the group %s. In one process, which is killed part way.\n\n",
      Grouped(options.events).c_str(), kTopicCount, kPartitions, kProducers, kConsumers,
      std::string(kGroup).c_str());
  Watch watch(options, **board);
  const absl::StatusOr<std::size_t> kill = RunAndKill(options, watch);
  if (!kill.ok()) return kill.status();
  const absl::Status finished = RunToTheEnd(options, **board, watch);
  if (!finished.ok()) return finished;

  PrintRate("before the kill", watch.BeginOfRun(0), watch.samples()[*kill]);
  PrintRate("after the restart", watch.BeginOfRun(*kill), watch.samples().back());
  PrintGraphs(watch.samples(), *kill);

  const absl::StatusOr<bool> kept = Audit(options, *source, **board);
  if (!kept.ok() || !*kept) return kept;
  if (options.keep) {
    std::printf("  The log is in %s.\n", options.LogDirectory().c_str());
  } else {
    const absl::Status removed = RemoveLeftovers(options);
    if (!removed.ok()) return removed;
  }
  std::printf("\n");
  return true;
}

}  // namespace live_events
