#ifndef DAYBOOK_LOG_CHECK_SEGMENT_VERIFIER_H_
#define DAYBOOK_LOG_CHECK_SEGMENT_VERIFIER_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "log/check/diagnosis.h"
#include "log/check/verify.h"

namespace daybook::inline v1 {

// The part of a verification that looks at one file.
struct SegmentVerification {
  SegmentSummary summary;
  std::vector<VerifyIssue> issues;
  std::map<std::uint32_t, Offset> dictionaries;
};

struct SegmentToVerify {
  std::string file;
  Offset name_base;
  std::span<const std::byte> bytes;
  bool has_next = false;                            // others follow it
  bool was_whole = false;                           // a later one says so
  bool has_later_of_boot = false;                   // a later one was written in this boot
  std::optional<std::string_view> index{};          // what stands in its index file, if it has one
  std::optional<frame::SegmentHeader> neighbour{};  // the header of another segment
};

// Pure: reads the bytes that it is given, and nothing else.
SegmentVerification VerifySegment(const SegmentToVerify& segment, const BootId& boot,
                                  const DumpVisitor& visitor);

// The last place of a segment, whose header is whole or restored, at which it can be cut so that
// nothing at or after `offset` is left.
FramePlace PlaceBefore(std::span<const std::byte> bytes, const frame::SegmentHeader& header,
                       Offset offset);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_CHECK_SEGMENT_VERIFIER_H_
