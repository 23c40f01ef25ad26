#ifndef DAYBOOK_SEGMENT_ZEROED_MEMORY_H_
#define DAYBOOK_SEGMENT_ZEROED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "segment/claim_gate.h"

namespace daybook::inline v1 {

// How far the bytes of a segment in memory are zero. What its gate has granted and kSealBytes never
// pass that, so that a thread which looks for the frame behind the last one finds zeros.
// Thread-safe. Of a segment that is a file it is not used: there the file system has zeros.
class ZeroedMemory {
 public:
  // Bytes from `begin` on may be anything.
  void Restart(std::uint64_t begin) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    end_ = begin;
  }
  // Zeros what is missing up to `end`, and grants `gate` all of that but the room for a seal. In
  // steps, so that the bytes are in the cache when they are written soon after. False: so much was
  // granted already.
  bool Grant(std::byte* data, std::uint64_t end, ClaimGate& gate) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    if (end <= gate.granted()) return false;
    ZeroLocked(data, end + frame::kSealBytes);
    gate.SetGranted(end);
    return true;
  }
  void Zero(std::byte* data, std::uint64_t end) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    ZeroLocked(data, end);
  }

 private:
  void ZeroLocked(std::byte* data, std::uint64_t end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (end <= end_) return;
    std::memset(data + end_, 0, end - end_);
    end_ = end;
  }

  Mutex mutex_;
  std::uint64_t end_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_ZEROED_MEMORY_H_
