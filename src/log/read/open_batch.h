#ifndef DAYBOOK_LOG_READ_OPEN_BATCH_H_
#define DAYBOOK_LOG_READ_OPEN_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "daybook/format/frame.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// A batch that is read in parts: its entries, unpacked once, and where among them some begin, so
// that no part costs more than its own records. Immutable: any number of cursors may share it.
class OpenBatch {
 public:
  // Every so many entries it is noted where one begins.
  static constexpr std::uint32_t kInterval = 64;

  // The batch frame at `position`, whose entries must be well-formed. `unpacked`: the entries of
  // one that is compressed.
  OpenBatch(std::shared_ptr<Segment> segment, std::uint64_t position,
            const frame::FrameHeader& header, std::shared_ptr<const std::string> unpacked)
      : segment_(std::move(segment)), position_(position), unpacked_(std::move(unpacked)) {
    const std::uint32_t before = frame::BytesBeforeEntries(header);
    entries_ = unpacked_ != nullptr
                   ? std::as_bytes(std::span(*unpacked_))
                   : std::span<const std::byte>(segment_->At(position) + before,
                                                frame::LengthOf(header.length_word) - before);
    std::uint64_t at = 0;
    for (std::uint32_t entry = 0; entry < frame::OffsetCount(header); ++entry) {
      if (entry % kInterval == 0) places_.push_back(static_cast<std::uint32_t>(at));
      at += SizeAt(at);
    }
  }

  bool Is(const Segment& segment, std::uint64_t position) const {
    return segment_.get() == &segment && position_ == position;
  }
  std::uint64_t position() const { return position_; }
  const std::shared_ptr<const std::string>& unpacked() const { return unpacked_; }

  // How many bytes of the entries are before that one.
  std::uint64_t PlaceOf(std::uint32_t entry) const {
    std::uint64_t at = places_[entry / kInterval];
    for (std::uint32_t left = entry % kInterval; left != 0; --left) at += SizeAt(at);
    return at;
  }

 private:
  std::uint64_t SizeAt(std::uint64_t at) const {
    RecordView view;
    return frame::DecodeEntry(entries_.data() + at, entries_.size() - at, &view);
  }

  std::shared_ptr<Segment> segment_;
  std::uint64_t position_;
  std::shared_ptr<const std::string> unpacked_;
  std::span<const std::byte> entries_;
  std::vector<std::uint32_t> places_;
};

// The last batch that was read in part, while somebody holds it: for who reads on from an offset.
// Thread-safe.
class LastBatch {
 public:
  std::shared_ptr<const OpenBatch> Get() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return batch_.lock();
  }
  void Set(const std::shared_ptr<const OpenBatch>& batch) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    batch_ = batch;
  }

 private:
  mutable Mutex mutex_;
  std::weak_ptr<const OpenBatch> batch_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_READ_OPEN_BATCH_H_
