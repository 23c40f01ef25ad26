#include "daybook/repair.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "admin/directory_check.h"
#include "format/segment_header.h"
#include "torture/disk/image.h"
#include "torture/family.h"

// A data directory is damaged in one to five places at random, verified and repaired. What must
// hold:
//
//   what is not whole       is found by the verification, unless it costs nothing; a dry run
//                           changes nothing; afterwards nothing is found any more
//   a record whose frame    was readable or not before: it is kept, at its offset
//   was not hit
//   a record that is gone   is in the report
//   the directory           opens, is read to the end without an error, and takes more records
//   a second repair         has nothing to do

namespace daybook::torture {
namespace {

constexpr int kSegments = 4;
constexpr std::size_t kValueBytes = 300;
constexpr int kMostDamages = 5;
constexpr std::int64_t kRepairsOfDefaultCase = 10;

using Files = std::map<std::string, std::string>;

Files AllFilesOf(SimulatedFileSystem& disk) {
  Files files;
  for (const std::string& path : disk.Files()) {
    if (path.find(".lock") == std::string::npos) files[path] = ReadFileOf(disk, path);
  }
  return files;
}

class RepairCase {
 public:
  // The disk is one like that of the image.
  RepairCase(const Image& image, SimulatedFileSystem& disk, std::uint64_t seed, Tally& tally)
      : image_(image), random_(seed), tally_(tally), disk_(disk) {}

  void Run() {
    // Before the first damage: the disk can be that of the image itself.
    for (const std::string& segment : image_.segments) OriginalOf(segment);
    const auto damages = 1 + Pick(kMostDamages);
    for (std::uint64_t i = 0; i < damages; ++i) Damage();
    tally_.Count("damages", static_cast<std::int64_t>(damages));
    const Files damaged = AllFilesOf(disk_);
    const bool is_found = !DamageFound().empty();
    const auto plan = daybook::Repair(kImageDirectory, {.file_system = &disk_});
    if (AllFilesOf(disk_) != damaged) return Violate("a dry run changes files");
    const auto report = Repaired();
    if (!report.ok()) {
      // All that makes a directory ours may be gone.
      if (!IsTyped(report.status())) Violate(report.status().ToString());
      tally_.Count("answered with an error");
      return;
    }
    if (!plan.ok() || plan->actions.size() != report->actions.size() ||
        plan->lost.size() != report->lost.size()) {
      return Violate("a dry run says something else than is done");
    }
    if (!report->lost.empty() && !is_found) return Violate("records are lost, and none was missed");
    tally_.Count("actions", static_cast<std::int64_t>(report->actions.size()));
    if (!report->not_repaired.empty()) {
      tally_.Count("left as it is, with the reason");
    } else if (const std::string damage = DamageFound(); !damage.empty()) {
      return Violate("it was repaired, and is damaged: " + damage);
    }
    const auto again = Repaired();
    if (!again.ok() || !again->actions.empty()) {
      return Violate(again.ok() ? absl::StrCat("a second repair finds something to do: ",
                                               again->actions.front().file, ": ",
                                               again->actions.front().what)
                                : again.status().ToString());
    }
    Compare(damaged, *report);
  }

 private:
  std::uint64_t Pick(std::uint64_t below) { return random_() % below; }
  void Violate(const std::string& what) { tally_.Violate(absl::StrCat(what, " [", done_, "]")); }

  absl::StatusOr<RepairReport> Repaired() {
    return daybook::Repair(kImageDirectory, {.mode = RepairMode::kExecute, .file_system = &disk_});
  }

  // The first damage that a verification finds; empty if there is none.
  std::string DamageFound() {
    const auto root = disk_.OpenDirectory(kImageDirectory, DirectoryMode::kMustExist);
    if (!root.ok()) return root.status().ToString();
    const auto found = VerifyDirectory(**root, disk_.BootId(), {});
    if (!found.ok()) return found.status().ToString();
    std::vector<VerifyIssue> issues = found->issues;
    for (const PartitionVerification& partition : found->partitions) {
      issues.insert(issues.end(), partition.issues.begin(), partition.issues.end());
    }
    for (const VerifyIssue& issue : issues) {
      if (issue.is_damage) return absl::StrCat(issue.file, ": ", issue.cause);
    }
    return "";
  }

  FilePlace PickDamage() {
    if (image_.shape == Shape::kDefault) return PickPlace(image_, random_);
    std::vector<std::string> files;
    for (const std::string& path : disk_.Files()) {
      // Most of all in records.
      const bool is_log = path.find(".log") != std::string::npos;
      if (path.find(".lock") != std::string::npos) continue;
      files.insert(files.end(), is_log ? 6 : 1, path);
    }
    const std::string file = files[Pick(files.size())];
    const std::uint64_t bytes = SizeOf(disk_, file);
    return {file, bytes == 0 ? 0 : Pick(bytes)};
  }

  void Damage() {
    FilePlace place = PickDamage();
    const std::string& file = place.file;
    std::string text = ReadFileOf(disk_, file);
    // It may have been cut short, or be gone.
    if (text.empty()) return;
    const std::uint64_t at = std::min<std::uint64_t>(place.position, text.size() - 1);
    const auto say = [&](const std::string& what) {
      absl::StrAppend(&done_, done_.empty() ? "" : "; ", what, " ", file);
    };
    switch (Pick(8)) {
      case 0: {
        say("missing");
        return RemoveFile(disk_, file);
      }
      case 1: {
        const std::uint64_t size = std::min<std::uint64_t>(text.size() - at, 1 + Pick(5'000));
        say(absl::StrCat(size, " zeros at ", at, " of"));
        text.replace(at, size, std::string(size, '\0'));
        break;
      }
      case 2: {
        say(absl::StrCat("cut at ", at));
        text.resize(at);
        break;
      }
      case 3: {
        const std::uint64_t size = std::min<std::uint64_t>(text.size() - at, 1 + Pick(200));
        say(absl::StrCat(size, " random bytes at ", at, " of"));
        for (std::uint64_t i = 0; i < size; ++i) text[at + i] = static_cast<char>(Pick(256));
        break;
      }
      case 4: {  // of a page with another one of the file
        constexpr std::uint64_t kPage = 4096;
        if (text.size() < 2 * kPage) return;
        const std::uint64_t from = Pick(text.size() / kPage);
        const std::uint64_t to = Pick(text.size() / kPage);
        say(absl::StrCat("page ", from, " at ", to, " of"));
        text.replace(to * kPage, kPage, std::string(text, from * kPage, kPage));
        break;
      }
      default: {
        const std::uint64_t bit = Pick(8);
        say(absl::StrCat("bit ", bit, " at ", at, " of"));
        text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1U << bit));
      }
    }
    ReplaceFile(disk_, file, text);
  }

  // Whether the frame of the record is in the damaged files as it was written, and the header of
  // its segment, without which frames are not known as such.
  bool IsWhole(const Files& damaged, const RecordPlace& place) {
    const auto file = damaged.find(place.file);
    if (file == damaged.end()) return false;
    const std::string& original = OriginalOf(place.file);
    const auto is_same = [&](std::uint64_t begin, std::uint64_t end) {
      return file->second.size() >= end &&
             file->second.compare(begin, end - begin, original, begin, end - begin) == 0;
    };
    return is_same(0, sizeof(frame::SegmentHeader)) && is_same(place.begin, place.end);
  }
  // Whether something still says that the record was on the disk: a sync is noted in the header
  // page of the segment that is being appended to, for all before it. What was not, as far as is
  // known, is cut off as a torn tail after a power cut.
  bool IsKnownToHaveBeen(const Files& damaged, std::size_t index) {
    if (image_.known_durable == std::numeric_limits<std::int64_t>::max()) {
      // A later segment was made after it, or its own notes how far it came.
      const std::string& segment = image_.places[index].file;
      const auto file = damaged.find(segment);
      return damaged.upper_bound(segment) != damaged.upper_bound(image_.segments.back()) ||
             (file != damaged.end() &&
              file->second.compare(0, frame::kSegmentHeaderBytes, OriginalOf(segment), 0,
                                   frame::kSegmentHeaderBytes) == 0);
    }
    const auto offset = static_cast<std::int64_t>(index);
    for (const std::string& segment : image_.segments) {
      const auto file = damaged.find(segment);
      if (file == damaged.end() || file->second.size() < frame::kSegmentHeaderBytes) continue;
      const auto page = std::as_bytes(std::span(file->second)).first(frame::kSegmentHeaderBytes);
      const auto header = frame::DecodeSegmentHeader(page);
      if (!header.ok()) continue;
      const frame::CheckpointSlot slot =
          frame::LatestCheckpoint(page, header->segment_id, header->capacity);
      if (slot.durable_offset > header->base_offset && slot.durable_offset > offset) return true;
    }
    return false;
  }
  static bool IsThere(const Files& damaged, const RecordPlace& place) {
    return damaged.find(place.file) != damaged.end();
  }
  const std::string& OriginalOf(const std::string& file) {
    const auto [it, is_new] = originals_.try_emplace(file);
    if (is_new) it->second = ReadFileOf(*image_.disk, file);
    return it->second;
  }

  void Compare(const Files& damaged, const RepairReport& report) {
    const ReadOut out = ReadAll(image_, disk_, BrokerAccess::kReadWrite, tally_,
                                report.not_repaired.empty(), ReadFrom::kBegin);
    const auto count = static_cast<std::int64_t>(image_.values.size());
    if (out.wrong) {
      return Violate(absl::StrCat("the record at offset ", *out.wrong, " is not what was written"));
    }
    if (!report.not_repaired.empty()) return;
    if (!out.status.ok()) return Violate(absl::StrCat("after it: ", out.status.ToString()));
    if (!out.damaged.empty()) {
      return Violate(
          absl::StrCat("after it, offset ", out.damaged.front().first, " is said to be damaged"));
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const auto index = static_cast<std::size_t>(i);
      if (out.IsThere(i)) {
        tally_.Count("kept");
        continue;
      }
      // As if it had been dropped: of files at the beginning that are gone nothing is known.
      if (i < out.begin && !IsThere(damaged, image_.places[index])) {
        tally_.Count("before all that is left");
        continue;
      }
      if (!IsKnownToHaveBeen(damaged, index)) {
        tally_.Count("cut off as a torn tail");
        continue;
      }
      if (IsWhole(damaged, image_.places[index])) {
        return Violate(absl::StrCat("record ", i, " is gone, and its frame was whole"));
      }
      const bool is_said =
          std::any_of(report.lost.begin(), report.lost.end(), [&](const LostRecords& lost) {
            return lost.topic == "orders" && lost.begin_offset.value() <= i &&
                   (!lost.end_offset || i < lost.end_offset->value());
          });
      if (!is_said && i < EndOf(damaged)) {
        return Violate(absl::StrCat("record ", i, " is gone, and nobody was told"));
      }
      tally_.Count(is_said ? "lost, and reported" : "behind all that is left");
    }
  }

  // How far what is left reaches: nothing says that there was more.
  std::int64_t EndOf(const Files& damaged) {
    std::int64_t end = 0;
    for (std::size_t i = 0; i < image_.places.size(); ++i) {
      if (IsWhole(damaged, image_.places[i])) end = static_cast<std::int64_t>(i);
    }
    return end;
  }

  const Image& image_;
  std::mt19937_64 random_;
  Tally& tally_;
  SimulatedFileSystem& disk_;
  std::string done_;
  Files originals_;
};

void RepairOnce(const Image& image, std::uint64_t seed, Tally& tally) {
  image.WithCopy(tally, [&](SimulatedFileSystem& disk, Tally& inner) {
    RepairCase(image, disk, seed, inner).Run();
  });
  tally.Count("repairs");
}

Tally RunRepairs(const RunOptions& options) {
  if (options.shape == Shape::kDefault) {
    return RunOnDefaultImages(options, 2, kRepairsOfDefaultCase,
                              [](const Image& image, std::mt19937_64& random, Tally& tally) {
                                RepairOnce(image, random(), tally);
                              });
  }
  std::vector<Image> images;
  for (const ImageEnd end : {ImageEnd::kClosed, ImageEnd::kPowerCut}) {
    images.push_back(MakeImage(
        {.segments = kSegments, .end = end, .value_bytes = kValueBytes, .seed = options.seed}));
  }
  return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
    RepairOnce(images[static_cast<std::size_t>(number) % images.size()], SeedOf(options, number),
               tally);
    return std::int64_t{1};
  });
}

}  // namespace

Family RepairFamily() {
  return {.name = "repair",
          .about = "files are damaged in several places, verified and repaired",
          .figure = "repairs",
          .asked = {{Shape::kSmall, {.quick = 300, .ci = 20'000, .soak = 1'000'000}},
                    {Shape::kDefault, {.quick = 1, .ci = 60, .soak = 6'000}}},
          .run = RunRepairs};
}

}  // namespace daybook::torture
