#include "log/check/index_truth.h"

#include "absl/status/status.h"
#include "segment/index/segment_search.h"

namespace daybook::inline v1 {

void IndexTruth::Note(std::uint64_t position, const std::byte* frame,
                      const frame::FrameHeader& header) {
  const ClaimWord at = MakeClaimWord(header.offset_delta, position);
  times_.Note(at, frame, header);
  offsets_.Note(at, BehindFrame(position, header));
}

std::string IndexTruth::FaultOf(std::string_view index, std::uint64_t segment_id) const {
  const std::size_t slots = OffsetIndex::FileBytes(index);
  OffsetIndex offsets(capacity_);
  TimeIndex times;
  absl::Status status = offsets.Load(segment_id, index.substr(0, slots));
  const bool has_times = slots != index.size();  // it may have none
  if (status.ok() && has_times) status = times.Load(segment_id, index.substr(slots));
  if (!status.ok()) return std::string(status.message());
  if (offsets.AgreesWith(offsets_) && (!has_times || times.Covers(times_))) return "";
  return "the index does not agree with the frames";
}

}  // namespace daybook::inline v1
