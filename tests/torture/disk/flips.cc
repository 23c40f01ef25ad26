#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "torture/disk/image.h"
#include "torture/family.h"

// Every bit of a segment of 64 KiB, and of every small file of a data directory, is flipped, alone,
// and one bit of each byte of the same after a power cut (with --budget soak every byte of both
// becomes every other one), and the directory is opened and read: for reading only, and for
// writing, which recovers it first. What must hold:
//
//   a bit of a record           that record (with those of its batch) is reported as damaged, all
//                               others are delivered
//   of a checkpoint, an index,  nothing is lost
//   of empty space
//   of the header of a segment  an error that says so, or nothing is lost
//   of the settings of a topic, the same
//   or of the directory
//   of what the last sync before   found, or cut off as a torn tail with what is behind it: the
//   note a power cut made durable       that it was durable was still to be written
//
// and never a record whose bytes differ, nor one that is passed over in silence. In the default
// shape it is single bits of a directory with full segments, chosen by what hangs on them.

namespace daybook::torture {
namespace {

constexpr std::uint64_t kBytesOfCase = 32;
constexpr std::int64_t kFlipsOfDefaultCase = 25;

// A stretch of a file whose bits are flipped.
struct Target {
  const Image* image = nullptr;
  std::string file;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class FlipTester {
 public:
  FlipTester(const Target& target, Tally& tally) : target_(target), tally_(tally) {}

  // Of the byte those bits that are set in `bits`.
  void Flip(std::uint64_t position, int bits) {
    const Image& image = *target_.image;
    image.WithCopy(tally_, [&](SimulatedFileSystem& disk, Tally& tally) {
      disk.Corrupt(target_.file, position, static_cast<std::byte>(bits)).IgnoreError();
      Compare(ReadAll(image, disk, BrokerAccess::kReadOnly, tally), position, bits, "read-only",
              tally);
      // Recovery writes.
      Compare(ReadAll(image, disk, BrokerAccess::kReadWrite, tally, true), position, bits,
              "read-write", tally);
    });
  }

 private:
  bool IsLog() const {
    return std::count(target_.image->segments.begin(), target_.image->segments.end(),
                      target_.file) != 0;
  }

  void Compare(const ReadOut& out, std::uint64_t position, int bits, const char* how,
               Tally& tally) {
    const auto violate = [&](const std::string& what) {
      tally.Violate(absl::StrCat("bits ", bits, " of byte ", position, " of ", target_.file, ", ",
                                 how, ": ", what));
    };
    const auto [hit_begin, hit_end] = target_.image->HitBy(target_.file, position);
    if (out.wrong) {
      return violate(absl::StrCat("the record at offset ", *out.wrong, " is not what was written"));
    }
    if (!out.status.ok()) {
      if (!IsTyped(out.status)) return violate(out.status.ToString());
      // Headers and settings are all that may close more than one record.
      const bool is_essential = IsLog() ? position < sizeof(frame::SegmentHeader)
                                        : target_.file.find(".index") == std::string::npos;
      if (!is_essential) return violate(absl::StrCat("all is closed: ", out.status.ToString()));
      tally.Count("answered with an error");
      return;
    }
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(out.there.size()); ++i) {
      const bool is_hit = hit_begin <= i && i < hit_end;
      const bool is_there = out.IsThere(i);
      if (is_hit && is_there) return violate(absl::StrCat("not found in record ", i));
      if (!is_hit && !is_there) {
        const bool is_header = IsLog() && position < sizeof(frame::SegmentHeader);
        if (is_header && out.IsDamaged(i)) continue;
        return violate(absl::StrCat("record ", i, " is gone, and it was not hit",
                                    out.IsDamaged(i) ? "; reported as damaged" : ""));
      }
      if (is_hit && i >= target_.image->known_durable) {
        tally.Count("cut off as a torn tail");
        return;
      }
      if (is_hit && !out.IsDamaged(i)) {
        return violate(absl::StrCat("record ", i, " is passed over in silence"));
      }
    }
    if (hit_begin != hit_end) tally.Count("found in records");
  }

  const Target& target_;
  Tally& tally_;
};

std::vector<Target> Targets(const Image& image) {
  std::vector<Target> targets;
  const auto add = [&](const std::string& file, std::uint64_t most) {
    const std::uint64_t size = SizeOf(*image.disk, file);
    targets.push_back(
        {.image = &image, .file = file, .begin = 0, .end = std::min<std::uint64_t>(size, most)});
  };
  add(image.segments[0], kImageSegmentBytes);
  for (const std::string& file : image.disk->Files()) {
    if (file == image.segments[0] || file.find(".lock") != std::string::npos) continue;
    // Of other segments: the header page and the first frames.
    add(file, frame::kSegmentHeaderBytes + 512);
  }
  return targets;
}

struct Piece {
  Target target;
  std::uint64_t begin = 0;
};

std::vector<Piece> Pieces(const std::vector<Image>& images) {
  std::vector<Piece> pieces;
  for (const Image& image : images) {
    for (const Target& target : Targets(image)) {
      for (std::uint64_t at = target.begin; at < target.end; at += kBytesOfCase) {
        pieces.push_back({.target = target, .begin = at});
      }
    }
  }
  return pieces;
}

Tally RunDefaultFlips(const RunOptions& options) {
  return RunOnDefaultImages(options, 2, kFlipsOfDefaultCase,
                            [](const Image& image, std::mt19937_64& random, Tally& tally) {
                              const FilePlace place = PickPlace(image, random);
                              const Target target{.image = &image, .file = place.file};
                              FlipTester(target, tally).Flip(place.position, 1 << random() % 8);
                              tally.Count("flips");
                            });
}

Tally RunFlips(const RunOptions& options) {
  if (options.shape == Shape::kDefault) return RunDefaultFlips(options);
  // Both ways in which a writer can have ended, each with a sealed segment of 64 KiB in front.
  std::vector<Image> images;
  images.push_back(MakeImage({.end = ImageEnd::kClosed, .seed = options.seed}));
  images.push_back(MakeImage({.end = ImageEnd::kPowerCut, .seed = options.seed}));
  const std::vector<Piece> pieces = Pieces(images);
  // Or a part of them: one bit of each byte, or of every few bytes, spread over everything.
  std::int64_t all = 0;
  for (const Piece& piece : pieces) {
    all += static_cast<std::int64_t>(kBytesOfCase) * (piece.target.image == images.data() ? 8 : 1);
  }
  const std::int64_t stride =
      options.amount == 0 ? 1 : std::max<std::int64_t>(1, all * 3 / 4 / options.amount);
  return RunCases(
      options, static_cast<std::int64_t>(pieces.size()), [&](std::int64_t number, Tally& tally) {
        const Piece& piece = pieces[static_cast<std::size_t>(number)];
        FlipTester tester(piece.target, tally);
        std::int64_t flips = 0;
        const std::uint64_t end = std::min(piece.begin + kBytesOfCase, piece.target.end);
        for (std::uint64_t at = piece.begin; at < end; ++at) {
          if (options.is_deep) {
            for (int bits = 1; bits < 256 && tally.violations().empty(); ++bits, ++flips) {
              tester.Flip(at, bits);
            }
            continue;
          }
          for (int bit = 0; bit < 8 && tally.violations().empty(); ++bit) {
            const auto place =
                static_cast<std::int64_t>(static_cast<std::uint64_t>(number) * kBytesOfCase * 8 +
                                          (at - piece.begin) * 8 + static_cast<unsigned>(bit));
            // The two images differ in how they end: of the second one, one bit of each byte will
            // do.
            const bool is_wanted =
                piece.target.image == images.data() || at % 8 == static_cast<std::uint64_t>(bit);
            if (place % stride != 0 || !is_wanted) continue;
            tester.Flip(at, 1 << bit);
            ++flips;
          }
        }
        tally.Count("flips", flips);
        return flips;
      });
}

}  // namespace

Family FlipsFamily() {
  return {.name = "flips",
          .about =
              "every bit of a segment of 64 KiB and of all small files is flipped, and the "
              "directory opened and read",
          .figure = "flips",
          .asked = {{Shape::kSmall, {.quick = 4'000, .ci = 0, .soak = 0}},
                    {Shape::kDefault, {.quick = 2, .ci = 200, .soak = 40'000}}},
          .run = RunFlips};
}

}  // namespace daybook::torture
