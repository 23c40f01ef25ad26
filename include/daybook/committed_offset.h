#ifndef DAYBOOK_COMMITTED_OFFSET_H_
#define DAYBOOK_COMMITTED_OFFSET_H_

#include <cstddef>
#include <string>

#include "daybook/offset.h"

namespace daybook::inline v1 {

// Kafka's offset.metadata.max.bytes, which is 4,096 there. More is InvalidArgument wherever it is
// committed.
inline constexpr std::size_t kMaxOffsetMetadataBytes = 1'000'000;

// A group's place in a partition.
struct CommittedOffset {
  Offset offset;              // the next one to read
  std::string metadata = {};  // whatever the application wants to find again beside it
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COMMITTED_OFFSET_H_
