#ifndef DAYBOOK_OFFSET_H_
#define DAYBOOK_OFFSET_H_

#include <compare>
#include <cstdint>

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
  // How many offsets lie in [begin, end).
  friend constexpr std::int64_t operator-(Offset end, Offset begin) {
    return end.value_ - begin.value_;
  }
  constexpr Offset& operator++() {
    ++value_;
    return *this;
  }

 private:
  std::int64_t value_ = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_OFFSET_H_
