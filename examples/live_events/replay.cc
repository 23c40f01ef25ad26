#include "replay.h"

#include <chrono>
#include <optional>

#include "daybook/reader.h"

namespace live_events {

absl::StatusOr<Replay> ReplayLog(daybook::Broker& broker, const Source& source,
                                 std::int64_t events) {
  Replay replay;
  replay.next_number.assign(source.streams().size(), 0);
  for (int topic = 0; topic < kTopicCount; ++topic) {
    absl::StatusOr<daybook::Reader> reader = daybook::Reader::Open(broker, kTopics[topic]);
    if (!reader.ok()) return reader.status();
    while (true) {
      // No wait: nobody appends, so an empty batch is the end.
      const absl::StatusOr<daybook::RecordBatch> batch = reader->Poll(std::chrono::seconds(0));
      if (!batch.ok()) return batch.status();
      if (batch->empty()) break;
      for (const daybook::RecordView& record : *batch) {
        ++replay.total;
        ++replay.events[topic];
        replay.bytes += static_cast<std::int64_t>(record.value.size());
        if (record.key) replay.bytes += static_cast<std::int64_t>(record.key->size());
        const std::optional<EventId> id = source.Identify(record, events);
        if (!id) {
          ++replay.damaged;
          continue;
        }
        std::int64_t& next = replay.next_number[source.LineOf(*id).stream];
        if (id->number != next) ++replay.out_of_place;
        next = id->number + 1;
      }
    }
  }
  return replay;
}

}  // namespace live_events
