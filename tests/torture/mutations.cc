#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "torture/family.h"
#include "torture/image.h"

// Files of a topic of six segments that are missing, extra, renamed, swapped, empty, or hold pages
// of one another; single ones and pairs. Whatever is read is what was written, in its place; a
// segment that nothing was done to is read, or there is an error that says why not.

namespace daybook::torture {
namespace {

constexpr int kSegments = 6;
constexpr std::uint64_t kPage = 4096;

// Something done to the files of an image, and the segments that it was done to.
struct Mutation {
  std::string name;
  std::function<void(SimulatedFileSystem& disk)> apply;
  std::vector<std::string> files;
};

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void AddSingles(const Image& image, std::vector<Mutation>& mutations) {
  for (const std::string& file : image.disk->Files()) {
    if (file.find(".lock") != std::string::npos) continue;
    const std::string text = ReadFileOf(*image.disk, file);
    const auto add = [&](std::string name, std::string content) {
      mutations.push_back(
          {.name = std::move(name) + " " + NameOf(file),
           .apply = [file, content = std::move(content)](
                        SimulatedFileSystem& disk) { ReplaceFile(disk, file, content); },
           .files = {file}});
    };
    mutations.push_back({.name = "missing " + NameOf(file),
                         .apply = [file](SimulatedFileSystem& disk) { RemoveFile(disk, file); },
                         .files = {file}});
    add("empty", "");
    add("zeros in", std::string(text.size(), '\0'));
    add("ones in", std::string(text.size(), '\xff'));
    add("twice", text + text);
    for (std::uint64_t page = 0; page * kPage < text.size() && text.size() > kPage; ++page) {
      std::string holed = text;
      const std::size_t size = std::min<std::size_t>(kPage, text.size() - page * kPage);
      holed.replace(page * kPage, size, std::string(size, '\0'));
      add(absl::StrCat("page ", page, " a hole in"), holed);
    }
  }
}

void AddPairs(const Image& image, std::vector<Mutation>& mutations) {
  for (const std::string& one : image.segments) {
    for (const std::string& other : image.segments) {
      if (one == other) continue;
      const std::string text = ReadFileOf(*image.disk, one);
      const std::string other_text = ReadFileOf(*image.disk, other);
      mutations.push_back(
          {.name = absl::StrCat(NameOf(one), " copied over ", NameOf(other)),
           .apply = [=](SimulatedFileSystem& disk) { ReplaceFile(disk, other, text); },
           .files = {other}});
      if (one < other) {
        mutations.push_back({.name = absl::StrCat(NameOf(one), " swapped with ", NameOf(other)),
                             .apply =
                                 [=](SimulatedFileSystem& disk) {
                                   ReplaceFile(disk, other, text);
                                   ReplaceFile(disk, one, other_text);
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
      for (std::uint64_t page = 1; (page + 1) * kPage <= other_text.size(); ++page) {
        if ((page + 1) * kPage > text.size()) break;
        std::string mixed = other_text;
        mixed.replace(page * kPage, kPage, text, page * kPage, kPage);
        mutations.push_back(
            {.name = absl::StrCat("page ", page, " of ", NameOf(one), " in ", NameOf(other)),
             .apply = [=](SimulatedFileSystem& disk) { ReplaceFile(disk, other, mixed); },
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
  for (const auto& [offset, value] : out.values) {
    if (offset >= static_cast<std::int64_t>(image.values.size()) ||
        value != image.values[static_cast<std::size_t>(offset)]) {
      return violate(absl::StrCat("the record at offset ", offset, " is not what was written"));
    }
  }
  if (!out.status.ok()) {
    tally.Count("answered with an error");
    if (!IsTyped(out.status) || mutation.files.empty()) violate(out.status.ToString());
    return;
  }
  std::int64_t silent = 0;
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    const auto offset = static_cast<std::int64_t>(i);
    if (out.values.contains(offset)) continue;
    const bool is_hit =
        std::count(mutation.files.begin(), mutation.files.end(), image.places[i].file) != 0;
    if (!is_hit) {
      return violate(absl::StrCat("record ", i, " is gone, and nothing was done to its segment"));
    }
    silent += !out.IsDamaged(offset);
  }
  if (silent != 0) tally.Count("answered with a gap and no error");
}

Tally RunMutations(const RunOptions& options) {
  const Image image = MakeImage(kSegments, ImageEnd::kClosed, 300, options.seed);
  std::vector<Mutation> mutations;
  AddSingles(image, mutations);
  AddPairs(image, mutations);
  AddForeign(mutations);
  const auto cases = static_cast<std::int64_t>(mutations.size());
  return RunCases(options, cases, [&](std::int64_t number, Tally& tally) {
    const Mutation& mutation = mutations[static_cast<std::size_t>(number * 7919 % cases)];
    for (const BrokerAccess access : {BrokerAccess::kReadOnly, BrokerAccess::kReadWrite}) {
      const auto copy = image.Copy();
      mutation.apply(*copy);
      Compare(image, mutation, ReadAll(*copy, access, access == BrokerAccess::kReadWrite),
              access == BrokerAccess::kReadOnly ? "read-only" : "read-write", tally);
    }
    tally.Count("mutations");
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
          .asked = {{Shape::kSmall, {.quick = 200, .ci = 0, .soak = 0}}},
          .run = RunMutations};
}

}  // namespace daybook::torture
