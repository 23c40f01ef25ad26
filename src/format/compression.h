#ifndef DAYBOOK_FORMAT_COMPRESSION_H_
#define DAYBOOK_FORMAT_COMPRESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;
struct ZSTD_CDict_s;
struct ZSTD_DDict_s;

// Zstandard as batch frames use it: see daybook/format/frame.h. What is compressed here is a frame
// of RFC 8878 with its content size, and without its magic number.

namespace daybook::inline v1 {

// What records of one kind have in common, ready for use. Immutable: any number of threads may
// use one.
class Dictionary {
 public:
  // InvalidArgument: `bytes` is no dictionary.
  static absl::StatusOr<std::shared_ptr<const Dictionary>> Make(std::string_view bytes, int level);

  // Trains at most `size` bytes of one. `samples` one after another, in sizes of `sizes`.
  // FailedPrecondition: they are too few, or have too little in common.
  static absl::StatusOr<std::string> Train(std::string_view samples,
                                           const std::vector<std::size_t>& sizes, std::size_t size);

  const std::string& bytes() const { return bytes_; }
  ~Dictionary();

 private:
  friend class Compressor;
  Dictionary() = default;

  std::string bytes_;
  ZSTD_CDict_s* compress_ = nullptr;
  ZSTD_DDict_s* decompress_ = nullptr;
};

// The state of one compression or decompression at a time. One thread at a time.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // Replaces `*packed`. With a dictionary its own level counts.
  absl::Status Compress(std::span<const std::byte> bytes, const Dictionary* dictionary, int level,
                        std::string* packed);

  // DataLoss: `packed` is not what Compress made with that dictionary, or is over `max_bytes`.
  absl::StatusOr<std::string> Decompress(std::span<const std::byte> packed,
                                         const Dictionary* dictionary, std::uint64_t max_bytes);

 private:
  ZSTD_CCtx_s* compress_ = nullptr;    // made when first needed
  ZSTD_DCtx_s* decompress_ = nullptr;  // the same
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_FORMAT_COMPRESSION_H_
