#ifndef DAYBOOK_RECORD_VALUE_H_
#define DAYBOOK_RECORD_VALUE_H_

#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

namespace daybook::inline v1 {

// The value of a record, or that it has none: a std::string_view that knows the difference. A
// record without a value is a tombstone, and passed on it stays one:
//
//   producer.Send("copies", {.key = record.key, .value = record.value});
//
// As a std::string_view no value is an empty one. (A std::optional<std::string_view> made from it
// is therefore never empty; ToOptional makes one that is.)
class RecordValue : public std::string_view {
 public:
  constexpr RecordValue() = default;  // none
  constexpr RecordValue(std::nullopt_t) {}
  // Whatever converts to a std::string_view; an empty text is a value.
  template <typename Text>
  requires(std::is_convertible_v<const Text&, std::string_view> &&
           !std::is_base_of_v<RecordValue, Text>) constexpr RecordValue(const Text& text)
      : std::string_view(NotNull(text)) {}
  template <typename Text>
  requires std::is_convertible_v<const Text&, std::string_view>
  constexpr RecordValue(const std::optional<Text>& text) {
    if (text) *this = RecordValue(*text);
  }
  // `data` must not be null.
  constexpr RecordValue(const char* data, std::size_t size) : std::string_view(data, size) {}

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

}  // namespace daybook::inline v1

#endif  // DAYBOOK_RECORD_VALUE_H_
