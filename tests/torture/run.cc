#include "torture/run.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::torture {

std::string_view NameOf(Shape shape) { return shape == Shape::kSmall ? "small" : "default"; }

void Tally::Count(std::string_view figure, std::int64_t by) { figures_[std::string(figure)] += by; }

void Tally::CountMost(std::string_view figure, std::int64_t value) {
  // Told from sums by its name when tallies are merged.
  std::int64_t& most = figures_[absl::StrCat("most ", std::string(figure))];
  most = std::max(most, value);
}

void Tally::Violate(std::string what) { violations_.push_back({case_number_, std::move(what)}); }

void Tally::Skip(std::string why) {
  if (std::find(skipped_.begin(), skipped_.end(), why) == skipped_.end()) {
    skipped_.push_back(std::move(why));
  }
}

void Tally::Merge(const Tally& other) {
  for (const auto& [figure, value] : other.figures_) {
    std::int64_t& mine = figures_[figure];
    mine = figure.rfind("most ", 0) == 0 ? std::max(mine, value) : mine + value;
  }
  violations_.insert(violations_.end(), other.violations_.begin(), other.violations_.end());
  for (const std::string& why : other.skipped_) Skip(why);
  is_cut_short_ = is_cut_short_ || other.is_cut_short_;
}

std::int64_t Tally::operator[](const std::string& figure) const {
  const auto found = figures_.find(figure);
  return found == figures_.end() ? 0 : found->second;
}

nlohmann::json Tally::ToJson() const {
  nlohmann::json json = {{"figures", figures_}, {"violations", nlohmann::json::array()}};
  for (const Violation& violation : violations_) {
    json["violations"].push_back({{"case", violation.case_number}, {"what", violation.what}});
  }
  json["skipped"] = skipped_;
  json["cut_short"] = is_cut_short_;
  return json;
}

Tally Tally::FromJson(const nlohmann::json& json) {
  Tally tally;
  tally.figures_ = json.at("figures").get<std::map<std::string, std::int64_t>>();
  for (const auto& violation : json.at("violations")) {
    tally.violations_.push_back(
        {violation.at("case").get<std::int64_t>(), violation.at("what").get<std::string>()});
  }
  tally.skipped_ = json.at("skipped").get<std::vector<std::string>>();
  tally.is_cut_short_ = json.at("cut_short").get<bool>();
  return tally;
}

std::uint64_t SeedOf(const RunOptions& options, std::int64_t case_number) {
  // SplitMix64: neighbours have nothing in common.
  std::uint64_t z = options.seed * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(case_number + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kMostWorkers = 64;
constexpr rlim_t kMostMemory = rlim_t{4} << 30;
constexpr std::chrono::milliseconds kLook{50};
constexpr std::chrono::milliseconds kReportEvery{200};

// What the processes of a run share.
struct Shared {
  const Clock::time_point start = Clock::now();
  std::atomic<std::int64_t> next_case{0};
  std::atomic<std::int64_t> units{0};
  std::atomic<std::int64_t> violations{0};
  std::atomic<std::int64_t> running[kMostWorkers] = {};  // case and one; 0: none
};

bool IsOutOfTime(const RunOptions& options, const Shared& shared) {
  return options.most_seconds > 0 &&
         std::chrono::duration<double>(Clock::now() - shared.start).count() >= options.most_seconds;
}

bool IsEnough(const RunOptions& options, const Shared& shared) {
  return (options.amount != 0 && shared.units >= options.amount) ||
         shared.violations >= options.most_violations || IsOutOfTime(options, shared);
}

void RunOne(const CaseBody& body, std::int64_t number, Shared& shared, Tally& tally) {
  Tally one;
  one.Begin(number);
  shared.units += body(number, one);
  shared.violations += static_cast<std::int64_t>(one.violations().size());
  tally.Merge(one);
}

struct Worker {
  pid_t process = -1;
  std::FILE* results = nullptr;  // a line of JSON every now and then
  std::int64_t last_case = 0;
  Clock::time_point since;
};

void Report(const Tally& tally, std::FILE* to) {
  const std::string line =
      tally.ToJson().dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  std::fwrite(line.data(), 1, line.size(), to);
  std::fflush(to);
}

[[noreturn]] void RunWorker(const RunOptions& options, std::int64_t cases, const CaseBody& body,
                            int which, Shared& shared, std::FILE* results) {
  // What takes memory without end ends this process, and not the machine.
  if (!kHasShadowMemory) {
    const rlimit most{.rlim_cur = kMostMemory, .rlim_max = kMostMemory};
    setrlimit(RLIMIT_DATA, &most);
  }
  Tally tally;
  auto reported = Clock::now();
  while (!IsEnough(options, shared)) {
    const std::int64_t number = shared.next_case.fetch_add(1);
    if (number >= cases) break;
    shared.running[which] = number + 1;
    RunOne(body, number, shared, tally);
    if (Clock::now() - reported > kReportEvery) {
      Report(std::exchange(tally, Tally()), results);
      reported = Clock::now();
    }
  }
  Report(tally, results);
  _exit(0);
}

// Progress for who waits: on a terminal one line that changes, otherwise one every few seconds.
class Progress {
 public:
  explicit Progress(const RunOptions& options)
      : options_(options), is_terminal_(isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (has_line_) std::fputs("\r\033[K", stderr);
  }

  void Show(std::int64_t units) {
    if (!options_.shows_progress) return;
    const auto now = Clock::now();
    if (now < next_) return;
    next_ = now + (is_terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(15));
    const double seconds = std::chrono::duration<double>(now - start_).count();
    if (seconds < 0.1) return;
    const std::string of = options_.amount == 0 ? "" : absl::StrCat(" of ", options_.amount);
    std::fprintf(stderr, "%s%s: %lld%s, %.0f s%s", is_terminal_ ? "\r\033[K" : "",
                 options_.family.c_str(), static_cast<long long>(units), of.c_str(), seconds,
                 is_terminal_ ? "" : "\n");
    has_line_ = is_terminal_;
    std::fflush(stderr);
  }

 private:
  const RunOptions& options_;
  const bool is_terminal_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
  bool has_line_ = false;
};

void CollectResults(std::FILE* results, Tally& total) {
  std::rewind(results);
  std::string line;
  for (int c = std::fgetc(results); c != EOF; c = std::fgetc(results)) {
    if (c != '\n') {
      line.push_back(static_cast<char>(c));
      continue;
    }
    total.Merge(Tally::FromJson(nlohmann::json::parse(line)));
    line.clear();
  }
  std::fclose(results);
}

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) {
    return absl::StrCat("crash: the process ended with signal ", WTERMSIG(status), " (",
                        strsignal(WTERMSIG(status)), ")");
  }
  return absl::StrCat("crash: the process ended with status ", WEXITSTATUS(status));
}

Tally RunInWorkers(const RunOptions& options, std::int64_t cases, const CaseBody& body) {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  Shared& shared = *new (memory) Shared;
  Tally total;
  Progress progress(options);
  std::vector<Worker> workers(static_cast<std::size_t>(std::min(options.workers, kMostWorkers)));
  const auto start = [&](std::size_t which) {
    Worker& worker = workers[which];
    shared.running[which] = 0;
    worker.results = std::tmpfile();
    if (worker.results == nullptr) throw std::bad_alloc();
    std::fflush(nullptr);
    worker.process = fork();
    if (worker.process < 0) throw std::bad_alloc();
    if (worker.process == 0) {
      RunWorker(options, cases, body, static_cast<int>(which), shared, worker.results);
    }
    worker.since = Clock::now();
  };
  for (std::size_t i = 0; i < workers.size(); ++i) start(i);
  for (std::size_t left = workers.size(); left != 0;) {
    std::this_thread::sleep_for(kLook);
    progress.Show(shared.units);
    for (std::size_t i = 0; i < workers.size(); ++i) {
      Worker& worker = workers[i];
      if (worker.process < 0) continue;
      const std::int64_t running = shared.running[i];
      if (running != worker.last_case) {
        worker.last_case = running;
        worker.since = Clock::now();
      }
      const bool hangs =
          Clock::now() - worker.since > std::chrono::seconds(options.most_seconds_a_case);
      if (hangs) kill(worker.process, SIGKILL);
      int status = 0;
      if (waitpid(worker.process, &status, hangs ? 0 : WNOHANG) != worker.process) continue;
      worker.process = -1;
      CollectResults(worker.results, total);
      --left;
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
      total.Begin(running - 1);
      total.Count(hangs ? "hangs" : "crashes");
      total.Violate(
          hangs ? absl::StrCat("hang: it took longer than ", options.most_seconds_a_case, " s")
                : HowItEnded(status));
      if (++shared.violations < options.most_violations && running != 0) {
        start(i);
        ++left;
      }
    }
  }
  if (shared.next_case < cases && IsOutOfTime(options, shared)) total.CutShort();
  munmap(memory, sizeof(Shared));
  return total;
}

}  // namespace

void RunInChild(Tally& tally, const std::function<void(Tally&)>& body) {
  std::FILE* results = std::tmpfile();
  if (results == nullptr) throw std::bad_alloc();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::bad_alloc();
  if (child == 0) {
    Tally inner;
    body(inner);
    Report(inner, results);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  Tally inner;
  CollectResults(results, inner);
  for (const Violation& violation : inner.TakeViolations()) {
    tally.Violate(violation.what);  // of the case that runs here
  }
  tally.Merge(inner);
  if (status == 0) return;
  tally.Count("crashes");
  tally.Violate(HowItEnded(status));
}

Tally RunCases(const RunOptions& options, std::int64_t cases, const CaseBody& body) {
  if (options.only_case) {
    Shared shared;
    Tally tally;
    RunOne(body, *options.only_case, shared, tally);
    return tally;
  }
  if (options.workers > 0) return RunInWorkers(options, cases, body);
  Shared shared;
  Tally tally;
  while (shared.next_case < cases && !IsEnough(options, shared)) {
    RunOne(body, shared.next_case++, shared, tally);
  }
  if (shared.next_case < cases && IsOutOfTime(options, shared)) tally.CutShort();
  return tally;
}

}  // namespace daybook::torture
