#include "log/append/producer_state.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/checksum.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kMagic = "DAYBOOKP";

struct FileHeader {
  char magic[8];
  std::uint64_t segment_id;
  std::uint64_t seal;
  std::uint64_t count;
  std::uint64_t hash;
};
static_assert(sizeof(FileHeader) == 40);

struct FileEntry {
  std::uint64_t producer;
  std::int64_t sequence;
  std::int64_t offset;
};
static_assert(sizeof(FileEntry) == 24);

std::uint64_t HashOf(std::string_view file) {
  std::string zeroed(file);
  std::memset(zeroed.data() + offsetof(FileHeader, hash), 0, sizeof(std::uint64_t));
  return Hash64(std::as_bytes(std::span(zeroed)));
}

}  // namespace

std::uint64_t ProducerId(std::string_view name) { return Hash64(std::as_bytes(std::span(name))); }

void ProducerState::Prepare(std::uint64_t producer) {
  std::vector<Last>& some = producers_.try_emplace(producer).first->second.some;
  if (some.size() == some.capacity()) some.reserve(std::max<std::size_t>(4, 2 * some.size()));
}

void ProducerState::Note(const frame::ProducerSequence& record, Offset offset) {
  const Last noted{.sequence = record.sequence, .offset = offset};
  Producer& producer = producers_.try_emplace(record.producer).first->second;
  if (record.sequence <= producer.last.sequence) return;
  producer.last = noted;
  if (producer.records++ % producer.interval != 0) return;
  producer.some.push_back(noted);
  if (producer.some.size() < kMaxSome) return;
  for (std::size_t i = 0; 2 * i < kMaxSome; ++i) producer.some[i] = producer.some[2 * i];
  producer.some.resize(kMaxSome / 2);
  producer.interval *= 2;
}

std::optional<ProducerState::Last> ProducerState::LastOf(std::uint64_t producer) const {
  const auto found = producers_.find(producer);
  if (found == producers_.end() || found->second.last.sequence == kNoSequence) return std::nullopt;
  return found->second.last;
}

ProducerState::Search ProducerState::Find(const frame::ProducerSequence& wanted) const {
  const Producer& producer = producers_.at(wanted.producer);
  if (wanted.sequence == producer.last.sequence) {
    return {.found = producer.last.offset, .begin = std::nullopt, .end = Offset()};
  }
  Search search{.found = std::nullopt, .begin = std::nullopt, .end = producer.last.offset};
  const auto above = std::upper_bound(
      producer.some.begin(), producer.some.end(), wanted.sequence,
      [](std::int64_t sequence, const Last& noted) { return sequence < noted.sequence; });
  if (above != producer.some.end()) search.end = above->offset;
  if (above != producer.some.begin()) {
    search.begin = std::prev(above)->offset;
    if (std::prev(above)->sequence == wanted.sequence) search.found = search.begin;
  }
  return search;
}

std::string ProducerState::Encode(std::uint64_t segment_id, ClaimWord seal) const {
  std::vector<FileEntry> entries;
  for (const auto& [id, producer] : producers_) {
    if (producer.last.sequence == kNoSequence) continue;
    entries.push_back({.producer = id,
                       .sequence = producer.last.sequence,
                       .offset = producer.last.offset.value()});
  }
  std::sort(entries.begin(), entries.end(),
            [](const FileEntry& a, const FileEntry& b) { return a.producer < b.producer; });
  FileHeader header{
      .magic = {}, .segment_id = segment_id, .seal = seal, .count = entries.size(), .hash = 0};
  std::memcpy(header.magic, kMagic.data(), kMagic.size());
  std::string encoded(reinterpret_cast<const char*>(&header), sizeof header);
  if (!entries.empty()) {
    encoded.append(reinterpret_cast<const char*>(entries.data()),
                   entries.size() * sizeof(FileEntry));
  }
  const std::uint64_t hash = HashOf(encoded);
  std::memcpy(encoded.data() + offsetof(FileHeader, hash), &hash, sizeof hash);
  return encoded;
}

absl::Status ProducerState::Load(std::uint64_t segment_id, ClaimWord seal,
                                 std::string_view encoded) {
  FileHeader header;
  const absl::Status damage =
      absl::DataLossError("the list of producers is damaged or belongs to another segment");
  if (encoded.size() < sizeof header) return damage;
  std::memcpy(&header, encoded.data(), sizeof header);
  const std::string_view body = encoded.substr(sizeof header);
  if (std::string_view(header.magic, sizeof header.magic) != kMagic ||
      header.segment_id != segment_id || header.seal != seal ||
      body.size() % sizeof(FileEntry) != 0 || header.count != body.size() / sizeof(FileEntry) ||
      header.hash != HashOf(encoded)) {
    return damage;
  }
  producers_.clear();
  for (std::size_t at = 0; at < body.size(); at += sizeof(FileEntry)) {
    FileEntry entry;
    std::memcpy(&entry, body.data() + at, sizeof entry);
    producers_[entry.producer] = {
        .last = {.sequence = entry.sequence, .offset = Offset(entry.offset)}};
  }
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
