#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "torture/disk/power_cut.h"
#include "torture/family.h"
#include "torture/workload.h"

// Not at random but all there is: every sequence of up to so many operations, on a topic of each
// level of durability, with the power cut at each write and sync and after each operation.

namespace daybook::torture {
namespace {

constexpr char kDirectory[] = "/data";
constexpr int kLength = 3;
constexpr int kSoakLength = 4;

std::int64_t SequencesUpTo(int length) {
  std::int64_t count = 0;
  std::int64_t of_this_length = 1;
  for (int i = 0; i < length; ++i) {
    of_this_length *= kOperations;
    count += of_this_length;
  }
  return count;
}

// The sequence of that number, shorter ones first.
std::vector<Operation> SequenceOf(std::int64_t number) {
  int length = 1;
  std::int64_t of_this_length = kOperations;
  while (number >= of_this_length) {
    number -= of_this_length;
    of_this_length *= kOperations;
    ++length;
  }
  std::vector<Operation> sequence;
  for (int i = 0; i < length; ++i) {
    sequence.push_back(static_cast<Operation>(number % kOperations));
    number /= kOperations;
  }
  return sequence;
}

void RunSequence(Shape shape, std::size_t topic, const std::vector<Operation>& sequence,
                 std::uint64_t seed, Tally& tally) {
  std::string names;
  for (const Operation operation : sequence) {
    absl::StrAppend(&names, " ", std::string(NameOf(operation)));
  }
  Model model;
  SimulatedFileSystem disk;
  Tally found;
  PowerCutter cutter(shape, model, seed + 1, found);
  Workload workload(disk, kDirectory, seed, StandardTopics(shape), model,
                    [&](const absl::Status& status, std::string_view what) {
                      found.Violate(absl::StrCat(std::string(what), ": ", status.ToString()));
                    });
  workload.AlwaysWorkAhead();
  workload.Fix(topic, 0);
  cutter.CutAtChanges(disk);
  for (const Operation operation : sequence) {
    workload.Do(operation);
    cutter.Cut(disk);
  }
  disk.SetHook(nullptr);
  workload.Close();
  for (const Violation& violation : found.violations()) {
    tally.Violate(absl::StrCat("in", names, ": ", violation.what));
  }
  tally.Count("sequences");
  tally.Count("cuts", cutter.cuts());
}

Family MakeFamily() {
  Family family;
  family.name = "sequences";
  family.about =
      "all sequences of up to 3 operations (at the default settings 2; with --budget soak 4 "
      "and 3), with the power cut at each write and sync";
  family.figure = "sequences";
  const auto topics = static_cast<std::int64_t>(StandardTopics().size());
  family.asked = {{Shape::kSmall,
                   {.quick = 900,
                    .ci = topics * SequencesUpTo(kLength),
                    .soak = topics * SequencesUpTo(kSoakLength)}},
                  {Shape::kDefault,
                   {.quick = 12,
                    .ci = topics * SequencesUpTo(kLength - 1),
                    .soak = topics * SequencesUpTo(kSoakLength - 1)}}};
  family.run = [topics](const RunOptions& options) {
    return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
      RunSequence(options.shape, static_cast<std::size_t>(number % topics),
                  SequenceOf(number / topics), SeedOf(options, number), tally);
      return std::int64_t{1};
    });
  };
  return family;
}

}  // namespace

Family SequencesFamily() { return MakeFamily(); }

}  // namespace daybook::torture
