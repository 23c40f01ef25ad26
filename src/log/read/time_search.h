#ifndef DAYBOOK_LOG_READ_TIME_SEARCH_H_
#define DAYBOOK_LOG_READ_TIME_SEARCH_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "log/read/log_reader.h"
#include "log/read/log_transactions.h"
#include "log/store/segment_store.h"

namespace daybook::inline v1 {

// What a TimeSearch looks in. `ahead_mutex`: of the log's SegmentPreparer.
struct SearchedLog {
  SegmentStore& segments;
  LogReader& reader;
  Mutex& ahead_mutex;
};

// Looks for the first record of a time or later. Times may come in any order, so it is for each
// segment that it is known how late they get (TimeSummary): from its index file, which is read
// once, or where that does not say so, from a walk over its frames. What a segment holds is said in
// SegmentTimes. One thread at a time.
class TimeSearch {
 public:
  // All of `log` must outlive this.
  TimeSearch(const SearchedLog& log, Timestamp time) : log_(log), time_(time) {}

  // The end of the log if there is no such record.
  absl::StatusOr<Offset> Run();

 private:
  // The first segment above the one before that may hold such a record; null if there is none.
  absl::StatusOr<std::shared_ptr<Segment>> NextSegment();
  // The first such record in a segment.
  std::optional<Offset> FindIn(Segment& segment);
  // Notes what times there are in a segment; false while it has claims that are open.
  absl::StatusOr<bool> Learn(Offset base);
  void Save(Directory& directory, Segment& segment);
  // The first such record in the batch at `position`, from its entry `first` on.
  std::optional<std::uint32_t> FindEntry(const Segment& segment, std::uint64_t position,
                                         const frame::FrameHeader& header, std::uint32_t first);

  const SearchedLog log_;
  const Timestamp time_;
  Offset above_{-1};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_READ_TIME_SEARCH_H_
