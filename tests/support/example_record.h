#ifndef DAYBOOK_SUPPORT_EXAMPLE_RECORD_H_
#define DAYBOOK_SUPPORT_EXAMPLE_RECORD_H_

#include <chrono>

#include "daybook/record.h"
#include "daybook/system/clock.h"

namespace daybook {

// A record as it is read.
inline RecordView ExampleRecord() {
  RecordView record;
  record.topic = "orders";
  record.partition = 3;
  record.offset = Offset(42);
  record.timestamp = Timestamp(std::chrono::milliseconds(1'700'000'000'123));
  record.key = "key";
  record.value = "value";
  return record;
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_EXAMPLE_RECORD_H_
