#ifndef DAYBOOK_TORTURE_DISK_IMAGE_H_
#define DAYBOOK_TORTURE_DISK_IMAGE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "daybook/broker.h"
#include "daybook/format/frame.h"
#include "daybook/system/simulated_file_system.h"
#include "torture/run.h"

// A data directory on a simulated disk, of which everything is known, to be damaged: one topic,
// "orders", of one partition with several segments, and a group that has committed. In the small
// shape the segments have 64 KiB, and the records are small but for some of up to the limit; in the
// default one the settings are the library's, the segments are full, and the records have 10 bytes
// to 1 MiB. Values look like anything (hostile.h), and some are a part of their own segment.

namespace daybook::torture {

// Where a record lies: in a frame of a file.
struct RecordPlace {
  std::string file;
  std::uint64_t begin = 0;  // of the frame
  std::uint64_t end = 0;    // without what aligns the next one
};

struct Image {
  Shape shape = Shape::kSmall;
  std::unique_ptr<SimulatedFileSystem> disk;
  std::vector<std::string> values;  // by offset
  std::vector<RecordPlace> places;
  std::vector<std::string> segments;  // paths, in order
  std::vector<std::int64_t> bases;    // their first offsets
  // After a power cut: below this offset the disk says itself that it is durable. What is damaged
  // above it looks like a torn tail, and is cut off as one.
  std::int64_t known_durable = std::numeric_limits<std::int64_t>::max();

  // The offsets of the records whose frames `position` of `file` belongs to: [begin, end).
  std::pair<std::int64_t, std::int64_t> HitBy(const std::string& file,
                                              std::uint64_t position) const;
  // Calls `body` with a disk like this one, to be damaged. In the default shape that is this one,
  // in a process of its own: to copy it takes longer than what is done to it.
  void WithCopy(Tally& tally,
                const std::function<void(SimulatedFileSystem& disk, Tally& tally)>& body) const;
};

inline constexpr char kImageDirectory[] = "/data";
inline constexpr char kImagePartition[] = "/data/orders-0/";
inline constexpr std::uint64_t kImageSegmentBytes = 64 << 10;

// How the process that wrote it ended.
enum class ImageEnd {
  kClosed,    // cleanly; opened again in the same boot
  kPowerCut,  // all was synced before; opened in another boot
};
struct ImagePlan {
  Shape shape = Shape::kSmall;
  int segments = 2;
  ImageEnd end = ImageEnd::kClosed;
  std::size_t value_bytes = 240;  // of small records
  std::uint64_t seed = 1;
};
Image MakeImage(const ImagePlan& plan);

// The cases of the default shape: each makes an image of its own and has `damage` done to it, up to
// `times` times; that is what the amount counts.
using DamageImage = std::function<void(const Image& image, std::mt19937_64& random, Tally& tally)>;
Tally RunOnDefaultImages(const RunOptions& options, int segments, std::int64_t times,
                         const DamageImage& damage);

// A place in a file.
struct FilePlace {
  std::string file;
  std::uint64_t position = 0;
};
// One that something hangs on, most likely: the head of a frame, its checksum, its end, where the
// next claim would be marked, a header, an index, a small file; or any at all.
FilePlace PickPlace(const Image& image, std::mt19937_64& random);

// What a reader gets, going past whatever damage it is told of.
struct ReadOut {
  absl::Status status;  // not OK: it could not even begin, or go on
  // The first record that is not what was written at its offset.
  std::optional<std::int64_t> wrong;
  std::vector<bool> there;  // by offset
  // Offsets that are said to be damaged: [begin, end).
  std::vector<std::pair<std::int64_t, std::int64_t>> damaged;
  std::int64_t begin = 0;
  std::int64_t end = 0;

  bool IsThere(std::int64_t offset) const { return there[static_cast<std::size_t>(offset)]; }
  bool IsDamaged(std::int64_t offset) const;
};
// From offset 0 on, or from where the partition begins.
enum class ReadFrom { kZero, kBegin };
// What that costs, in time and in memory, must be in proportion to the files.
ReadOut ReadAll(const Image& image, SimulatedFileSystem& disk, BrokerAccess access, Tally& tally,
                bool appends = false, ReadFrom from = ReadFrom::kZero);

// True for errors that say what they mean.
bool IsTyped(const absl::Status& status);

// The whole of a file; empty when it is not there.
std::string ReadFileOf(SimulatedFileSystem& disk, const std::string& path);

std::uint64_t SizeOf(SimulatedFileSystem& disk, const std::string& path);

// Makes a file what `text` is, whatever it was.
void ReplaceFile(SimulatedFileSystem& disk, const std::string& path, const std::string& text);
void RemoveFile(SimulatedFileSystem& disk, const std::string& path);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_DISK_IMAGE_H_
