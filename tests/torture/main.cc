#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "support/paths.h"
#include "torture/family.h"
#include "torture/planted.h"

namespace daybook::torture {
namespace {

constexpr int kViolated = 1;
constexpr int kUsage = 2;

enum class Budget { kQuick, kCi, kSoak };

struct Command {
  RunOptions options;
  Budget budget = Budget::kCi;
  std::string json_file;
  std::vector<std::string> families;
  std::optional<Shape> shape;  // none: each that there is
  double minutes = 0;
};

std::int64_t AmountOf(const Amounts& amounts, Budget budget) {
  switch (budget) {
    case Budget::kQuick:
      return amounts.quick;
    case Budget::kSoak:
      return amounts.soak;
    default:
      return amounts.ci;
  }
}

// The commit of the tree that the program was built from; empty where there is none.
std::string CommitOf() {
  std::string text;
  std::FILE* pipe = popen("git -C '" DAYBOOK_SOURCE_DIR
                          "' describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null",
                          "r");
  if (pipe == nullptr) return text;
  char line[128];
  if (std::fgets(line, sizeof line, pipe) != nullptr) text = line;
  pclose(pipe);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

nlohmann::json RunFamily(const Family& family, RunOptions options, Budget budget) {
  options.family = family.name;
  const std::int64_t asked =
      options.amount != 0 ? options.amount : AmountOf(family.asked.at(options.shape), budget);
  options.amount = asked;
  const auto start = std::chrono::steady_clock::now();
  const Tally tally = family.run(options);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const Violation& violation : tally.violations()) {
    std::fputs(
        absl::StrCat(family.name, ": case ", violation.case_number, ": ", violation.what,
                     "\n  repeat: daybook-torture ", family.name, " --shape ",
                     std::string(NameOf(options.shape)), options.is_deep ? " --budget soak" : "",
                     " --seed ", options.seed, " --case ", violation.case_number, "\n")
            .c_str(),
        stderr);
  }
  nlohmann::json row = tally.ToJson();
  row["family"] = family.name;
  row["shape"] = NameOf(options.shape);
  row["figure"] = family.figure;
  row["asked"] = asked;
  row["reached"] = tally[family.figure];
  row["seconds"] = seconds;
  row["seed"] = options.seed;
  const bool is_all = asked == 0 || !tally.skipped().empty() || options.only_case.has_value();
  const bool is_whole =
      (asked != 0 && tally[family.figure] >= asked) || (is_all && !tally.is_cut_short());
  row["verdict"] = !tally.violations().empty() ? "VIOLATED"
                   : tally[family.figure] == 0 ? "skipped"
                   : is_whole                  ? "held"
                   : options.most_seconds > 0  ? "held so far"
                                               : "not reached";
  return row;
}

void PrintRow(const nlohmann::json& row) {
  const auto asked = row.at("asked").get<std::int64_t>();
  std::printf(
      "%-17s %-8s %-26s %10s %10lld %8.1f s  %s\n", row.at("family").get<std::string>().c_str(),
      row.at("shape").get<std::string>().c_str(), row.at("figure").get<std::string>().c_str(),
      asked == 0 ? "all" : std::to_string(asked).c_str(),
      static_cast<long long>(row.at("reached").get<std::int64_t>()),
      row.at("seconds").get<double>(), row.at("verdict").get<std::string>().c_str());
  for (const auto& why : row.at("skipped")) {
    std::printf("  skipped: %s\n", why.get<std::string>().c_str());
  }
  std::fflush(stdout);
}

// A family in one of its shapes.
struct Run {
  const Family* family;
  Shape shape;
};

// Those that the command is about.
std::vector<Run> RunsOf(const std::vector<Family>& families, const Command& command) {
  std::vector<Run> runs;
  for (const Family& family : families) {
    if (!command.families.empty() && std::find(command.families.begin(), command.families.end(),
                                               family.name) == command.families.end()) {
      continue;
    }
    for (const auto& [shape, amounts] : family.asked) {
      if (!command.shape || *command.shape == shape) runs.push_back({&family, shape});
    }
  }
  return runs;
}

int RunFamilies(const Command& command) {
  const std::vector<Family> families = AllFamilies();
  nlohmann::json report = {{"seed", command.options.seed},
                           {"commit", CommitOf()},
                           {"workers", command.options.workers},
                           {"families", nlohmann::json::array()}};
  std::printf("%-17s %-8s %-26s %10s %10s %10s  %s\n", "family", "shape", "figure", "asked",
              "reached", "time", "verdict");
  bool is_held = true;
  double seconds_left = 60 * command.minutes;
  const std::vector<Run> runs = RunsOf(families, command);
  std::size_t runs_left = runs.size();
  for (const auto& [family, shape] : runs) {
    RunOptions options = command.options;
    options.shape = shape;
    options.is_deep = command.budget == Budget::kSoak;
    // To each its part of what is left.
    options.most_seconds = seconds_left / static_cast<double>(runs_left--);
    nlohmann::json row = RunFamily(*family, options, command.budget);
    if (seconds_left > 0)
      seconds_left = std::max(1.0, seconds_left - row.at("seconds").get<double>());
    PrintRow(row);
    is_held = is_held && row.at("verdict") != "VIOLATED" && row.at("verdict") != "not reached";
    report["families"].push_back(std::move(row));
  }
  report["held"] = is_held;
  if (!command.json_file.empty()) {
    std::ofstream file(command.json_file);
    file << report.dump(2) << '\n';
    if (!file.flush()) {
      std::fprintf(stderr, "daybook-torture: cannot write %s\n", command.json_file.c_str());
      return kUsage;
    }
  }
  return is_held ? 0 : kViolated;
}

int RunCommandLine(int argc, char** argv) {
  CLI::App app(
      "Faults of all kinds, made to happen to data directories of Daybook, and what must hold\n"
      "after each of them. A violation prints the command line that repeats it.\n"
      "Exit status: 0 everything held; 1 something did not; 2 wrong usage.",
      "daybook-torture");
  Command command;
  command.options.workers = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  command.options.shows_progress = true;
  const std::map<std::string, Budget> budgets = {
      {"quick", Budget::kQuick}, {"ci", Budget::kCi}, {"soak", Budget::kSoak}};
  const std::map<std::string, Shape> shapes = {{"small", Shape::kSmall},
                                               {"default", Shape::kDefault}};
  const auto add_options = [&](CLI::App& to) {
    to.add_option("--seed", command.options.seed, "Of everything that is random (1)");
    to.add_option("--budget", command.budget, "How much: quick, ci or soak (ci)")
        ->transform(CLI::CheckedTransformer(budgets))
        ->type_name("BUDGET");
    to.add_option("--shape", command.shape, "The settings: small or default (each that there is)")
        ->transform(CLI::CheckedTransformer(shapes))
        ->type_name("SHAPE");
    to.add_option("--workers", command.options.workers, "Processes (as many as there are cores)")
        ->check(CLI::Range(0, 64));
    to.add_option("--dir", command.options.directory, "For real files; must be there (/tmp)")
        ->check(CLI::ExistingDirectory);
    to.add_option("--minutes", command.minutes,
                  "For all of it: families that are not done in their part of the time stop there")
        ->check(CLI::PositiveNumber);
    to.add_option("--json", command.json_file, "Writes the report to this file, too")
        ->type_name("FILE");
  };
  app.require_subcommand(1);
  CLI::App* all = app.add_subcommand("all", "Every family");
  add_options(*all);
  for (const Family& family : AllFamilies()) {
    CLI::App* one = app.add_subcommand(family.name, family.about);
    add_options(*one);
    one->add_option("--amount,--runs", command.options.amount,
                    "How many " + family.figure + ", whatever the budget says");
    one->add_option("--case", command.options.only_case, "This case alone, in this process");
    one->callback([&command, name = family.name] { command.families = {name}; });
  }
#if defined(DAYBOOK_INSTRUMENTED)
  std::string only;
  CLI::App* planted = app.add_subcommand("planted", "One planted bug after the other is caught");
  add_options(*planted);
  planted->add_option("--bug", only, "This one alone");
#endif
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
#if defined(DAYBOOK_INSTRUMENTED)
  if (*planted) return RunPlanted(command.options, only, command.json_file);
#endif
  return RunFamilies(command);
}

}  // namespace
}  // namespace daybook::torture

int main(int argc, char** argv) {
  try {
    return daybook::torture::RunCommandLine(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "daybook-torture: %s\n", error.what());
    return 2;
  }
}
