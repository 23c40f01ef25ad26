#ifndef DAYBOOK_LOG_APPEND_FILE_SOURCE_H_
#define DAYBOOK_LOG_APPEND_FILE_SOURCE_H_

#include <cstdint>
#include <memory>

#include "log/append/segment_preparer.h"
#include "log/append/segment_source.h"
#include "log/log_context.h"

namespace daybook::inline v1 {

// The log that a FileSource works for, as far as it concerns it. Throws nothing; is told under the
// log's lock.
class FileSourceListener {
 public:
  virtual void NeedsWorkAhead() = 0;  // somebody should call PartitionLog::WorkAhead
  virtual void HasBegunSegment() = 0;
  virtual void DiskIsFull() = 0;

 protected:
  virtual ~FileSourceListener() = default;
};

// Segments in files, made ahead by a SegmentPreparer where that had time to.
class FileSource final : public SegmentSource {
 public:
  // All must outlive this.
  FileSource(const LogContext& context, const LogSettings& settings,
             const PartitionDirectory& directory, FileSourceListener& listener)
      : context_(context),
        settings_(settings),
        preparer_(context, directory, settings),
        listener_(listener) {}

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
    listener_.HasBegunSegment();
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
  FileSourceListener& listener_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_FILE_SOURCE_H_
