#ifndef DAYBOOK_DAYBOOK_H_
#define DAYBOOK_DAYBOOK_H_

// Everything that most programs need: Kafka's model as a library. Start at broker.h. Not here is
// what stands below it, for tests and tools: the file format (frame.h), file systems of one's own
// (file_system.h), the simulated disk (simulated_file_system.h) and thread_factory.h; and
// table_view.h, for the sake of compile time.

#include "daybook/admin.h"
#include "daybook/broker.h"
#include "daybook/committed_offset.h"
#include "daybook/consumer_group.h"
#include "daybook/damage.h"
#include "daybook/export.h"
#include "daybook/group_description.h"
#include "daybook/group_options.h"
#include "daybook/group_run.h"
#include "daybook/limits.h"
#include "daybook/offset.h"
#include "daybook/partition.h"
#include "daybook/producer.h"
#include "daybook/reader.h"
#include "daybook/record.h"
#include "daybook/record_batch.h"
#include "daybook/record_value.h"
#include "daybook/repair.h"
#include "daybook/storage.h"
#include "daybook/system/clock.h"
#include "daybook/time_span.h"
#include "daybook/topic.h"
#include "daybook/topic_partition.h"
#include "daybook/transaction.h"

#endif  // DAYBOOK_DAYBOOK_H_
