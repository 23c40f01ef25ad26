#include "consumer/run/offset_tracker.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "catch.h"

namespace daybook {
namespace {

// What a tracker has to answer, without any cleverness.
class NaiveTracker {
 public:
  explicit NaiveTracker(Offset start) : position_(start) {}

  void Dispatch(Offset offset) {
    is_finished_[offset] = false;
    position_ = offset + 1;
  }
  void PassTo(Offset next) { position_ = std::max(position_, next); }
  void Finish(Offset offset) { is_finished_[offset] = true; }

  Offset committable() const {
    for (const auto& [offset, is_finished] : is_finished_) {
      if (!is_finished) return offset;
    }
    return position_;
  }
  std::size_t size() const {
    const Offset first = committable();
    return static_cast<std::size_t>(
        std::count_if(is_finished_.begin(), is_finished_.end(),
                      [&](const auto& entry) { return entry.first >= first; }));
  }

 private:
  std::map<Offset, bool> is_finished_;
  Offset position_;
};

}  // namespace

TEST_CASE("The committable offset is that of the first unfinished record") {
  struct Step {
    std::string what;
    std::int64_t offset = 0;
    std::int64_t committable = 0;
  };
  const std::vector<std::vector<Step>> tables = {
      // In order.
      {{"out", 5, 5}, {"out", 6, 5}, {"done", 5, 6}, {"done", 6, 7}},
      // The last one first.
      {{"out", 5, 5}, {"out", 6, 5}, {"out", 7, 5}, {"done", 7, 5}, {"done", 6, 5}, {"done", 5, 8}},
      // Offsets that hold nothing, between records and after the last.
      {{"out", 7, 7}, {"out", 9, 7}, {"done", 7, 9}, {"pass", 12, 9}, {"done", 9, 12}},
      // Nothing but those.
      {{"pass", 20, 20}, {"out", 20, 20}, {"done", 20, 21}},
      // One at a time.
      {{"out", 5, 5}, {"done", 5, 6}, {"out", 6, 6}, {"done", 6, 7}, {"out", 8, 8}, {"done", 8, 9}},
  };
  for (std::size_t table = 0; table < tables.size(); ++table) {
    OffsetTracker tracker(Offset(5));
    CHECK(tracker.committable() == Offset(5));
    std::map<std::int64_t, OffsetTracker::Ticket> tickets;
    for (const Step& step : tables[table]) {
      INFO("table " << table << ": " << step.what << " " << step.offset);
      if (step.what == "out") tickets[step.offset] = tracker.Dispatch(Offset(step.offset));
      if (step.what == "done") tracker.Finish(tickets.at(step.offset));
      if (step.what == "pass") tracker.PassTo(Offset(step.offset));
      CHECK(tracker.committable() == Offset(step.committable));
    }
    CHECK(tracker.size() == 0);
  }
}

TEST_CASE("A tracker agrees with a naive one over random orders, gaps and sizes") {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const auto below = [&](std::uint32_t bound) { return static_cast<int>(random() % bound); };
    const Offset start(below(100));
    OffsetTracker tracker(start);
    NaiveTracker naive(start);
    struct Out {
      Offset offset;
      OffsetTracker::Ticket ticket;
    };
    std::vector<Out> out;
    const int bound = 1 + below(60);
    for (int step = 0; step < 400; ++step) {
      const bool hands_out = out.empty() || (below(2) == 0 && static_cast<int>(out.size()) < bound);
      if (hands_out) {
        const Offset offset = tracker.position() + (below(4) == 0 ? below(5) : 0);
        out.push_back({offset, tracker.Dispatch(offset)});
        naive.Dispatch(offset);
        if (below(8) == 0) {
          const Offset next = tracker.position() + below(3);
          tracker.PassTo(next);
          naive.PassTo(next);
        }
      } else {
        const auto chosen = out.begin() + below(static_cast<std::uint32_t>(out.size()));
        tracker.Finish(chosen->ticket);
        naive.Finish(chosen->offset);
        out.erase(chosen);
      }
      REQUIRE(tracker.committable() == naive.committable());
      REQUIRE(tracker.size() == naive.size());
    }
  }
}

}  // namespace daybook
