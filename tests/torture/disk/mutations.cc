#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "torture/disk/image.h"
#include "torture/family.h"

// Files of a topic of six segments, or in the default shape of three full ones, that are missing,
// extra, renamed, swapped, empty, or hold pages of one another; single ones and pairs. Whatever is
// read is what was written, in its place; a segment that nothing was done to is read, or there is
// an error that says why not.

namespace daybook::torture {
namespace {

constexpr int kSegments = 6;
constexpr std::uint64_t kPage = 4096;
constexpr int kDefaultSegments = 3;
constexpr std::int64_t kMutationsOfDefaultCase = 15;
constexpr std::size_t kMostPages = 40;  // of a file, that something is done to

// Something done to the files of an image, and the segments that it was done to.
struct Mutation {
  std::string name;
  std::function<void(SimulatedFileSystem& disk)> apply;
  std::vector<std::string> files;
};

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// All pages of a file, or some that are spread over it.
std::vector<std::uint64_t> PagesOf(std::uint64_t bytes) {
  const std::uint64_t pages = (bytes + kPage - 1) / kPage;
  const std::uint64_t step = pages / kMostPages + 1;
  std::vector<std::uint64_t> chosen;
  for (std::uint64_t page = 0; page < pages; page += step) chosen.push_back(page);
  return chosen;
}

using Change = std::function<std::string(std::string text)>;

void AddSingles(const Image& image, std::vector<Mutation>& mutations) {
  for (const std::string& file : image.disk->Files()) {
    if (file.find(".lock") != std::string::npos) continue;
    const auto add = [&](std::string name, Change change) {
      mutations.push_back({.name = std::move(name) + " " + NameOf(file),
                           .apply =
                               [file, change = std::move(change)](SimulatedFileSystem& disk) {
                                 ReplaceFile(disk, file, change(ReadFileOf(disk, file)));
                               },
                           .files = {file}});
    };
    mutations.push_back({.name = "missing " + NameOf(file),
                         .apply = [file](SimulatedFileSystem& disk) { RemoveFile(disk, file); },
                         .files = {file}});
    add("empty", [](const std::string&) { return std::string(); });
    add("zeros in", [](const std::string& text) { return std::string(text.size(), '\0'); });
    add("ones in", [](const std::string& text) { return std::string(text.size(), '\xff'); });
    add("twice", [](const std::string& text) { return text + text; });
    const std::uint64_t bytes = SizeOf(*image.disk, file);
    if (bytes <= kPage) continue;
    for (const std::uint64_t page : PagesOf(bytes)) {
      add(absl::StrCat("page ", page, " a hole in"), [page](std::string text) {
        const std::size_t size = std::min<std::size_t>(kPage, text.size() - page * kPage);
        return text.replace(page * kPage, size, std::string(size, '\0'));
      });
    }
  }
}

void AddPairs(const Image& image, std::vector<Mutation>& mutations) {
  for (const std::string& one : image.segments) {
    for (const std::string& other : image.segments) {
      if (one == other) continue;
      mutations.push_back(
          {.name = absl::StrCat(NameOf(one), " copied over ", NameOf(other)),
           .apply =
               [=](SimulatedFileSystem& disk) { ReplaceFile(disk, other, ReadFileOf(disk, one)); },
           .files = {other}});
      if (one < other) {
        mutations.push_back({.name = absl::StrCat(NameOf(one), " swapped with ", NameOf(other)),
                             .apply =
                                 [=](SimulatedFileSystem& disk) {
                                   const std::string text = ReadFileOf(disk, one);
                                   ReplaceFile(disk, one, ReadFileOf(disk, other));
                                   ReplaceFile(disk, other, text);
                                 },
                             .files = {one, other}});
        mutations.push_back({.name = absl::StrCat("missing ", NameOf(one), " and ", NameOf(other)),
                             .apply =
                                 [=](SimulatedFileSystem& disk) {
                                   RemoveFile(disk, one);
                                   RemoveFile(disk, other);
                                 },
                             .files = {one, other}});
      }
      // A page's content at the place of another page: of its own file, and of another one.
      const std::uint64_t bytes = std::min(SizeOf(*image.disk, one), SizeOf(*image.disk, other));
      for (const std::uint64_t page : PagesOf(bytes)) {
        if (page == 0 || (page + 1) * kPage > bytes) continue;
        mutations.push_back(
            {.name = absl::StrCat("page ", page, " of ", NameOf(one), " in ", NameOf(other)),
             .apply =
                 [=](SimulatedFileSystem& disk) {
                   std::string mixed = ReadFileOf(disk, other);
                   mixed.replace(page * kPage, kPage, ReadFileOf(disk, one), page * kPage, kPage);
                   ReplaceFile(disk, other, mixed);
                 },
             .files = {other}});
      }
    }
  }
}

void AddForeign(std::vector<Mutation>& mutations) {
  for (const char* name :
       {"notes.txt", "next.tmp", "00000000000000000007.log.tmp", "00000000000000000000.index.bak",
        "0.log", "x.log", "00000000000000000000000.log"}) {
    mutations.push_back({.name = absl::StrCat("a foreign file ", name),
                         .apply =
                             [name](SimulatedFileSystem& disk) {
                               ReplaceFile(disk, std::string(kImagePartition) + name, "not ours");
                             },
                         .files = {}});
  }
}

void Compare(const Image& image, const Mutation& mutation, const ReadOut& out, const char* how,
             Tally& tally) {
  const auto violate = [&](const std::string& what) {
    tally.Violate(absl::StrCat(mutation.name, ", ", how, ": ", what));
  };
  if (out.wrong) {
    return violate(absl::StrCat("the record at offset ", *out.wrong, " is not what was written"));
  }
  if (!out.status.ok()) {
    tally.Count("answered with an error");
    if (!IsTyped(out.status) || mutation.files.empty()) violate(out.status.ToString());
    return;
  }
  std::int64_t silent = 0;
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    const auto offset = static_cast<std::int64_t>(i);
    if (out.IsThere(offset)) continue;
    const bool is_hit =
        std::count(mutation.files.begin(), mutation.files.end(), image.places[i].file) != 0;
    if (!is_hit) {
      return violate(absl::StrCat("record ", i, " is gone, and nothing was done to its segment"));
    }
    silent += !out.IsDamaged(offset);
  }
  if (silent != 0) tally.Count("answered with a gap and no error");
}

std::vector<Mutation> AllMutations(const Image& image) {
  std::vector<Mutation> mutations;
  AddSingles(image, mutations);
  AddPairs(image, mutations);
  AddForeign(mutations);
  return mutations;
}

void Mutate(const Image& image, const Mutation& mutation, Tally& tally) {
  for (const BrokerAccess access : {BrokerAccess::kReadOnly, BrokerAccess::kReadWrite}) {
    image.WithCopy(tally, [&](SimulatedFileSystem& disk, Tally& inner) {
      mutation.apply(disk);
      Compare(image, mutation,
              ReadAll(image, disk, access, inner, access == BrokerAccess::kReadWrite),
              access == BrokerAccess::kReadOnly ? "read-only" : "read-write", inner);
    });
  }
  tally.Count("mutations");
}

Tally RunMutations(const RunOptions& options) {
  if (options.shape == Shape::kDefault) {
    return RunOnDefaultImages(options, kDefaultSegments, kMutationsOfDefaultCase,
                              [](const Image& image, std::mt19937_64& random, Tally& tally) {
                                const std::vector<Mutation> mutations = AllMutations(image);
                                Mutate(image, mutations[random() % mutations.size()], tally);
                              });
  }
  const Image image = MakeImage({.segments = kSegments, .value_bytes = 300, .seed = options.seed});
  const std::vector<Mutation> mutations = AllMutations(image);
  const auto cases = static_cast<std::int64_t>(mutations.size());
  return RunCases(options, cases, [&](std::int64_t number, Tally& tally) {
    Mutate(image, mutations[static_cast<std::size_t>(number * 7919 % cases)], tally);
    return std::int64_t{1};
  });
}

}  // namespace

Family MutationsFamily() {
  return {.name = "mutations",
          .about =
              "files of a topic of six segments are missing, extra, swapped, mixed; singly and "
              "in pairs",
          .figure = "mutations",
          .asked = {{Shape::kSmall, {.quick = 200, .ci = 0, .soak = 0}},
                    {Shape::kDefault, {.quick = 1, .ci = 150, .soak = 15'000}}},
          .run = RunMutations};
}

}  // namespace daybook::torture
