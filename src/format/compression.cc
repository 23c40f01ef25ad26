#include "format/compression.h"

#include <zdict.h>
#include <zstd.h>

#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {
namespace {

// ZSTD_MAGICNUMBER, little-endian: left out of what is stored.
constexpr std::size_t kMagicBytes = 4;
constexpr std::array<char, kMagicBytes> kMagic = {'\x28', '\xb5', '\x2f', '\xfd'};

}  // namespace

absl::StatusOr<std::shared_ptr<const Dictionary>> Dictionary::Make(std::string_view bytes,
                                                                   int level) {
  if (ZDICT_getDictID(bytes.data(), bytes.size()) == 0) {
    return absl::InvalidArgumentError("these bytes are no dictionary of Zstandard");
  }
  std::shared_ptr<Dictionary> dictionary(new Dictionary);
  dictionary->bytes_ = bytes;
  dictionary->compress_ = ZSTD_createCDict(bytes.data(), bytes.size(), level);
  dictionary->decompress_ = ZSTD_createDDict(bytes.data(), bytes.size());
  if (dictionary->compress_ == nullptr || dictionary->decompress_ == nullptr) {
    return absl::InvalidArgumentError("Zstandard does not take this dictionary");
  }
  return dictionary;
}

Dictionary::~Dictionary() {
  ZSTD_freeCDict(compress_);
  ZSTD_freeDDict(decompress_);
}

absl::StatusOr<std::string> Dictionary::Train(std::string_view samples,
                                              const std::vector<std::size_t>& sizes,
                                              std::size_t size) {
  std::string bytes(size, '\0');
  const std::size_t trained =
      ZDICT_trainFromBuffer(bytes.data(), bytes.size(), samples.data(), sizes.data(),
                            static_cast<unsigned>(sizes.size()));
  if (ZDICT_isError(trained)) {
    return absl::FailedPreconditionError(absl::StrCat("no dictionary can be trained from ",
                                                      sizes.size(),
                                                      " records: ", ZDICT_getErrorName(trained)));
  }
  bytes.resize(trained);
  return bytes;
}

Compressor::Compressor() = default;

Compressor::~Compressor() {
  ZSTD_freeCCtx(compress_);
  ZSTD_freeDCtx(decompress_);
}

absl::Status Compressor::Compress(std::span<const std::byte> bytes, const Dictionary* dictionary,
                                  int level, std::string* packed) {
  if (compress_ == nullptr) compress_ = ZSTD_createCCtx();
  packed->resize(ZSTD_compressBound(bytes.size()));
  ZSTD_CCtx_reset(compress_, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(compress_, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(compress_, ZSTD_c_contentSizeFlag, 1);
  ZSTD_CCtx_setParameter(compress_, ZSTD_c_dictIDFlag, 0);  // the frame says which one
  ZSTD_CCtx_refCDict(compress_, dictionary == nullptr ? nullptr : dictionary->compress_);
  const std::size_t size =
      ZSTD_compress2(compress_, packed->data(), packed->size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size)) {
    return absl::InternalError(absl::StrCat("Zstandard: ", ZSTD_getErrorName(size)));
  }
  packed->resize(size);
  packed->erase(0, kMagicBytes);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Compressor::Decompress(std::span<const std::byte> packed,
                                                   const Dictionary* dictionary,
                                                   std::uint64_t max_bytes) {
  std::string whole(kMagic.data(), kMagic.size());
  whole.append(reinterpret_cast<const char*>(packed.data()), packed.size());
  const auto size = ZSTD_getFrameContentSize(whole.data(), whole.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > max_bytes) {
    return absl::DataLossError("it is compressed in a way that is not known");
  }
  if (decompress_ == nullptr) decompress_ = ZSTD_createDCtx();
  std::string bytes(size, '\0');
  ZSTD_DCtx_reset(decompress_, ZSTD_reset_session_and_parameters);
  ZSTD_DCtx_refDDict(decompress_, dictionary == nullptr ? nullptr : dictionary->decompress_);
  const std::size_t got =
      ZSTD_decompressDCtx(decompress_, bytes.data(), bytes.size(), whole.data(), whole.size());
  if (ZSTD_isError(got) || got != size) {
    return absl::DataLossError(
        absl::StrCat("it cannot be decompressed: ",
                     ZSTD_isError(got) ? ZSTD_getErrorName(got) : "too few bytes"));
  }
  return bytes;
}

}  // namespace daybook::inline v1
