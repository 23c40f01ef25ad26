#ifndef DAYBOOK_FUZZ_REPAIR_H_
#define DAYBOOK_FUZZ_REPAIR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "fuzz/fuzz_target.h"

// Makes checksums right again after bytes were changed: fuzzing would otherwise end at the first
// checksum every time, and what stands behind it would never see hostile bytes.

namespace daybook::fuzz {

// Of every place behind the header page of a segment where the fields of a frame agree.
void RepairFrames(std::span<std::byte> segment, std::uint64_t segment_id);
// Of a whole segment file: header, checkpoint slots, claim bound and frames.
void RepairSegmentFile(std::span<std::byte> file);
// Of an index file, a settings file, a dictionary.
void RepairIndexFile(std::string* file);
void RepairPropertiesFile(std::string* file);
void RepairDictionaryFile(std::string* file);
// What is due for a file of this name in a data directory.
void RepairFile(std::string_view name, std::string* file);

// The mutators of targets whose input is such bytes.
std::size_t MutateSegment(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t seed,
                          Mutate mutate);
std::size_t MutateSegmentHeader(std::span<std::uint8_t> buffer, std::size_t size,
                                std::uint64_t seed, Mutate mutate);
std::size_t MutateOffsetIndex(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t seed,
                              Mutate mutate);
std::size_t MutateProperties(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t seed,
                             Mutate mutate);
// And of the one whose input is a directory: see directory_image.h.
std::size_t MutateDirectory(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t seed,
                            Mutate mutate);

}  // namespace daybook::fuzz

#endif  // DAYBOOK_FUZZ_REPAIR_H_
