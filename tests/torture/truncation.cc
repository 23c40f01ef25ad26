#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "torture/family.h"
#include "torture/image.h"

// Files cut short to every length: a segment of 64 KiB, the last segment, and all small files;
// behind their last byte that is not zero, to every length in pages. The answer is an error that
// says so, or whatever lies before the cut is read, and nothing that differs from what was written.

namespace daybook::torture {
namespace {

constexpr std::uint64_t kLengthsOfCase = 16;
constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kValueBytes = 240;

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
  for (const auto& [offset, value] : out.values) {
    if (offset >= static_cast<std::int64_t>(image.values.size()) ||
        value != image.values[static_cast<std::size_t>(offset)]) {
      return violate(absl::StrCat("the record at offset ", offset, " is not what was written"));
    }
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
    if (out.values.contains(offset)) continue;
    if (!is_cut) return violate(absl::StrCat("record ", i, " is gone, and it was before the cut"));
    if (!out.IsDamaged(offset)) tally.Count("records cut off without a word");
  }
}

Tally RunTruncation(const RunOptions& options) {
  std::vector<Image> images;
  images.push_back(MakeImage(2, ImageEnd::kClosed, kValueBytes, options.seed));
  images.push_back(MakeImage(2, ImageEnd::kPowerCut, kValueBytes, options.seed));
  const std::vector<Piece> pieces = Pieces(images);
  const auto cases = static_cast<std::int64_t>(pieces.size());
  return RunCases(options, cases, [&](std::int64_t number, Tally& tally) {
    // Spread over all of them, should it be a part.
    const Piece& piece = pieces[static_cast<std::size_t>(number * 7919 % cases)];
    std::int64_t lengths = 0;
    for (std::uint64_t at = piece.begin; at < piece.end && tally.violations().empty();
         at += piece.step) {
      const auto copy = piece.image->Copy();
      ReplaceFile(*copy, piece.file, ReadFileOf(*copy, piece.file).substr(0, at));
      for (const BrokerAccess access : {BrokerAccess::kReadOnly, BrokerAccess::kReadWrite}) {
        Compare(*piece.image, piece.file, at,
                ReadAll(*copy, access, access == BrokerAccess::kReadWrite),
                access == BrokerAccess::kReadOnly ? "read-only" : "read-write", tally);
      }
      ++lengths;
    }
    tally.Count("lengths", lengths);
    return lengths;
  });
}

}  // namespace

Family TruncationFamily() {
  return {.name = "truncation",
          .about = "a segment of 64 KiB and all small files are cut short to every length",
          .figure = "lengths",
          .asked = {{Shape::kSmall, {.quick = 1'500, .ci = 0, .soak = 0}}},
          .run = RunTruncation};
}

}  // namespace daybook::torture
