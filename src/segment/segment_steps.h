#ifndef DAYBOOK_SEGMENT_SEGMENT_STEPS_H_
#define DAYBOOK_SEGMENT_SEGMENT_STEPS_H_

#include <cstdint>

namespace daybook::inline v1 {

// In what steps a segment's file grows, is granted to appends, is brought into memory and let go.
// These are the library's; tests take smaller ones, so that small segments meet every path often.
// All are whole pages.
struct SegmentSteps {
  // A new file has one page for its header and one for frames.
  std::uint64_t first_bytes = std::uint64_t{8} << 10;
  // The file doubles up to this size, so that a partition that is little used costs little, and
  // then takes its whole capacity at once. Growing by 4 MiB at a time instead took 81 of 173 ns of
  // an append of 100 B: so near to the end of a file the kernel faults pages in one by one.
  std::uint64_t largest_growth = std::uint64_t{4} << 20;
  // How far claims go without a question.
  std::uint64_t grant = std::uint64_t{1} << 20;
  // How far ahead of the appends pages are brought into memory, and how many bytes at a time, at
  // most 128 KiB: by write(2) of zeros. The kernel makes pages of that size then, and maps each
  // with one fault, which takes in twice as many bytes a second as faults of 4 KiB do. With larger
  // steps it runs out of memory in one piece and spends its time making some; with smaller ones the
  // calls cost more.
  std::uint64_t page_in_lead = std::uint64_t{16} << 20;
  std::uint64_t page_in = std::uint64_t{128} << 10;
  // How far behind the appends pages are let go, and how many bytes at a time. The kernel has to
  // interrupt every core for each mapped page that it writes back; readers that keep up are nearer.
  std::uint64_t let_go_lag = std::uint64_t{8} << 20;
  std::uint64_t let_go = std::uint64_t{4} << 20;
};

// Every step is one page.
inline constexpr SegmentSteps kSmallSteps{.first_bytes = std::uint64_t{8} << 10,
                                          .largest_growth = std::uint64_t{16} << 10,
                                          .grant = std::uint64_t{4} << 10,
                                          .page_in_lead = std::uint64_t{16} << 10,
                                          .page_in = std::uint64_t{4} << 10,
                                          .let_go_lag = std::uint64_t{8} << 10,
                                          .let_go = std::uint64_t{4} << 10};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_SEGMENT_STEPS_H_
