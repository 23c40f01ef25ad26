#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "torture/disk/image.h"
#include "torture/family.h"

// Files cut short to every length: a segment of 64 KiB, the last segment, and all small files;
// behind their last byte that is not zero, to every length in pages. The answer is an error that
// says so, or whatever lies before the cut is read, and nothing that differs from what was written.
// In the default shape it is some lengths of files of full segments, most of them near the bounds
// of frames.

namespace daybook::torture {
namespace {

constexpr std::uint64_t kLengthsOfCase = 16;
constexpr std::uint64_t kPage = 4096;
constexpr std::int64_t kLengthsOfDefaultCase = 20;

struct Piece {
  const Image* image = nullptr;
  std::string file;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t step = 1;
};

std::vector<Piece> Pieces(const std::vector<Image>& images) {
  std::vector<Piece> pieces;
  for (const Image& image : images) {
    for (const std::string& file : image.disk->Files()) {
      if (file.find(".lock") != std::string::npos) continue;
      const std::string bytes = ReadFileOf(*image.disk, file);
      const std::uint64_t used = bytes.find_last_not_of('\0') + 1;  // npos + 1: none
      for (std::uint64_t at = 0; at < used; at += kLengthsOfCase) {
        pieces.push_back({.image = &image,
                          .file = file,
                          .begin = at,
                          .end = std::min(at + kLengthsOfCase, used)});
      }
      pieces.push_back({.image = &image,
                        .file = file,
                        .begin = (used + kPage - 1) / kPage * kPage,
                        .end = bytes.size(),
                        .step = kPage});
    }
  }
  return pieces;
}

void Compare(const Image& image, const std::string& file, std::uint64_t length, const ReadOut& out,
             const char* how, Tally& tally) {
  const auto violate = [&](const std::string& what) {
    tally.Violate(absl::StrCat(file, " cut to ", length, " bytes, ", how, ": ", what));
  };
  if (out.wrong) {
    return violate(absl::StrCat("the record at offset ", *out.wrong, " is not what was written"));
  }
  if (!out.status.ok()) {
    tally.Count("answered with an error");
    if (!IsTyped(out.status)) violate(out.status.ToString());
    return;
  }
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    const auto offset = static_cast<std::int64_t>(i);
    const bool is_cut =
        image.places[i].file == file && frame::AlignedLength(image.places[i].end) > length;
    if (out.IsThere(offset)) continue;
    if (!is_cut) return violate(absl::StrCat("record ", i, " is gone, and it was before the cut"));
    if (!out.IsDamaged(offset)) tally.Count("records cut off without a word");
  }
}

void CutAndCompare(const Image& image, const std::string& file, std::uint64_t length,
                   Tally& tally) {
  image.WithCopy(tally, [&](SimulatedFileSystem& disk, Tally& inner) {
    ReplaceFile(disk, file, ReadFileOf(disk, file).substr(0, length));
    for (const BrokerAccess access : {BrokerAccess::kReadOnly, BrokerAccess::kReadWrite}) {
      Compare(image, file, length,
              ReadAll(image, disk, access, inner, access == BrokerAccess::kReadWrite),
              access == BrokerAccess::kReadOnly ? "read-only" : "read-write", inner);
    }
  });
  tally.Count("lengths");
}

std::uint64_t PickLength(const Image& image, const FilePlace& place, std::mt19937_64& random) {
  switch (random() % 3) {
    case 0:
      return place.position;
    case 1:
      return place.position / kPage * kPage;
    default: {
      // Between two frames, or up to a head or a word more or less.
      const auto [first, end] = image.HitBy(place.file, place.position);
      if (first == end) return place.position;
      const RecordPlace& frame = image.places[static_cast<std::size_t>(first)];
      const std::uint64_t bound = random() % 2 == 0 ? frame.begin : frame::AlignedLength(frame.end);
      return bound - 8 + random() % 33;
    }
  }
}

Tally RunDefaultTruncation(const RunOptions& options) {
  return RunOnDefaultImages(options, 2, kLengthsOfDefaultCase,
                            [](const Image& image, std::mt19937_64& random, Tally& tally) {
                              const FilePlace place = PickPlace(image, random);
                              CutAndCompare(image, place.file, PickLength(image, place, random),
                                            tally);
                            });
}

Tally RunTruncation(const RunOptions& options) {
  if (options.shape == Shape::kDefault) return RunDefaultTruncation(options);
  std::vector<Image> images;
  images.push_back(MakeImage({.end = ImageEnd::kClosed, .seed = options.seed}));
  images.push_back(MakeImage({.end = ImageEnd::kPowerCut, .seed = options.seed}));
  const std::vector<Piece> pieces = Pieces(images);
  const auto cases = static_cast<std::int64_t>(pieces.size());
  return RunCases(options, cases, [&](std::int64_t number, Tally& tally) {
    // Spread over all of them, should it be a part.
    const Piece& piece = pieces[static_cast<std::size_t>(number * 7919 % cases)];
    std::int64_t lengths = 0;
    for (std::uint64_t at = piece.begin; at < piece.end && tally.violations().empty();
         at += piece.step) {
      CutAndCompare(*piece.image, piece.file, at, tally);
      ++lengths;
    }
    return lengths;
  });
}

}  // namespace

Family TruncationFamily() {
  return {.name = "truncation",
          .about = "a segment of 64 KiB and all small files are cut short to every length",
          .figure = "lengths",
          .asked = {{Shape::kSmall, {.quick = 1'500, .ci = 0, .soak = 0}},
                    {Shape::kDefault, {.quick = 2, .ci = 300, .soak = 30'000}}},
          .run = RunTruncation};
}

}  // namespace daybook::torture
