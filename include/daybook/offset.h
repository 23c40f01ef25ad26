#ifndef DAYBOOK_OFFSET_H_
#define DAYBOOK_OFFSET_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>

namespace daybook::inline v1 {

// The place of a record in its partition: 0 for the first one ever, and one more for each next.
// An offset counts records; a position counts bytes. Ranges are half-open, so the end offset of a
// partition is one past its last record, and a committed offset is the next one to read.
//
// A type of its own, so that an offset does not compile where a partition, a size or a count is
// due, nor the other way round.
class Offset {
 public:
  constexpr Offset() = default;
  constexpr explicit Offset(std::int64_t value) : value_(value) {}

  constexpr std::int64_t value() const { return value_; }

  friend constexpr auto operator<=>(Offset, Offset) = default;
  friend constexpr Offset operator+(Offset offset, std::int64_t records) {
    return Offset(offset.value_ + records);
  }
  friend constexpr Offset operator-(Offset offset, std::int64_t records) {
    return Offset(offset.value_ - records);
  }
  // How many offsets lie in [begin, end).
  friend constexpr std::int64_t operator-(Offset end, Offset begin) {
    return end.value_ - begin.value_;
  }
  constexpr Offset& operator+=(std::int64_t records) {
    value_ += records;
    return *this;
  }
  constexpr Offset& operator-=(std::int64_t records) {
    value_ -= records;
    return *this;
  }
  constexpr Offset& operator++() { return *this += 1; }
  constexpr Offset& operator--() { return *this -= 1; }
  constexpr Offset operator++(int) { return std::exchange(*this, *this + 1); }
  constexpr Offset operator--(int) { return std::exchange(*this, *this - 1); }

  // The number, "42", for streams and for Abseil (StrCat, StrFormat's %v, LOG).
  template <typename Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                      Offset offset) {
    return out << offset.value_;
  }
  template <typename Sink>
  friend void AbslStringify(Sink& sink, Offset offset) {
    sink.Append(std::string_view(std::to_string(offset.value_)));
  }
  // For Abseil's containers; std::hash is below.
  template <typename State>
  friend State AbslHashValue(State state, Offset offset) {
    return State::combine(std::move(state), offset.value_);
  }

 private:
  std::int64_t value_ = 0;
};

}  // namespace daybook::inline v1

template <>
struct std::hash<daybook::Offset> {
  std::size_t operator()(daybook::Offset offset) const noexcept {
    return std::hash<std::int64_t>()(offset.value());
  }
};

#endif  // DAYBOOK_OFFSET_H_
