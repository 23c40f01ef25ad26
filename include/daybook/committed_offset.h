#ifndef DAYBOOK_COMMITTED_OFFSET_H_
#define DAYBOOK_COMMITTED_OFFSET_H_

#include <string>

#include "daybook/limits.h"
#include "daybook/offset.h"

namespace daybook::inline v1 {

// Kafka's offset.metadata.max.bytes. More is InvalidArgument wherever it is committed.
using limits::kMaxOffsetMetadataBytes;

// A group's place in a partition.
struct CommittedOffset {
  Offset offset;              // the next one to read
  std::string metadata = {};  // whatever the application wants to find again beside it
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COMMITTED_OFFSET_H_
