#ifndef DAYBOOK_BROKER_OFFSET_PLACE_H_
#define DAYBOOK_BROKER_OFFSET_PLACE_H_

#include <optional>
#include <string>

#include "broker/offset_store.h"

namespace daybook::inline v1 {

// A group's place in a partition, and what it takes to append it again. Guarded by the store.
struct OffsetStore::Place {
  OffsetStore::Key key;
  std::string encoded_key;
  std::optional<CommittedOffset> committed;
  Timestamp when;  // it was committed
  // Of a memory topic: gone when the process is, so nothing is appended. Unknown until it matters.
  std::optional<bool> is_in_memory;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OFFSET_PLACE_H_
