#ifndef DAYBOOK_LOG_CHECK_REPAIR_H_
#define DAYBOOK_LOG_CHECK_REPAIR_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/system/clock.h"
#include "daybook/system/file_system.h"
#include "log/check/verify.h"

namespace daybook::inline v1 {

// Making the files of a partition whole again, from what a verification found. Every record that
// can be read stays at its offset. Damage becomes padding that takes up the lost offsets: in the
// segment itself where valid frames stand on both sides of it; in a segment of its own, a *marker*,
// where the end of a segment is lost, or all of it.
//
// Safe against a crash and a power cut at any place, and done in the end if it is begun again:
//   1  the originals of all that changes are copied to quarantine, and synced;
//   2  every new file is written as <base>.log.repair, and synced;
//   3  each is renamed into its place, files that hold nothing are removed, indexes are made anew.
// Up to step 3 nothing was changed. In step 3 each file is the old or the new one, and the copies
// that were not put in place yet are found by the next repair, which takes of each place the file
// with the most records.

// What cannot be read any more.
struct LostRange {
  std::string file;
  Offset begin_offset;
  std::optional<Offset> end_offset;  // absent: not known, and later records take these offsets
  std::uint64_t bytes = 0;           // of the file, that held them
  std::string cause;
};

// What becomes of one file of the partition.
struct SegmentStep {
  enum class Action {
    kRewrite,  // a copy of `source`, made whole, becomes the segment of `base`
    kMark,     // a segment at `base` of nothing but `offsets` lost ones
    kReindex,  // the segment stays; its index is made anew
    kRemove,   // `source` goes, to quarantine alone
  };
  Action action = Action::kRewrite;
  std::string source;
  Offset base;
  frame::SegmentHeader header{};  // as it is to be
  bool is_sealed_after = false;   // rewrite: others follow it, or its tail was damaged
  std::optional<FramePlace> cut = std::nullopt;  // rewrite: what is behind it goes
  std::uint32_t offsets = 0;                     // mark
  bool is_durable = false;                       // mark: so was what is before it
  std::string reason = {};
};

struct PartitionPlan {
  std::vector<SegmentStep> steps;
  std::vector<LostRange> lost;
  std::vector<std::string> not_repaired;  // what is left as it is, and why

  bool changes_segments() const { return !steps.empty(); }
};

// Pure.
PartitionPlan PlanRepair(const PartitionVerification& found);

// Makes the copy of a segment whole: header, padding over the gaps, zeros where zeros are due, a
// seal if one is due. `seen`: how many of the bytes the plan was made of; the zeros behind them
// could complete a record that was cut short, of which the plan knows nothing. Pure.
void RewriteSegment(std::span<std::byte> bytes, std::uint64_t seen, const SegmentStep& step,
                    Timestamp now);

// Copies a file that is about to change to quarantine. Asked once for each, before anything
// changes.
using Quarantine = std::function<absl::Status(const std::string& file)>;

struct RepairContext {
  Clock* clock = nullptr;
  std::function<std::uint64_t()> new_segment_id;  // random
  Quarantine quarantine;
  // Called when all is in quarantine: makes that durable.
  std::function<absl::Status()> seal_quarantine;
};

absl::Status ExecuteRepair(Directory& partition, const PartitionPlan& plan,
                           const RepairContext& context);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_CHECK_REPAIR_H_
