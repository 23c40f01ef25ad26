#ifndef DAYBOOK_LOG_APPEND_BATCH_HEAD_H_
#define DAYBOOK_LOG_APPEND_BATCH_HEAD_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "format/batch_codec.h"
#include "format/frame_codec.h"

namespace daybook::inline v1 {

// The records without the times that their producer gave them. `copies` holds them.
inline std::span<const Record> WithoutTimes(std::span<const Record> records,
                                            std::vector<Record>* copies) {
  copies->assign(records.begin(), records.end());
  for (Record& record : *copies) record.timestamp.reset();
  return *copies;
}

// What a batch frame of either kind holds.
struct BatchBody {
  std::optional<std::uint64_t> transaction = std::nullopt;
  std::span<const std::byte> entries;
  std::uint32_t attributes = 0;
  frame::EntryTimes times = {};
};

// What a batch frame has between its header and its entries.
class BatchHead {
 public:
  // `latest`: see EntryTimes. `transaction`: of a transactional batch, and of no other.
  BatchHead(frame::Kind kind, std::optional<Timestamp> latest,
            std::optional<std::uint64_t> transaction)
      : latest_(latest), transaction_(transaction) {
    const frame::FrameHeader header{.length_word = frame::LengthWord(kind, 0),
                                    .checksum = 0,
                                    .append_time = 0,
                                    .offset_delta = 0,
                                    .attributes = attributes()};
    bytes_ = frame::BytesBeforeEntries(header) - frame::kFrameHeaderBytes;
  }

  std::uint32_t bytes() const { return bytes_; }

  // Of the frame, with so many bytes of entries and these attributes beside those of the head.
  frame::RecordLayout LayoutOf(std::uint64_t entry_bytes, std::uint32_t batch_attributes) const {
    return {.length = frame::kFrameHeaderBytes + bytes_ + static_cast<std::uint32_t>(entry_bytes),
            .attributes = batch_attributes | attributes()};
  }

  // Writes it at `at`, which is returned moved behind it.
  std::byte* Put(std::byte* at) const {
    if (transaction_) {
      std::memcpy(at, &*transaction_, sizeof *transaction_);
      at += sizeof *transaction_;
    }
    if (latest_) {
      const std::int64_t nanos = latest_->time_since_epoch().count();
      std::memcpy(at, &nanos, sizeof nanos);
      at += sizeof nanos;
    }
    return at;
  }

 private:
  std::uint32_t attributes() const { return latest_ ? frame::kBatchHasTimes : 0U; }

  std::optional<Timestamp> latest_;
  std::optional<std::uint64_t> transaction_;
  std::uint32_t bytes_ = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_BATCH_HEAD_H_
