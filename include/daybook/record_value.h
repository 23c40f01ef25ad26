#ifndef DAYBOOK_RECORD_VALUE_H_
#define DAYBOOK_RECORD_VALUE_H_

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

// Lets a compiler that can (Clang) warn where a view outlives what it was made from.
#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define DAYBOOK_LIFETIME_BOUND [[clang::lifetimebound]]
#endif
#endif
#ifndef DAYBOOK_LIFETIME_BOUND
#define DAYBOOK_LIFETIME_BOUND
#endif

namespace daybook::inline v1 {

class RecordKey;
class RecordValue;

// What keys, values and headers are made from: texts, and spans and containers of std::byte. What
// owns its bytes (std::string, std::vector, an optional one) takes them along when it goes.
namespace record_bytes {

template <typename T>
concept Text =
    std::is_convertible_v<const T&, std::string_view> && !std::is_base_of_v<RecordValue, T>;
template <typename T>
concept Bytes = std::is_convertible_v<const T&, std::span<const std::byte>> &&
    !std::is_convertible_v<const T&, std::string_view>;

template <typename T>
inline constexpr bool kOwns = false;
template <typename T>
requires(Text<T> || Bytes<T>) inline constexpr bool kOwns<T> = !std::is_trivially_destructible_v<T>;
template <typename T>
inline constexpr bool kOwns<std::optional<T>> = kOwns<T>;
template <typename T>
concept Owner = kOwns<std::remove_const_t<T>>;

template <typename T>
concept TextOwner = Text<T> && Owner<T>;
template <typename T>
concept TextView = Text<T> && !Owner<T>;
template <typename T>
concept BytesOwner = Bytes<T> && Owner<T>;
template <typename T>
concept BytesView = Bytes<T> && !Owner<T>;
template <typename T>
concept OptionalOwner = Owner<std::optional<T>>;
template <typename T>
concept OptionalView = (Text<T> || Bytes<T> || std::is_base_of_v<RecordValue, T>)&&!Owner<T>;
// Of what a RecordKey is made.
template <typename T>
concept KeyView =
    std::is_convertible_v<const T&, RecordValue> && !Owner<T> && !std::is_base_of_v<RecordKey, T>;
// As T&&: of what a HeaderName and a HeaderValue are made, which is no temporary owner.
template <typename T>
concept LastingText = Text<std::remove_cvref_t<T>> && !Owner<T>;
template <typename T>
concept LastingKey = std::is_convertible_v<T, RecordKey> && !Owner<T>;

constexpr std::string_view View(std::string_view text) { return text; }
inline std::string_view View(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace record_bytes

// The value of a record, or that it has none: a std::string_view that knows the difference. A
// record without a value is a tombstone, and passed on it stays one:
//
//   producer.Send("copies", {.key = record.key, .value = record.value});
//
// As a std::string_view no value is an empty one. (A std::optional<std::string_view> made from it
// is therefore never empty; ToOptional makes one that is.)
//
// Only a view. What it is made from must live as long: in a call, `{.value = std::to_string(i)}`
// does; to assign a temporary std::string does not compile.
class RecordValue : public std::string_view {
 public:
  constexpr RecordValue() = default;  // none
  constexpr RecordValue(std::nullopt_t) {}
  // Whatever converts to a std::string_view; an empty text is a value.
  template <record_bytes::TextView T>
  constexpr RecordValue(const T& text) : std::string_view(NotNull(text)) {}
  template <record_bytes::TextOwner T>
  constexpr RecordValue(const T& text DAYBOOK_LIFETIME_BOUND) : std::string_view(NotNull(text)) {}
  // Whatever converts to a std::span<const std::byte>; an empty one is a value.
  template <record_bytes::BytesView T>
  RecordValue(const T& bytes) : std::string_view(NotNull(record_bytes::View(bytes))) {}
  template <record_bytes::BytesOwner T>
  RecordValue(const T& bytes DAYBOOK_LIFETIME_BOUND)
      : std::string_view(NotNull(record_bytes::View(bytes))) {}
  template <record_bytes::OptionalView T>
  constexpr RecordValue(const std::optional<T>& given) {
    if (given) *this = RecordValue(*given);
  }
  template <record_bytes::OptionalOwner T>
  constexpr RecordValue(const std::optional<T>& given DAYBOOK_LIFETIME_BOUND) {
    if (given) *this = RecordValue(*given);
  }
  // `data` must not be null.
  constexpr RecordValue(const char* data, std::size_t size) : std::string_view(data, size) {}

  template <record_bytes::Owner T>
  RecordValue& operator=(T&&) = delete;  // it would dangle: name what owns the bytes

  constexpr bool has_value() const { return data() != nullptr; }
  constexpr explicit operator bool() const { return has_value(); }
  constexpr const std::string_view& operator*() const { return *this; }
  constexpr const std::string_view* operator->() const { return this; }
  constexpr std::string_view value_or(std::string_view other) const {
    return has_value() ? **this : other;
  }
  constexpr std::optional<std::string_view> ToOptional() const {
    if (!has_value()) return std::nullopt;
    return **this;
  }
  constexpr void reset() { *this = RecordValue(); }

  // None is equal to none alone.
  template <std::same_as<RecordValue> Value>
  friend constexpr bool operator==(const Value& a, const Value& b) {
    return a.has_value() == b.has_value() && *a == *b;
  }
  template <typename Text>
  requires(std::is_convertible_v<const Text&, std::string_view> &&
           !std::is_base_of_v<RecordValue, Text>) friend constexpr bool
  operator==(const RecordValue& a, const Text& b) {
    return a.has_value() && *a == std::string_view(b);
  }
  template <typename Text>
  friend constexpr bool operator==(const RecordValue& a, const std::optional<Text>& b) {
    return a == RecordValue(b);
  }
  friend constexpr bool operator==(const RecordValue& a, std::nullopt_t) { return !a.has_value(); }

 private:
  static constexpr std::string_view NotNull(std::string_view text) {
    return text.data() == nullptr ? std::string_view("") : text;
  }
};

// The key of a record that is given to a producer, or that it has none: a
// std::optional<std::string_view> that is made from bytes, too, and, as RecordValue, not assigned
// from a temporary std::string.
class RecordKey : public std::optional<std::string_view> {
 public:
  constexpr RecordKey() = default;  // none
  constexpr RecordKey(std::nullopt_t) {}
  // Any of what a RecordValue is made from.
  template <record_bytes::KeyView T>
  constexpr RecordKey(const T& given) : optional(RecordValue(given).ToOptional()) {}
  template <record_bytes::Owner T>
  constexpr RecordKey(const T& given DAYBOOK_LIFETIME_BOUND)
      : optional(RecordValue(given).ToOptional()) {}

  template <record_bytes::Owner T>
  RecordKey& operator=(T&&) = delete;  // it would dangle: name what owns the bytes

  // None is equal to none alone.
  template <std::same_as<RecordKey> Key>
  friend constexpr bool operator==(const Key& a, const Key& b) {
    return a.ToValue() == b.ToValue();
  }
  template <typename T>
  friend constexpr bool operator==(const RecordKey& a, const std::optional<T>& b) {
    return a.ToValue() == RecordValue(b);
  }
  template <typename T>
  friend constexpr bool operator==(const std::optional<T>& a, const RecordKey& b) {
    return b == a;
  }

 private:
  constexpr RecordValue ToValue() const { return RecordValue(static_cast<const optional&>(*this)); }
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_RECORD_VALUE_H_
