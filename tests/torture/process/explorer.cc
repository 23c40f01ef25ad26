#include "torture/process/explorer.h"

#if defined(DAYBOOK_INSTRUMENTED)

#include <ucontext.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/scheduler.h"

namespace daybook::torture {
namespace {

constexpr std::size_t kStackBytes = std::size_t{256} << 10;
constexpr std::size_t kNobody = SIZE_MAX;
constexpr std::int64_t kMostPoints = 1'000'000;

// A place in a schedule where more than one thread could go on.
struct Decision {
  std::vector<std::size_t> choices;  // the one that is running comes first, if it can go on
  std::size_t chosen = 0;            // of `choices`
};

// The way from the first decision to the last one, and from there to the next way.
class Path {
 public:
  explicit Path(const ExploreOptions& options) : options_(options) {}

  // What the next decision of this run is; `choices` must be the same as the last time.
  std::size_t Next(const std::vector<std::size_t>& choices) {
    if (depth_ == decisions_.size()) decisions_.push_back({.choices = choices});
    Decision& decision = decisions_[depth_++];
    if (decision.choices != choices) {
      is_repeatable_ = false;
      decision = {.choices = choices};
    }
    return decision.choices[decision.chosen];
  }
  // False when all were run.
  bool Advance() {
    depth_ = 0;
    while (!decisions_.empty()) {
      Decision& last = decisions_.back();
      // Those that differ first at this decision belong to one part.
      const bool is_ours = HasOtherBefore() || decisions_.size() % options_.parts == options_.part;
      if (is_ours && last.chosen + 1 < last.choices.size()) {
        ++last.chosen;
        return true;
      }
      decisions_.pop_back();
    }
    return false;
  }
  bool is_repeatable() const { return is_repeatable_; }
  std::string ToString() const {
    std::string text;
    for (std::size_t i = 0; i < decisions_.size(); ++i) {
      if (decisions_[i].chosen == 0) continue;
      absl::StrAppend(&text, text.empty() ? "" : ", ", "thread ",
                      decisions_[i].choices[decisions_[i].chosen], " at decision ", i);
    }
    return text;
  }

 private:
  // Whether a decision before the last one is not the first choice.
  bool HasOtherBefore() {
    for (std::size_t i = 0; i + 1 < decisions_.size(); ++i) {
      if (decisions_[i].chosen != 0) return true;
    }
    return false;
  }

  const ExploreOptions options_;
  std::vector<Decision> decisions_;
  std::size_t depth_ = 0;
  bool is_repeatable_ = true;
};

// Threads as fibers of this one, of which one at a time runs.
class FiberScheduler final : public Scheduler {
 public:
  FiberScheduler(int preemptions, Path& path) : preemptions_left_(preemptions), path_(path) {}

  // False when nobody could go on before all had ended.
  bool Run(std::vector<std::function<void()>> bodies) {
    bodies_ = std::move(bodies);
    fibers_.resize(bodies_.size());
    for (std::size_t i = 0; i < fibers_.size(); ++i) {
      if (stacks_.size() <= i) stacks_.push_back(std::make_unique<char[]>(kStackBytes));
      getcontext(&fibers_[i].context);
      fibers_[i].context.uc_stack.ss_sp = stacks_[i].get();
      fibers_[i].context.uc_stack.ss_size = kStackBytes;
      fibers_[i].context.uc_link = nullptr;
      const auto self = reinterpret_cast<std::uintptr_t>(this);
      makecontext(&fibers_[i].context, reinterpret_cast<void (*)()>(&Enter), 2,
                  static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
    }
    scheduler = this;
    running_ = Choose(kNobody);
    swapcontext(&outside_, &fibers_[running_].context);
    scheduler = nullptr;
    return !is_stuck_;
  }

  void Point() override {
    if (is_asking_) return;
    ++points_;
    if (preemptions_left_ == 0 && points_ < kMostPoints) return;
    GoOn(Choose(running_));
  }

  void WaitUntil(const std::function<bool()>& is_ready) override {
    fibers_[running_].is_ready = &is_ready;
    if (!IsReady(running_)) GoOn(Choose(kNobody));
    fibers_[running_].is_ready = nullptr;
  }

  std::int64_t points() const { return points_; }

 private:
  struct Fiber {
    ucontext_t context{};
    const std::function<bool()>* is_ready = nullptr;  // null: it is
    bool has_ended = false;
  };

  static void Enter(unsigned high, unsigned low) {
    auto* const self = reinterpret_cast<FiberScheduler*>(std::uintptr_t{high} << 32 | low);
    const std::size_t number = self->running_;
    self->bodies_[number]();
    self->fibers_[number].has_ended = true;
    self->GoOn(self->Choose(kNobody));
  }

  bool IsReady(std::size_t number) {
    const Fiber& fiber = fibers_[number];
    if (fiber.has_ended) return false;
    if (fiber.is_ready == nullptr) return true;
    is_asking_ = true;  // what it looks at is no step of anybody
    const bool is_ready = (*fiber.is_ready)();
    is_asking_ = false;
    return is_ready;
  }

  // Who goes on; `running` is the one that could, or nobody.
  std::size_t Choose(std::size_t running) {
    if (points_ >= kMostPoints) return kNobody;  // somebody turns in a circle
    choices_.clear();
    if (running != kNobody) choices_.push_back(running);
    for (std::size_t i = 0; i < fibers_.size(); ++i) {
      if (i != running && IsReady(i)) choices_.push_back(i);
    }
    if (choices_.empty()) return kNobody;
    if (choices_.size() == 1) return choices_.front();
    const std::size_t next = path_.Next(choices_);
    if (running != kNobody && next != running) --preemptions_left_;
    return next;
  }

  void GoOn(std::size_t next) {
    const std::size_t before = running_;
    if (next == before) return;
    if (next == kNobody) {
      // All have ended, or those that have not are left where they are.
      for (const Fiber& fiber : fibers_) is_stuck_ = is_stuck_ || !fiber.has_ended;
      swapcontext(&fibers_[before].context, &outside_);
      return;
    }
    running_ = next;
    swapcontext(&fibers_[before].context, &fibers_[next].context);
  }

  // Made once, as all of them together take longer to make than a schedule to run.
  static inline std::vector<std::unique_ptr<char[]>> stacks_;

  int preemptions_left_;
  Path& path_;
  std::vector<std::function<void()>> bodies_;
  std::vector<Fiber> fibers_;
  std::vector<std::size_t> choices_;
  ucontext_t outside_{};
  std::size_t running_ = kNobody;
  std::int64_t points_ = 0;
  bool is_stuck_ = false;
  bool is_asking_ = false;
};

}  // namespace

Exploration Explore(const std::function<std::unique_ptr<Scenario>()>& make,
                    const ExploreOptions& options) {
  Exploration exploration;
  Path path(options);
  do {
    std::unique_ptr<Scenario> scenario = make();
    FiberScheduler fibers(options.preemptions, path);
    const bool has_ended = fibers.Run(scenario->Threads());
    exploration.most_points = std::max(exploration.most_points, fibers.points());
    ++exploration.schedules;
    if (!has_ended) {
      exploration.violation = "nobody can go on: a deadlock, or a wake that was lost";
      // Its threads are in the middle of something, and may hold what its end would need.
      static_cast<void>(scenario.release());
    } else if (!path.is_repeatable()) {
      exploration.violation = "the same schedule did something else than before";
    } else {
      exploration.violation = scenario->Verdict();
    }
    if (!exploration.violation.empty()) {
      absl::StrAppend(&exploration.violation, " [", path.ToString(), "]");
      return exploration;
    }
    if (std::chrono::steady_clock::now() >= options.deadline) return exploration;
  } while (path.Advance());
  exploration.is_complete = true;
  return exploration;
}

}  // namespace daybook::torture

#endif  // DAYBOOK_INSTRUMENTED
