#ifndef DAYBOOK_FORMAT_FRAME_H_
#define DAYBOOK_FORMAT_FRAME_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

// The format of a segment file, version 2. This is its one description; the golden bytes in
// tests/format/frame_codec_test.cc pin it. All integers are little-endian. How records are read
// from their bytes is in decode_record.h.
//
//   segment  :=  header  frame*
//
// Header: the first 4096 bytes (one page, so that frames start on a page of their own).
//
//      0   8  magic             "DAYBOOK" and a newline
//      8   4  format_version    2
//     12   4  checksum          over bytes [0, 64) with this field zero; no salt
//     16   8  segment_id        random; salts every checksum below, so that stale bytes of
//                               another segment never validate
//     24   8  base_offset       of the first record
//     32   4  leader_epoch
//     36   4  max_frame_bytes   no frame of this segment is longer
//     40   8  capacity          bytes that the file may grow to, the header included
//     48   8  created           nanoseconds since the Unix epoch
//     56   8  settled_before    when this one was made, all segments of a base offset below it were
//                               sealed and without open claims, and their checkpoints said so.
//                               For the boot of the checkpoint alone. 0: not known
//    512  64  checkpoint slot A \  the valid one with the higher sequence counts; in sectors of
//   1024  64  checkpoint slot B /  their own, so that a torn write spoils one at the most
//   1536   8  claim bound       low half: no claim ever reached beyond so many units of 8 bytes;
//                               high half: checksum over the low one, salted with segment_id. For
//                               the boot in which it was written alone. 0: not known
//          the rest is zero
//
// Checkpoint slot: what is known of the frames of this segment.
//
//      0   8  sequence
//      8   8  durable_position  every frame below it had been synced; bad bytes below it are
//     16   8  durable_offset    damage, above it they may be a torn tail
//     24   8  committed_position  every frame below it was committed when the machine was in
//     32   8  committed_offset    the boot of boot_id: trusted for that boot alone
//     40  16  boot_id
//     56   4  flags             1: a sync of the file failed in that boot, so that the kernel may
//                               take pages for clean that never reached the disk; else zero
//     60   4  checksum          over the 60 bytes before it, salted with segment_id
//
// Frame: starts at a multiple of 8. A writer claims the bytes, marks the claim, fills in everything
// behind the first 8 bytes, and commits by storing these 8, length word and checksum, at once.
// Unused space is zero.
//
//      0   4  length_word       bits 0..27 length: bytes of the frame, this word included and the
//                               padding to the next multiple of 8 not; bits 28..31 kind.
//                               0: nothing has been committed here yet; see Open claims
//      4   4  checksum          over all other bytes, segment_id and the position; see below
//      8   8  append_time       nanoseconds since the Unix epoch
//     16   4  offset_delta      offset of the frame less base_offset
//     20   4  attributes        by kind, below
//
//   kind 1, record. attributes: bits 0..23 key length, then flags (see Attribute). Then
//             8  producer       if kHasProducer: XXH3 of the name of who produced it, ...
//             8  sequence       ... and its number there, not negative, which rises
//             8  event_time     if kHasEventTime
//           key  bytes          if kHasKey
//             4  headers_size   if kHasHeaders, and so many bytes of headers, each:
//                                 2 name size, 4 value size (0xffffffff: absent), name, value
//         value  bytes          to the end of the frame; none if kTombstone
//   kind 2, padding: a claim that was given up, or that never was committed before a crash.
//           attributes: how many offsets it takes up, from offset_delta on. The body is zero and,
//           unlike other bodies, not under the checksum, which takes it as empty.
//   kind 3, seal: the last frame of a segment that takes no more. offset_delta is one past the
//           last offset; append_time says when it was sealed; attributes zero; the length is 24.
//           The file may be longer, with no blocks behind the page of the seal: a file is never
//           cut while somebody may have it mapped.
//   kind 4, batch: records that were appended together. attributes: bits 0..19 how many (at least
//           one), each taking one offset, from offset_delta on; bit 20 kBatchCompressed; bit 31
//           kBatchHasTimes. The body is
//             8  latest         if kBatchHasTimes: the largest timestamp of its records
//           and then that many entries without anything between them, each:
//             4  entry_word     bits 0..27 bytes of the value, then flags (see EntryFlag)
//             8  event_time     if kEntryHasEventTime
//             4  key_size       if kEntryHasKey, and so many bytes of key
//             4  headers_size   if kEntryHasHeaders, and so many bytes of headers, as above
//         value  bytes
//           or, if kBatchCompressed, the entries as one Zstandard frame (RFC 8878) that says how
//           large its content is, without the four bytes of its magic number. Bits 21..30 are the
//           number of the topic's dictionary that it is compressed with; 0: none.
//   kind 5, transactional batch: a batch of records that count only if their transaction was
//           committed, which is said elsewhere. As kind 4, but the body begins with
//             8  transaction    the id of the transaction
//   other kinds belong to later format versions.
//
// Checksum of a frame: the low half of
//   fold(fold(append_time ^ K0, (attributes << 32 | offset_delta) ^ segment_id ^ K1) ^
//        (position << 32 | length_word), XXH3(body) ^ segment_id),
// where fold is the xor of both halves of the 128-bit product, XXH3 the 64-bit one without a seed,
// and K is kChecksumKeys. So the writer can hash a body before it knows its place. A factor of zero
// would hide the other one: who does not know the id of a segment cannot write a body that is one.
//
// Every gap that a crash leaves is a whole number of claims: it has room for a padding frame.
//
// Open claims. A claim that is not committed has a zero length word and, in place of the checksum,
//
//      4   4  claim_mark        bits 0..24: how many units of 8 bytes were claimed, less one; bits
//                               25..31: those bits of
//                               (end of the claim in units * 0x9e3779b1) ^ segment_id
//
// The mark is the first that a writer stores in a claim. A kill at any instruction keeps the stores
// of each thread in their order, so in the boot in which the claim was made, its first 8 bytes are
//   a mark    the next claim begins where the mark says. Whatever else the claim holds is no part
//             of the log, though it may look like frames
//   zero      the claim was not even marked, and all of it is zero: of what is not zero behind it,
//             the first 8 bytes (at a multiple of 8) are those of the next claim
// After a power cut neither holds: pages may be missing. Whoever fills a gap with padding, or
// clears what is behind the end, keeps a mark over all of it until the frame there is committed.

namespace daybook::inline v1::frame {

static_assert(std::endian::native == std::endian::little, "as the format is");

inline constexpr std::uint32_t kFormatVersion = 2;
inline constexpr std::array<char, 8> kMagic = {'D', 'A', 'Y', 'B', 'O', 'O', 'K', '\n'};

inline constexpr std::uint64_t kSegmentHeaderBytes = 4096;
inline constexpr std::uint64_t kCheckpointPositions[2] = {512, 1024};
inline constexpr std::uint64_t kClaimBoundPosition = 1536;
inline constexpr std::uint64_t kFrameAlignment = 8;
inline constexpr std::uint32_t kFrameHeaderBytes = 24;
inline constexpr std::uint32_t kSealBytes = kFrameHeaderBytes;
// Digits of pi. No time since 1970 is the first one.
inline constexpr std::uint64_t kChecksumKeys[2] = {0xbe54'66cf'34e9'0c6c, 0x243f'6a88'85a3'08d3};

// Limits of the format. Those of a topic (TopicOptions) are lower.
inline constexpr std::uint32_t kMaxFrameBytes = (1U << 28) - 1;
// What a frame has at most around key, headers and value of one record: head, event time, and then
// producer, sequence and size of the headers, or transaction, largest time and all three sizes.
inline constexpr std::uint32_t kMaxAroundRecord = 60;
inline constexpr std::uint32_t kMaxKeyBytes = (1U << 24) - 1;
inline constexpr std::uint32_t kMaxHeaderNameBytes = 0xffff;

enum class Kind : std::uint8_t {
  kRecord = 1,
  kPadding = 2,
  kSeal = 3,
  kBatch = 4,
  kTransactional = 5,
};

enum Attribute : std::uint32_t {
  kHasKey = 1U << 24,
  kHasHeaders = 1U << 25,
  kHasEventTime = 1U << 26,
  kTombstone = 1U << 27,
  kHasProducer = 1U << 28,
  kKeyLengthMask = kMaxKeyBytes,
  kReservedAttributes = 0xe000'0000,
};

enum BatchAttribute : std::uint32_t {
  kBatchCountMask = (1U << 20) - 1,
  kBatchCompressed = 1U << 20,
  kBatchHasTimes = 1U << 31,
};
inline constexpr std::uint32_t kMaxBatchRecords = kBatchCountMask;
inline constexpr int kBatchDictionaryShift = 21;
inline constexpr std::uint32_t kMaxDictionaries = (1U << 10) - 1;
inline constexpr std::uint32_t kTransactionIdBytes = 8;
inline constexpr std::uint32_t kLatestTimeBytes = 8;
inline constexpr std::uint32_t kProducerBytes = 16;

enum EntryFlag : std::uint32_t {
  kEntryHasKey = 1U << 28,
  kEntryHasHeaders = 1U << 29,
  kEntryHasEventTime = 1U << 30,
  kEntryTombstone = 1U << 31,
  kEntryValueMask = (1U << 28) - 1,
};

// Whose a record is, and which of theirs: as it stands in a frame with kHasProducer.
struct ProducerSequence {
  std::uint64_t producer = 0;
  std::int64_t sequence = 0;
};
static_assert(sizeof(ProducerSequence) == kProducerBytes);

struct SegmentHeader {
  std::array<char, 8> magic;
  std::uint32_t format_version;
  std::uint32_t checksum;
  std::uint64_t segment_id;
  std::int64_t base_offset;
  std::uint32_t leader_epoch;
  std::uint32_t max_frame_bytes;
  std::uint64_t capacity;
  std::int64_t created;
  std::int64_t settled_before;
};
static_assert(sizeof(SegmentHeader) == 64 && offsetof(SegmentHeader, segment_id) == 16);
static_assert(offsetof(SegmentHeader, settled_before) == 56);

struct CheckpointSlot {
  std::uint64_t sequence;
  std::uint64_t durable_position;
  std::int64_t durable_offset;
  std::uint64_t committed_position;
  std::int64_t committed_offset;
  std::array<std::byte, 16> boot_id;
  std::uint32_t flags;
  std::uint32_t checksum;
};
inline constexpr std::uint32_t kSyncHasFailed = 1;
static_assert(sizeof(CheckpointSlot) == 64 && offsetof(CheckpointSlot, boot_id) == 40);

struct FrameHeader {
  std::uint32_t length_word;
  std::uint32_t checksum;
  std::int64_t append_time;
  std::uint32_t offset_delta;
  std::uint32_t attributes;
};
static_assert(sizeof(FrameHeader) == kFrameHeaderBytes);
static_assert(offsetof(FrameHeader, offset_delta) == 16);
static_assert(kFrameHeaderBytes % kFrameAlignment == 0);

constexpr std::uint32_t LengthWord(Kind kind, std::uint32_t length) {
  return static_cast<std::uint32_t>(kind) << 28 | length;
}
constexpr std::uint32_t LengthOf(std::uint32_t length_word) { return length_word & 0x0fff'ffff; }
constexpr Kind KindOf(std::uint32_t length_word) { return static_cast<Kind>(length_word >> 28); }
// Batches of both kinds.
constexpr bool HoldsEntries(Kind kind) {
  return kind == Kind::kBatch || kind == Kind::kTransactional;
}
// The number of the dictionary that a batch is compressed with; 0: none.
constexpr std::uint32_t DictionaryOf(std::uint32_t batch_attributes) {
  return batch_attributes >> kBatchDictionaryShift & kMaxDictionaries;
}
// How far it is from a frame to the next one.
constexpr std::uint64_t AlignedLength(std::uint64_t length) {
  return (length + kFrameAlignment - 1) & ~(kFrameAlignment - 1);
}

// The only ways to touch the first 8 bytes of a frame that another thread or process may touch too.
// The release store publishes the whole frame; the acquire load that sees it sees the whole frame.
inline void CommitFrame(std::byte* frame, std::uint32_t length_word, std::uint32_t checksum) {
  std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(frame))
      .store(std::uint64_t{checksum} << 32 | length_word, std::memory_order_release);
}
// Length word and, above it, checksum or claim mark. By one access each, nothing is torn.
inline std::uint64_t AcquireFrameWord(const std::byte* frame) {
  // The map may be read-only: a load writes nothing, but atomic_ref<const T> is C++26.
  auto* word = const_cast<std::uint64_t*>(reinterpret_cast<const std::uint64_t*>(frame));
  return std::atomic_ref<std::uint64_t>(*word).load(std::memory_order_acquire);
}
inline std::uint32_t AcquireLengthWord(const std::byte* frame) {
  return static_cast<std::uint32_t>(AcquireFrameWord(frame));
}
static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

inline constexpr std::uint32_t kClaimUnitsMask = (1U << 25) - 1;
inline constexpr std::uint64_t kMaxClaimBytes = (std::uint64_t{kClaimUnitsMask} + 1) * 8;
static_assert(AlignedLength(kMaxFrameBytes) <= kMaxClaimBytes);

// The mark of a claim of `bytes` (a multiple of 8, not 0) at `position`; never 0 for a whole frame.
constexpr std::uint32_t ClaimMark(std::uint64_t position, std::uint64_t bytes,
                                  std::uint64_t segment_id) {
  const auto end = static_cast<std::uint32_t>((position + bytes) / kFrameAlignment);
  const std::uint32_t check = (end * 0x9e37'79b1U) ^ static_cast<std::uint32_t>(segment_id);
  return (check & ~kClaimUnitsMask) | static_cast<std::uint32_t>(bytes / kFrameAlignment - 1);
}
// How many bytes the claim at `position` with this frame word has; 0 if that is no mark.
constexpr std::uint64_t MarkedBytes(std::uint64_t frame_word, std::uint64_t position,
                                    std::uint64_t segment_id) {
  const auto mark = static_cast<std::uint32_t>(frame_word >> 32);
  const std::uint64_t bytes = (std::uint64_t{mark & kClaimUnitsMask} + 1) * kFrameAlignment;
  const bool is_mark = static_cast<std::uint32_t>(frame_word) == 0 && bytes >= kFrameHeaderBytes &&
                       mark == ClaimMark(position, bytes, segment_id);
  return is_mark ? bytes : 0;
}
// Marks a claim, before anything else is stored in it.
inline void MarkClaim(std::byte* frame, std::uint64_t position, std::uint64_t bytes,
                      std::uint64_t segment_id) {
  std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(frame))
      .store(std::uint64_t{ClaimMark(position, bytes, segment_id)} << 32,
             std::memory_order_relaxed);
  // A kill keeps the order of the instructions; this makes that the order of the stores.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

// The header, but for the length word as it was acquired. One by one: few look at all of them.
inline FrameHeader LoadFrameHeader(const std::byte* frame, std::uint32_t length_word) {
  FrameHeader header{};
  header.length_word = length_word;
  std::memcpy(&header.checksum, frame + 4, sizeof header.checksum);
  std::memcpy(&header.append_time, frame + 8, sizeof header.append_time);
  std::memcpy(&header.offset_delta, frame + 16, sizeof header.offset_delta);
  std::memcpy(&header.attributes, frame + 20, sizeof header.attributes);
  return header;
}

// How many bytes of a batch, of either kind, come before its entries.
constexpr std::uint32_t BytesBeforeEntries(const FrameHeader& header) {
  return kFrameHeaderBytes +
         (KindOf(header.length_word) == Kind::kTransactional ? kTransactionIdBytes : 0U) +
         (header.attributes & kBatchHasTimes ? kLatestTimeBytes : 0U);
}

// How many offsets the frame takes up.
constexpr std::uint32_t OffsetCount(const FrameHeader& header) {
  switch (KindOf(header.length_word)) {
    case Kind::kRecord:
      return 1;
    case Kind::kPadding:
      return header.attributes;
    case Kind::kBatch:
    case Kind::kTransactional:
      return header.attributes & kBatchCountMask;
    default:
      return 0;
  }
}

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_FRAME_H_
