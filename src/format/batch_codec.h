#ifndef DAYBOOK_FORMAT_BATCH_CODEC_H_
#define DAYBOOK_FORMAT_BATCH_CODEC_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "daybook/format/frame.h"
#include "daybook/record.h"

// Writing and checking the entries of a batch frame; pure functions on bytes. The format is
// described in daybook/format/frame.h.

namespace daybook::inline v1::frame {

// The size of a record as an entry; 0 when it does not fit the format.
std::uint64_t EntryBytes(const Record& record);

// Encodes a record, whose EntryBytes is not 0, at `at`, which is returned moved behind it.
std::byte* PutEntry(std::byte* at, const Record& record);

// What a batch frame says of the times of its records, gathered as they are encoded.
class EntryTimes {
 public:
  void Note(const Record& record) {
    if (!record.timestamp) {
      all_have_one_ = false;
    } else if (!latest_ || *record.timestamp > *latest_) {
      latest_ = record.timestamp;
    }
  }
  // The largest timestamp of a batch that is appended at `append_time`; absent if none of its
  // records has a time of its own.
  std::optional<Timestamp> Latest(Timestamp append_time) const {
    return latest_ && !all_have_one_ ? std::max(*latest_, append_time) : latest_;
  }
  bool has_any() const { return latest_.has_value(); }

 private:
  std::optional<Timestamp> latest_;  // of their own
  bool all_have_one_ = true;
};

// Whether `bytes` is that many entries and nothing more.
bool EntriesAreWellFormed(std::span<const std::byte> bytes, std::uint32_t count);

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_BATCH_CODEC_H_
