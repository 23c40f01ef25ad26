#ifndef DAYBOOK_LOG_APPEND_FILE_SOURCE_H_
#define DAYBOOK_LOG_APPEND_FILE_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "log/append/segment_preparer.h"
#include "log/append/segment_source.h"
#include "log/log_context.h"

namespace daybook::inline v1 {

// Segments in files, made ahead by a SegmentPreparer where that had time to.
class FileSource final : public SegmentSource {
 public:
  // `request_work`: asks somebody to call PartitionLog::WorkAhead; throws nothing. Empty: nobody
  // will. All but that must outlive this.
  FileSource(const LogContext& context, const LogSettings& settings,
             const PartitionDirectory& directory, std::function<void()> request_work)
      : context_(context),
        settings_(settings),
        preparer_(context, directory, settings),
        request_work_(std::move(request_work)) {}

  SegmentPreparer& preparer() { return preparer_; }
  bool lacks_reserve() const { return preparer_.lacks_reserve(); }

  absl::StatusOr<std::shared_ptr<Segment>> Create(SegmentStore& segments, Offset base_offset,
                                                  std::uint64_t bytes) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  absl::Status Extend(SegmentStore& segments, Segment& segment, std::uint64_t position) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  void Sealed(SegmentStore& segments, const std::shared_ptr<Segment>& segment) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  void Forget(SegmentStore& segments, const std::shared_ptr<Segment>& segment) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex()) {
    preparer_.Forget(segments, segment);
  }
  void Started(SegmentStore& segments, const Segment& segment) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex()) {
    preparer_.KeepReserve(segments, &segment, settings_.reserve_bytes);
  }
  bool HasReserve(SegmentStore& segments) const override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex()) {
    return preparer_.has_prepared(segments);
  }

 private:
  absl::Status ExtendFile(SegmentStore& segments, Segment& segment, std::uint64_t position)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());

  const LogContext& context_;
  const LogSettings& settings_;
  SegmentPreparer preparer_;
  const std::function<void()> request_work_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_FILE_SOURCE_H_
