#ifndef DAYBOOK_BASE_SWEEP_THRESHOLD_H_
#define DAYBOOK_BASE_SWEEP_THRESHOLD_H_

#include <algorithm>
#include <cstddef>

namespace daybook::inline v1 {

// Says when a table is worth looking through for entries that nobody needs any more: each time that
// it has twice as many as were left the last time, so that it costs next to nothing for each entry
// and the table has at most twice what is needed, or a small number.
class SweepThreshold {
 public:
  explicit SweepThreshold(std::size_t least = 64) : least_(least), next_(least) {}
  bool IsDue(std::size_t size) const { return size >= next_; }
  void Swept(std::size_t left) { next_ = std::max(least_, 2 * left); }

 private:
  const std::size_t least_;
  std::size_t next_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_SWEEP_THRESHOLD_H_
