#ifndef DAYBOOK_RECORD_H_
#define DAYBOOK_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "daybook/clock.h"
#include "daybook/offset.h"

namespace daybook::inline v1 {

// A name with a value beside a record. Names may repeat; order is kept; a value may be absent.
struct Header {
  std::string_view name = {};
  std::optional<std::string_view> value = {};
};

// What is given to a producer. Only views: the bytes must live until the call returns.
struct Record {
  // Records with the same key go to the same partition. Absent and empty are different keys: a
  // record with none is spread over the partitions, one with an empty key is not.
  std::optional<std::string_view> key = {};
  // Absent makes the record a tombstone: compaction removes the key.
  std::optional<std::string_view> value = {};
  std::span<const Header> headers = {};
  // When the event happened. Absent: when it was appended; so it is, too, in a topic whose
  // TopicOptions::timestamp_type is kLogAppendTime.
  std::optional<Timestamp> timestamp = {};
  // Overrides the partitioner.
  std::optional<int> partition = {};
};

// The headers of one record, decoded while iterating. As long-lived as its RecordView.
class HeadersView {
 public:
  HeadersView() = default;
  // `encoded` must have passed the validation of frame.h.
  explicit HeadersView(std::span<const std::byte> encoded) : encoded_(encoded) {}

  class Iterator {
   public:
    using value_type = Header;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(const std::byte* at) : at_(at) {}

    Header operator*() const {
      const char* text = reinterpret_cast<const char*>(at_) + 6;
      Header header{.name = {text, NameSize()}, .value = std::nullopt};
      if (ValueWord() != kNoValue) header.value.emplace(text + NameSize(), ValueWord());
      return header;
    }
    Iterator& operator++() {
      at_ += 6 + NameSize() + (ValueWord() == kNoValue ? 0 : ValueWord());
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(Iterator, Iterator) = default;

   private:
    std::uint16_t NameSize() const {
      std::uint16_t size;
      std::memcpy(&size, at_, sizeof size);
      return size;
    }
    std::uint32_t ValueWord() const {
      std::uint32_t word;
      std::memcpy(&word, at_ + 2, sizeof word);
      return word;
    }

    const std::byte* at_ = nullptr;
  };

  // Stands for an absent value in the encoding.
  static constexpr std::uint32_t kNoValue = 0xffff'ffff;

  Iterator begin() const { return Iterator(encoded_.data()); }
  Iterator end() const { return Iterator(encoded_.data() + encoded_.size()); }
  bool empty() const { return encoded_.empty(); }
  // As they stand in the frame: see frame.h.
  std::span<const std::byte> encoded() const { return encoded_; }

  // The value of the last header of that name, which is the one that counts in Kafka too.
  // Absent when there is no such header or it has no value.
  std::optional<std::string_view> Last(std::string_view name) const {
    std::optional<std::string_view> found;
    for (const Header& header : *this) {
      if (header.name == name) found = header.value;
    }
    return found;
  }

 private:
  std::span<const std::byte> encoded_;
};

// A record in the log. Its views point into its batch's memory: they live as long as the
// RecordBatch that it came from (copies of the batch count), whatever is deleted meanwhile.
struct RecordView {
  std::string_view topic;
  int partition = 0;
  Offset offset;
  // The topic's timestamp (TopicOptions::timestamp_type): the one that the producer gave, if it is
  // kept; otherwise the time of the append. What is searched by time is this.
  Timestamp timestamp;
  Timestamp append_time;  // of all records of a batch the same
  std::optional<std::string_view> key;
  std::string_view value;
  HeadersView headers;
  bool is_tombstone = false;  // there was no value at all; `value` is empty
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_RECORD_H_
