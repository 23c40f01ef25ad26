#ifndef DAYBOOK_FORMAT_BATCH_CODEC_H_
#define DAYBOOK_FORMAT_BATCH_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "daybook/frame.h"
#include "daybook/record.h"

// Writing and checking the entries of a batch frame; pure functions on bytes. The format is
// described in daybook/frame.h.

namespace daybook::inline v1::frame {

// The size of a record as an entry; 0 when it does not fit the format.
std::uint64_t EntryBytes(const Record& record);

// Encodes a record, whose EntryBytes is not 0, at `at`, which is returned moved behind it.
std::byte* PutEntry(std::byte* at, const Record& record);

// Whether `bytes` is that many entries and nothing more.
bool EntriesAreWellFormed(std::span<const std::byte> bytes, std::uint32_t count);

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_BATCH_CODEC_H_
