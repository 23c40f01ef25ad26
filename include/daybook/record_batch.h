#ifndef DAYBOOK_RECORD_BATCH_H_
#define DAYBOOK_RECORD_BATCH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daybook/format/decode_record.h"
#include "daybook/record.h"

namespace daybook::inline v1 {

// Consecutive records of one partition, decoded while iterating, in place: in the mapped segment,
// or in memory of the batch's own for what was compressed. The batch pins the segment: the bytes
// under its views stay as long as it, or a copy of it, lives. Copies are cheap
// (one reference count). Every record was checked against its checksum before the batch was made.
//
//   auto batch = consumer->Poll(std::chrono::seconds(1)).value();
//   for (const daybook::RecordView& record : batch) Handle(record.value);
//
// Name the batch, as above: in C++20 `for (... : consumer->Poll(...).value())` destroys the
// temporary before the first round. begin() on a temporary does not compile.
//
// A batch is a value: const access from many threads is safe.
class RecordBatch {
 public:
  // Where the frames of a batch are. Made by the log.
  struct Source {
    std::shared_ptr<const void> pin;  // holds the bytes and the topic's name
    // The entries of the compressed batch frames, in order; null if there are none.
    std::shared_ptr<const std::vector<std::shared_ptr<const std::string>>> unpacked;
    std::string_view topic;
    int partition = 0;
    Offset base_offset;                // of the segment
    const std::byte* begin = nullptr;  // first frame
    const std::byte* end = nullptr;    // one past the last frame
    std::size_t records = 0;
    Offset begin_offset;
    Offset next_offset;
    // Where in the entries of the first frame the one of begin_offset is, if that is known.
    std::uint64_t first_entry = 0;
  };

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = RecordView;
    using difference_type = std::ptrdiff_t;
    using pointer = const RecordView*;
    using reference = const RecordView&;

    Iterator() = default;
    // The reference is good until the iterator moves; what its views point to lives on.
    const RecordView& operator*() const { return view_; }
    const RecordView* operator->() const { return &view_; }
    Iterator& operator++() {
      if (entry_ != nullptr) [[unlikely]] {
        if (LoadEntry()) return *this;
      }
      at_ += advance_;
      Load();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.at_ == b.at_ && a.entry_ == b.entry_;
    }

   private:
    friend class RecordBatch;
    Iterator(const Source& source, const std::byte* at)
        : at_(at),
          end_(source.end),
          base_offset_(source.base_offset),
          begin_offset_(source.begin_offset),
          end_offset_(source.next_offset),
          first_entry_(source.first_entry),
          unpacked_(source.unpacked == nullptr ? nullptr : source.unpacked->data()) {
      view_.topic = source.topic;
      view_.partition = source.partition;
      Load();
    }

    // Decodes the record at or after at_; padding is passed over.
    void Load() {
      while (at_ != end_) {
        const std::uint32_t word = frame::AcquireLengthWord(at_);
        advance_ = frame::AlignedLength(frame::LengthOf(word));
        // The batch was checked when it was made. Only another process that overwrites the file
        // under our eyes makes these fail; the batch then ends early.
        if (advance_ < frame::kFrameHeaderBytes ||
            advance_ > static_cast<std::uint64_t>(end_ - at_)) {
          break;
        }
        if (frame::KindOf(word) == frame::Kind::kRecord) [[likely]] {
          const frame::FrameHeader header = frame::LoadFrameHeader(at_, word);
          if (!frame::DecodeRecord(at_, header, base_offset_, &view_)) [[unlikely]]
            break;
          return;
        }
        if (frame::HoldsEntries(frame::KindOf(word)) && EnterBatch(word)) return;
        at_ += advance_;
      }
      at_ = end_;
    }

    // Goes to the first record of the batch frame at at_ that is meant.
    bool EnterBatch(std::uint32_t word) {
      const frame::FrameHeader header = frame::LoadFrameHeader(at_, word);
      const Offset first = base_offset_ + header.offset_delta;
      if (first + frame::OffsetCount(header) <= begin_offset_) return false;
      if (header.attributes & frame::kBatchCompressed) {
        const std::string& entries = **unpacked_++;
        entry_ = reinterpret_cast<const std::byte*>(entries.data());
        entries_end_ = entry_ + entries.size();
      } else {
        entry_ = at_ + frame::BytesBeforeEntries(header);
        entries_end_ = at_ + frame::LengthOf(word);
      }
      view_.offset = first - 1;
      if (first < begin_offset_ && first_entry_ != 0 &&
          first_entry_ <= static_cast<std::uint64_t>(entries_end_ - entry_)) {
        entry_ += first_entry_;
        view_.offset = begin_offset_ - 1;
      }
      view_.append_time = Timestamp(std::chrono::nanoseconds(header.append_time));
      do {
        if (!LoadEntry()) return false;
      } while (view_.offset < begin_offset_);
      return true;
    }

    // Decodes the next record of the batch frame; false, and out of it, behind the last.
    bool LoadEntry() {
      if (entry_ != entries_end_ && view_.offset + 1 < end_offset_) {
        const auto left = static_cast<std::uint64_t>(entries_end_ - entry_);
        if (const std::uint64_t size = frame::DecodeEntry(entry_, left, &view_); size != 0) {
          entry_ += size;
          ++view_.offset;
          return true;
        }
      }
      entry_ = nullptr;
      return false;
    }

    const std::byte* at_ = nullptr;
    const std::byte* end_ = nullptr;
    std::uint64_t advance_ = 0;
    Offset base_offset_;
    // Of the records that are meant: a batch frame may be read in part.
    Offset begin_offset_;
    Offset end_offset_;
    std::uint64_t first_entry_ = 0;
    // Inside a batch frame: one past the entry that view_ shows, and the end of the entries.
    const std::byte* entry_ = nullptr;
    const std::byte* entries_end_ = nullptr;
    const std::shared_ptr<const std::string>* unpacked_ = nullptr;  // of the next compressed one
    RecordView view_;
  };

  RecordBatch() = default;
  explicit RecordBatch(Source source) : source_(std::move(source)) {}

  Iterator begin() const& { return Iterator(source_, source_.begin); }
  Iterator end() const& { return Iterator(source_, source_.end); }
  Iterator begin() const&& = delete;
  Iterator end() const&& = delete;

  // All records, the newest first.
  std::vector<RecordView> Backwards() const& {
    std::vector<RecordView> views(begin(), end());
    std::reverse(views.begin(), views.end());
    return views;
  }
  std::vector<RecordView> Backwards() const&& = delete;

  std::size_t size() const { return source_.records; }
  bool empty() const { return source_.records == 0; }
  std::string_view topic() const& { return source_.topic; }
  std::string_view topic() const&& = delete;
  int partition() const { return source_.partition; }
  // The offset of the first record, and the one to go on with after the last.
  Offset begin_offset() const { return source_.begin_offset; }
  Offset next_offset() const { return source_.next_offset; }

 private:
  Source source_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_RECORD_BATCH_H_
