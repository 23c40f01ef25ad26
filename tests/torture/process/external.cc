#include "torture/process/external.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "support/paths.h"
#include "torture/family.h"
#include "torture/scratch.h"

namespace daybook::torture {
namespace {

constexpr int kTargets = 9;

// What the command wrote to a JSON file. It says on stderr what it does.
std::optional<nlohmann::json> RunForJson(const std::string& command, const std::string& file,
                                         int* status) {
  *status = std::system(absl::StrCat(command, " --json '", file, "' >/dev/null").c_str());
  std::ifstream in(file);
  if (!in) return std::nullopt;
  nlohmann::json json = nlohmann::json::parse(in, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

bool CanRun(const std::string& command) {
  return std::system(absl::StrCat("command -v '", command, "' >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace

Tally RunSibling(const std::string& program, const RunOptions& options) {
  Tally tally;
  const std::filesystem::path path =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / program;
  if (!std::filesystem::exists(path)) {
    tally.Skip(
        absl::StrCat(program, " is not built: cmake --build --preset release --target ", program));
    return tally;
  }
  const ScratchDirectory scratch(options.directory);
  std::string command =
      absl::StrCat("'", path.string(), "' ", options.family, " --seed ", options.seed,
                   " --workers ", options.workers, " --amount ", options.amount);
  if (options.most_seconds > 0) absl::StrAppend(&command, " --minutes ", options.most_seconds / 60);
  if (options.is_deep) absl::StrAppend(&command, " --budget soak");
  if (options.only_case) absl::StrAppend(&command, " --case ", *options.only_case);
  int status = 0;
  const auto report = RunForJson(command, scratch.path() + "/report", &status);
  if (!report || !report->contains("families") || report->at("families").empty()) {
    tally.Violate(absl::StrCat(program, " did not report; its status was ", status));
    return tally;
  }
  return Tally::FromJson(report->at("families").front());
}

Tally RunFuzzTargets(const RunOptions& options) {
  Tally tally;
  const std::string script = DAYBOOK_SOURCE_DIR "/scripts/fuzz";
  if (!std::filesystem::exists(script) || !CanRun("clang++")) {
    tally.Skip("there is no clang++ here to build the fuzz targets with");
    return tally;
  }
  const ScratchDirectory scratch(options.directory);
  const int jobs = std::clamp(options.workers, 1, 2);
  std::int64_t seconds = std::max<std::int64_t>(1, options.amount);
  if (options.most_seconds > 0) {
    const auto share = static_cast<std::int64_t>(options.most_seconds * jobs / kTargets);
    seconds = std::clamp<std::int64_t>(share, 1, seconds);
  }
  int status = 0;
  const auto rows = RunForJson(absl::StrCat("'", script, "' --seconds ", seconds, " --jobs ", jobs),
                               scratch.path() + "/report", &status);
  if (!rows || rows->empty()) {
    tally.Violate(absl::StrCat("scripts/fuzz did not report; its status was ", status));
    return tally;
  }
  std::int64_t least = seconds;
  for (const nlohmann::json& row : *rows) {
    const auto target = row.at("target").get<std::string>();
    const auto executions = row.at("executions").get<std::int64_t>();
    least = std::min(least, row.at("seconds").get<std::int64_t>());
    tally.Count("executions", executions);
    tally.Count("targets");
    if (row.at("crashes") != 0 || executions == 0) {
      tally.Violate(
          absl::StrCat("the target ", target, " found something: see build/fuzz/", target, ".log"));
    }
  }
  tally.Count("seconds a target", least);
  return tally;
}

Family FuzzFamily() {
  return {.name = "fuzz",
          .about = "libFuzzer on every file format, on directories and on operations",
          .figure = "seconds a target",
          .asked = {{Shape::kSmall, {.quick = 1, .ci = 60, .soak = 14'400}}},
          .run = RunFuzzTargets};
}

}  // namespace daybook::torture
