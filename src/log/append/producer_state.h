#ifndef DAYBOOK_LOG_APPEND_PRODUCER_STATE_H_
#define DAYBOOK_LOG_APPEND_PRODUCER_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "daybook/format/frame.h"
#include "daybook/offset.h"
#include "segment/claim_word.h"

namespace daybook::inline v1 {

// What stands for the name of a producer in the log.
std::uint64_t ProducerId(std::string_view name);

// The producers of a partition: the last sequence of each with its offset, and some of those before
// it, so that any of them is found again without a look at the whole log. Rebuilt from the log,
// which alone counts. One thread at a time.
//
// To spare that look, it is also kept in a file beside a sealed segment: as it was at its seal.
//
// File: magic "DAYBOOKP", 8 segment_id, 8 the claim word of the seal, 8 number of entries, 8 XXH3
// of the file with this field zero, then the entries by producer: 8 producer, 8 last sequence,
// 8 its offset; all little-endian.
class ProducerState {
 public:
  struct Last {
    std::int64_t sequence = 0;
    Offset offset;
  };

  // The next Note of a record of that producer takes no memory.
  void Prepare(std::uint64_t producer);
  // A record of a producer, in the order of the log. What is not above its last one is left out.
  void Note(const frame::ProducerSequence& record, Offset offset);

  std::optional<Last> LastOf(std::uint64_t producer) const;

  // Where the record with a sequence not above the last one is to be looked for.
  struct Search {
    std::optional<Offset> found;  // it is there, ...
    std::optional<Offset> begin;  // ... or at or after this (absent: nothing is known), ...
    Offset end;                   // ... and before this
  };
  // The producer must be known.
  Search Find(const frame::ProducerSequence& wanted) const;

  std::string Encode(std::uint64_t segment_id, ClaimWord seal) const;
  // Replaces what is known. DataLoss, and nothing is changed: the bytes are damaged, or were not
  // written at this seal of this segment.
  absl::Status Load(std::uint64_t segment_id, ClaimWord seal, std::string_view encoded);

 private:
  static constexpr std::int64_t kNoSequence = -1;
  struct Producer {
    Last last{.sequence = kNoSequence, .offset = Offset()};  // until the first record is noted
    // One in every `interval` records, in order.
    std::vector<Last> some = {};
    std::uint64_t interval = kInterval;
    std::uint64_t records = 0;
  };
  static constexpr std::uint64_t kInterval = 256;
  // From so many on, only every second one is kept.
  static constexpr std::size_t kMaxSome = 4096;

  std::unordered_map<std::uint64_t, Producer> producers_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_PRODUCER_STATE_H_
