#ifndef DAYBOOK_TORTURE_IMAGE_H_
#define DAYBOOK_TORTURE_IMAGE_H_

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daybook/broker.h"
#include "daybook/frame.h"
#include "daybook/simulated_file_system.h"
#include "torture/run.h"

// A data directory on a simulated disk, of which everything is known, to be damaged: one topic,
// "orders", of one partition with several segments of 64 KiB, and a group that has committed.

namespace daybook::torture {

// Where a record lies: in a frame of a file.
struct RecordPlace {
  std::string file;
  std::uint64_t begin = 0;  // of the frame
  std::uint64_t end = 0;    // without what aligns the next one
};

struct Image {
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
  std::unique_ptr<SimulatedFileSystem> Copy() const { return disk->Kill(); }
};

inline constexpr char kImageDirectory[] = "/data";
inline constexpr char kImagePartition[] = "/data/orders-0/";
inline constexpr std::uint64_t kImageSegmentBytes = 64 << 10;

// How the process that wrote it ended.
enum class ImageEnd {
  kClosed,    // cleanly; opened again in the same boot
  kPowerCut,  // all was synced before; opened in another boot
};
Image MakeImage(int segments, ImageEnd end, std::size_t value_bytes, std::uint64_t seed);

// What a reader gets, going past whatever damage it is told of.
struct ReadOut {
  absl::Status status;  // not OK: it could not even begin, or go on
  std::map<std::int64_t, std::string> values;
  // Offsets that are said to be damaged: [begin, end).
  std::vector<std::pair<std::int64_t, std::int64_t>> damaged;
  std::int64_t begin = 0;
  std::int64_t end = 0;

  bool IsDamaged(std::int64_t offset) const;
};
// From offset 0 on, or from where the partition begins.
enum class ReadFrom { kZero, kBegin };
ReadOut ReadAll(FileSystem& disk, BrokerAccess access, bool appends = false,
                ReadFrom from = ReadFrom::kZero);

// True for errors that say what they mean.
bool IsTyped(const absl::Status& status);

// The whole of a file; empty when it is not there.
std::string ReadFileOf(SimulatedFileSystem& disk, const std::string& path);

// Makes a file what `text` is, whatever it was.
void ReplaceFile(SimulatedFileSystem& disk, const std::string& path, const std::string& text);
void RemoveFile(SimulatedFileSystem& disk, const std::string& path);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_IMAGE_H_
