#ifndef DAYBOOK_TORTURE_RUN_H_
#define DAYBOOK_TORTURE_RUN_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How a family of tests is run: it is a number of cases, each of which depends on its number and
// the seed alone, so any one can be repeated alone. Cases go to worker processes, so that a crash
// or a hang is found out, counted, and ends one case and not the run.

namespace daybook::torture {

// Sanitizers map terabytes that they never touch, and make everything several times slower.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kHasShadowMemory = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
inline constexpr bool kHasShadowMemory = true;
#else
inline constexpr bool kHasShadowMemory = false;
#endif
#else
inline constexpr bool kHasShadowMemory = false;
#endif

// What holds in no case was seen not to hold.
struct Violation {
  std::int64_t case_number = 0;
  std::string what;
};

// What cases found: figures, by name, and violations. One thread at a time.
class Tally {
 public:
  void Count(std::string_view figure, std::int64_t by = 1);
  // Of figures that are the largest of something.
  void CountMost(std::string_view figure, std::int64_t value);
  void Violate(std::string what);
  // Why something was left out.
  void Skip(std::string why);
  // There was no time for all of it.
  void CutShort() { is_cut_short_ = true; }
  // Of the case that is running, for what it violates.
  void Begin(std::int64_t case_number) { case_number_ = case_number; }
  void Merge(const Tally& other);

  std::int64_t operator[](const std::string& figure) const;
  const std::map<std::string, std::int64_t>& figures() const { return figures_; }
  const std::vector<Violation>& violations() const { return violations_; }
  std::vector<Violation> TakeViolations() { return std::exchange(violations_, {}); }
  const std::vector<std::string>& skipped() const { return skipped_; }
  bool is_cut_short() const { return is_cut_short_; }

  nlohmann::json ToJson() const;
  static Tally FromJson(const nlohmann::json& json);

 private:
  std::int64_t case_number_ = 0;
  std::map<std::string, std::int64_t> figures_;
  std::vector<Violation> violations_;
  std::vector<std::string> skipped_;
  bool is_cut_short_ = false;
};

// The settings that a family runs with.
enum class Shape {
  // Segments of 64 KiB whose files take their steps page by page, and small records: each path is
  // met thousands of times.
  kSmall,
  // What people run: the library's own settings (segments of 64 MiB, its steps, the broker's
  // threads), records of 10 bytes to 1 MiB.
  kDefault,
};
std::string_view NameOf(Shape shape);

struct RunOptions {
  std::string family;  // for progress
  Shape shape = Shape::kSmall;
  std::uint64_t seed = 1;
  // How much, in units of the family's own: cuts, kills, sizes. 0: all there is.
  std::int64_t amount = 0;
  // Processes; 0: everything happens in this one, for tests.
  int workers = 0;
  std::optional<std::int64_t> only_case = std::nullopt;
  // Not only one thing at a time: errors in pairs, all values of a byte, one more preemption.
  bool is_deep = false;
  // Cases that begin later are not run. 0: there is no such time.
  double most_seconds = 0;
  // For real files; must be there. Each case uses a directory of its own below it.
  std::string directory = "/tmp";
  // After so many violations the rest is not run.
  std::int64_t most_violations = 5;
  bool shows_progress = false;
  // A case that takes longer hangs.
  std::int64_t most_seconds_a_case = 300;
};

// The work of one case: returns how many units it was.
using CaseBody = std::function<std::int64_t(std::int64_t case_number, Tally& tally)>;

// Runs cases 0, 1, ... until there are `cases` of them, or the units reach the amount.
Tally RunCases(const RunOptions& options, std::int64_t cases, const CaseBody& body);

// Runs `body` in a process of its own, which a crash ends and nothing else; that is a violation.
void RunInChild(Tally& tally, const std::function<void(Tally&)>& body);

// A seed for one case.
std::uint64_t SeedOf(const RunOptions& options, std::int64_t case_number);

// As an amount for RunCases.
inline constexpr std::int64_t kUnbounded = std::int64_t{1} << 60;

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_RUN_H_
