#ifndef DAYBOOK_COMMITTED_OFFSET_H_
#define DAYBOOK_COMMITTED_OFFSET_H_

#include <string>

#include "daybook/offset.h"

namespace daybook::inline v1 {

// A group's place in a partition.
struct CommittedOffset {
  Offset offset;              // the next one to read
  std::string metadata = {};  // whatever the application wants to find again beside it
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COMMITTED_OFFSET_H_
