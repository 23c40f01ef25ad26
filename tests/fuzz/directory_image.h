#ifndef DAYBOOK_FUZZ_DIRECTORY_IMAGE_H_
#define DAYBOOK_FUZZ_DIRECTORY_IMAGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daybook/system/simulated_file_system.h"
#include "fuzz/fuzz_target.h"

namespace daybook::fuzz {

// The files of a data directory, as the target `directory` takes them. Encoded:
//
//   1  whether they are of an earlier boot than the one that opens them
//   for each file, to the end of the input (64 at most):
//     1  name: its number in the table of known names, or 255: 1 size and so many bytes
//     3  size of the file, 256 KiB at most
//     1  how many pieces of it are not zero, each: 3 position, 2 size, and so many bytes
//
// Pieces that lie beyond the end of their file are cut.
struct FileImage {
  std::string path;  // "orders.topic", "orders-0/00000000000000000000.log"; "x/" is a directory
  std::string content;
};

struct DirectoryImage {
  bool is_of_earlier_boot = false;
  std::vector<FileImage> files;
};

DirectoryImage DecodeImage(Input input);
// The shortest input that decodes to it.
std::vector<std::uint8_t> EncodeImage(const DirectoryImage& image);

inline constexpr std::string_view kDataDirectory = "/data";

// Puts the files on a disk, durably, in kDataDirectory. Names that no file can have are left out.
std::unique_ptr<SimulatedFileSystem> MakeDisk(const DirectoryImage& image);
// The files that are in kDataDirectory.
DirectoryImage ImageOf(SimulatedFileSystem& disk);

}  // namespace daybook::fuzz

#endif  // DAYBOOK_FUZZ_DIRECTORY_IMAGE_H_
