#ifndef DAYBOOK_RECORD_H_
#define DAYBOOK_RECORD_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "daybook/offset.h"
#include "daybook/record_value.h"
#include "daybook/system/clock.h"

namespace daybook::inline v1 {

// The name of a Header, and its value, or that it has none: a std::string_view, and an optional
// one, that are not made from a temporary std::string, since a Header mostly outlives the statement
// that makes it: name the string first.
class HeaderName : public std::string_view {
 public:
  constexpr HeaderName() = default;
  template <record_bytes::LastingText T>
  constexpr HeaderName(T&& text) : std::string_view(text) {}
  constexpr HeaderName(const char* data, std::size_t size) : std::string_view(data, size) {}
};
class HeaderValue : public RecordKey {
 public:
  constexpr HeaderValue() = default;
  template <record_bytes::LastingKey T>
  constexpr HeaderValue(T&& given) : RecordKey(given) {}

  template <std::same_as<HeaderValue> Value>
  friend constexpr bool operator==(const Value& a, const Value& b) {
    return a.AsKey() == b.AsKey();
  }
  template <typename T>
  friend constexpr bool operator==(const HeaderValue& a, const std::optional<T>& b) {
    return a.AsKey() == b;
  }
  template <typename T>
  friend constexpr bool operator==(const std::optional<T>& a, const HeaderValue& b) {
    return b.AsKey() == a;
  }

 private:
  constexpr const RecordKey& AsKey() const { return *this; }
};

// A name with a value beside a record. Names may repeat; order is kept; a value may be absent. Only
// views.
struct Header {
  HeaderName name = {};
  HeaderValue value = {};
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
    const std::byte* at() const { return at_; }

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

// The headers of a record that is given to a producer, wherever they are: some Header in braces, an
// array or a vector, or those of a record in the log. Only a view. Headers in braces live as long
// as the statement: in a call, `{.headers = {{"trace", "7"}}}` is safe; to assign them does not
// compile.
class RecordHeaders {
 public:
  constexpr RecordHeaders() = default;
  constexpr RecordHeaders(std::initializer_list<Header> headers DAYBOOK_LIFETIME_BOUND)
      : RecordHeaders(std::data(headers), headers.size()) {}
  template <typename Range>
  requires std::is_convertible_v<const Range&, std::span<const Header>>
  constexpr RecordHeaders(const Range& range)
      : RecordHeaders(Span(range).data(), Span(range).size()) {}
  constexpr RecordHeaders(const Header* headers, std::size_t count)
      : data_(headers), size_(count) {}
  RecordHeaders(HeadersView view)
      : data_(view.encoded().data()), size_(view.encoded().size()), is_encoded_(true) {}
  // They would dangle: name an array of them. (None at all are RecordHeaders().)
  RecordHeaders& operator=(std::initializer_list<Header>) = delete;

  // A Header at a time, by value.
  class Iterator {
   public:
    using value_type = Header;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    Header operator*() const { return is_encoded_ ? *encoded() : *header(); }
    Iterator& operator++() {
      if (is_encoded_) {
        at_ = (++encoded()).at();
      } else {
        at_ = header() + 1;
      }
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class RecordHeaders;
    Iterator(const void* at, bool is_encoded) : at_(at), is_encoded_(is_encoded) {}
    const Header* header() const { return static_cast<const Header*>(at_); }
    HeadersView::Iterator encoded() const {
      return HeadersView::Iterator(static_cast<const std::byte*>(at_));
    }

    const void* at_ = nullptr;
    bool is_encoded_ = false;
  };

  bool empty() const { return size_ == 0; }
  Iterator begin() const { return Iterator(data_, is_encoded_); }
  Iterator end() const {
    if (is_encoded_) return Iterator(static_cast<const std::byte*>(data_) + size_, true);
    return Iterator(static_cast<const Header*>(data_) + size_, false);
  }

 private:
  using Span = std::span<const Header>;

  const void* data_ = nullptr;
  std::size_t size_ = 0;  // in Header, or encoded in bytes
  bool is_encoded_ = false;
};

// What is given to a producer. Only views: the bytes must live until the call returns. In the call
// itself temporaries do, `producer.Send("t", {.value = std::to_string(i)})`; a Record that is kept
// in a variable needs what it views to have a name of its own (Clang warns where it has not).
struct Record {
  // Records with the same key go to the same partition. Absent and empty are different keys: a
  // record with none is spread over the partitions, one with an empty key is not.
  RecordKey key = {};
  // Absent makes the record a tombstone: compaction removes the key.
  RecordValue value = {};
  // Header in braces or an array of them, or the headers of a RecordView.
  RecordHeaders headers = {};
  // When the event happened. Absent: when it was appended; so it is, too, in a topic whose
  // TopicOptions::timestamp_type is kLogAppendTime.
  std::optional<Timestamp> timestamp = {};
  // Overrides the partitioner.
  std::optional<int> partition = {};
};

// A record in the log. Its views point into its batch's memory: they live as long as the
// RecordBatch that it came from (copies of the batch count), whatever is deleted meanwhile.
//
// Each of its parts can be given to a Record as it is, and ToRecord gives all of them.
struct RecordView {
  std::string_view topic;
  int partition = 0;
  Offset offset;
  // The topic's timestamp (TopicOptions::timestamp_type): the one that the producer gave, if it is
  // kept; otherwise the time of the append. What is searched by time is this.
  Timestamp timestamp;
  Timestamp append_time;  // of all records of a batch the same
  std::optional<std::string_view> key;
  RecordValue value;
  HeadersView headers;

  // There is no value at all.
  bool is_tombstone() const { return !value.has_value(); }

  // To append it elsewhere: key, value or none, headers, and when the event happened (when it was
  // appended, if its producer did not say); not its partition. As long-lived as this view's batch.
  Record ToRecord() const {
    return {.key = key, .value = value, .headers = headers, .timestamp = timestamp};
  }
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_RECORD_H_
