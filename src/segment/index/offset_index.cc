#include "segment/index/offset_index.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/checksum.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kOffsetIndexMagic = "DAYBOOKI";

struct FileHeader {
  char magic[8];
  std::uint64_t segment_id;
  std::uint64_t count;
  std::uint64_t hash;
};
static_assert(sizeof(FileHeader) == 32);

}  // namespace

OffsetIndex::OffsetIndex(std::uint64_t capacity)
    : count_(capacity / kInterval + 1), blocks_((count_ + kBlockSlots - 1) / kBlockSlots) {}

OffsetIndex::~OffsetIndex() { Clear(); }

void OffsetIndex::Clear() {
  for (auto& block : blocks_) delete block.exchange(nullptr, std::memory_order_relaxed);
}

OffsetIndex::Block* OffsetIndex::BlockFor(std::uint64_t slot) {
  std::atomic<Block*>& place = blocks_[slot / kBlockSlots];
  Block* block = place.load(std::memory_order_acquire);
  if (block != nullptr) return block;
  std::unique_ptr<Block> made(new (std::nothrow) Block);
  if (made == nullptr) return nullptr;
  // Somebody else may have been first; `block` is theirs then.
  if (!place.compare_exchange_strong(block, made.get(), std::memory_order_acq_rel)) return block;
  return made.release();
}

void OffsetIndex::Store(std::uint64_t first, std::uint64_t last, ClaimWord word) {
  // A frame over several intervals: no frame begins in all but the last, so their slots name the
  // next frame as well.
  for (std::uint64_t slot = first; slot <= last && slot < count_; ++slot) {
    if (Block* block = BlockFor(slot); block != nullptr) {
      block->slots[slot % kBlockSlots].store(word, std::memory_order_relaxed);
    }
  }
}

OffsetIndex::Span OffsetIndex::All(ClaimWord end) const {
  return {.best = kFirstFrame,
          .low = PositionOf(kFirstFrame) / kInterval,  // its frame is `best`
          .high = std::min(PositionOf(end) / kInterval, count_ - 1)};
}

ClaimWord OffsetIndex::FindDelta(std::uint32_t delta, ClaimWord end) const {
  Span left = All(end);
  // Records are often of like size: then a guess is next to the answer, and the one after it is the
  // answer. Each place that is not looked at is a cache miss less.
  std::uint64_t high_delta = RecordsOf(end);
  for (int guess = 0; guess < 4 && left.low < left.high; ++guess) {
    const std::uint64_t low_delta = RecordsOf(left.best);
    if (delta < low_delta || delta >= high_delta) break;
    const std::uint64_t slots =
        (delta - low_delta) * (left.high + 1 - left.low) / (high_delta - low_delta);
    const std::uint64_t slot = left.low + std::clamp<std::uint64_t>(slots, 1, left.high - left.low);
    const ClaimWord word = Get(slot);
    if (word == 0 || PositionOf(word) >= PositionOf(end)) break;
    if (RecordsOf(word) <= delta) {
      left.best = word;
      left.low = slot;
    } else {
      high_delta = RecordsOf(word);
      left.high = slot - 1;
    }
  }
  return FindLast(left, end, [delta](ClaimWord word) { return RecordsOf(word) <= delta; });
}

ClaimWord OffsetIndex::FindPosition(std::uint64_t position, ClaimWord end) const {
  const std::uint64_t last = std::min(PositionOf(end) / kInterval, count_ - 1);
  for (std::uint64_t slot = position / kInterval; slot <= last; ++slot) {
    const ClaimWord word = Get(slot);
    if (PositionOf(word) >= position && PositionOf(word) < PositionOf(end)) return word;
  }
  return end;
}

std::string OffsetIndex::Encode(std::uint64_t segment_id, ClaimWord end) const {
  const std::uint64_t count = std::min(PositionOf(end) / kInterval + 1, count_);
  std::vector<std::uint64_t> slots(count);
  for (std::uint64_t i = 0; i < count; ++i) slots[i] = Get(i);
  FileHeader header{.magic = {},
                    .segment_id = segment_id,
                    .count = count,
                    .hash = Hash64(std::as_bytes(std::span(slots)))};
  std::memcpy(header.magic, kOffsetIndexMagic.data(), kOffsetIndexMagic.size());
  std::string encoded(reinterpret_cast<const char*>(&header), sizeof header);
  encoded.append(reinterpret_cast<const char*>(slots.data()), count * sizeof(std::uint64_t));
  return encoded;
}

std::size_t OffsetIndex::FileBytes(std::string_view encoded) {
  FileHeader header;
  if (encoded.size() < sizeof header) return encoded.size();
  std::memcpy(&header, encoded.data(), sizeof header);
  const std::size_t most = (encoded.size() - sizeof header) / sizeof(std::uint64_t);
  return header.count > most ? encoded.size()
                             : sizeof header + header.count * sizeof(std::uint64_t);
}

absl::Status OffsetIndex::Load(std::uint64_t segment_id, std::string_view encoded) {
  FileHeader header;
  if (encoded.size() < sizeof header) return absl::DataLossError("the index is too short");
  std::memcpy(&header, encoded.data(), sizeof header);
  const std::string_view body = encoded.substr(sizeof header);
  if (std::string_view(header.magic, sizeof header.magic) != kOffsetIndexMagic ||
      header.segment_id != segment_id || header.count > count_ ||
      body.size() != header.count * sizeof(std::uint64_t) ||
      Hash64(std::as_bytes(std::span(body))) != header.hash) {
    return absl::DataLossError("the index is damaged or belongs to another segment");
  }
  for (std::uint64_t i = 0; i < header.count; ++i) {
    std::uint64_t word;
    std::memcpy(&word, body.data() + i * sizeof word, sizeof word);
    if (word != 0) Store(i, i, word);
  }
  return absl::OkStatus();
}

bool OffsetIndex::AgreesWith(const OffsetIndex& truth) const {
  for (std::uint64_t slot = 0; slot < count_; ++slot) {
    if (const ClaimWord word = Get(slot); word != 0 && word != truth.Get(slot)) return false;
  }
  return true;
}

}  // namespace daybook::inline v1
