#include "log/append/active_segment.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {
namespace {

// A segment counts offsets to 2^32, and batches that shrink to next to nothing can use them up
// before its bytes. Threads that append at the same time pass this by no more than a batch each.
constexpr std::uint32_t kMostOffsets = std::uint32_t{1} << 31;

}  // namespace

void ActiveSegment::Set(SegmentStore&, Segment* segment) {
  // The gate of a segment that is there no more is hidden first.
  gate_.store(segment == nullptr ? nullptr : &segment->gate(), std::memory_order_release);
  segment_.store(segment);
  ++rolls_;
  rolled_.NotifyAll();
  source_.Changed();
}

void ActiveSegment::AwaitRoll(SegmentStore& segments, const ClaimGate& gate) {
  // The gate may be the active one's again when we wake.
  const std::int64_t rolls = rolls_;
  while (gate_.load(std::memory_order_relaxed) == &gate && rolls_ == rolls) {
    rolled_.Wait(segments.mutex());
  }
}

absl::StatusOr<bool> ActiveSegment::SettleMissed(SegmentStore& segments, ClaimGate& gate,
                                                 ClaimWord before, std::uint64_t bytes) {
  const std::uint64_t end = PositionOf(before) + bytes;
  if (gate.IsInside(before, bytes)) {
    Segment& segment = *gate.segment();
    // The file reaches far enough, so no more can be missing than memory.
    if (!source_.Extend(segments, segment, end).ok()) segment.Grant(end);
    // So that an open after a kill scans no more than a step.
    segment.Checkpoint(context_.boot);
    return true;
  }
  // A claim in an earlier life of the gate is void, and its segment may be gone.
  const bool is_current =
      gate_.load(std::memory_order_relaxed) == &gate && gate.IsCurrentGeneration(before, bytes);
  if (!is_current) return false;
  Segment& segment = *gate.segment();
  absl::Status grown;  // OK: it was closing already
  if (!gate.is_closing()) {
    grown = source_.Extend(segments, segment, end);
    if (grown.ok()) return true;
    // It may have grown ahead since: then the claim holds.
    if (!segment.file().StartClosingBelow(end)) return SettleMissed(segments, gate, before, bytes);
  }
  if (gate.IsRollingClaim(before, bytes)) {
    Seal(segments, segment, before);
  } else {
    AwaitRoll(segments, gate);
  }
  // On a full disk it goes on in the file that was prepared, if there is one.
  if (!grown.ok() && !absl::IsOutOfRange(grown) &&
      !(absl::IsResourceExhausted(grown) && source_.HasReserve(segments))) {
    return grown;
  }
  return false;
}

absl::StatusOr<Claimed> ActiveSegment::ClaimSlowly(SegmentStore& segments, std::uint64_t bytes,
                                                   std::uint64_t records, ClaimGate* missed,
                                                   ClaimWord before) {
  SegmentSource::Time deadline;
  MutexLock lock(segments.mutex());
  for (;;) {
    // A claim that was made is settled first, whatever happened meanwhile: others wait for it.
    if (missed != nullptr) {
      const auto holds = SettleMissed(segments, *missed, before, bytes);
      if (!holds.ok()) return holds.status();
      if (*holds) return Claimed{missed->segment(), before};
      missed = nullptr;
    }
    if (const auto status = segments.WritableStatus(); !status.ok()) return status;
    if (const auto status = segments.EnsureOpen(); !status.ok()) return status;
    if (!segments.refusal().ok()) return segments.refusal();  // by what was found there
    if (segment() == nullptr) {
      if (!source_.MakeRoom(segments)) {
        const auto is_wanted = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex()) {
          return segments.refusal().ok() && segment() == nullptr;
        };
        const auto status = source_.AwaitRoom(segments, &deadline, is_wanted);
        if (!status.ok()) return status;
        continue;  // somebody else may have used it
      }
      if (const auto status = Start(segments, bytes); !status.ok()) return status;
    }
    ClaimGate* const gate = gate_.load(std::memory_order_relaxed);
    if (gate->is_closing()) {
      AwaitRoll(segments, *gate);
      continue;
    }
    before = gate->Claim(bytes, records);
    missed = gate;
  }
}

absl::Status ActiveSegment::Start(SegmentStore& segments, std::uint64_t bytes) {
  const Offset base_offset = segments.next_base();
  if (base_offset.value() > frame::kMaxBaseOffset) {
    return absl::ResourceExhaustedError(absl::StrCat(segments.name().directory(), ": offset ",
                                                     base_offset.value(),
                                                     " is the last one; go on in another topic"));
  }
  segments.ReserveOne();  // before there is a file of that name
  auto created = source_.Create(segments, base_offset, bytes);
  if (!created.ok()) return created.status();
  // One that was sealed empty, by a full disk or a power cut, gives its name to this one.
  if (segments.has_files() && !segments.empty() && segments.back().base_offset == base_offset) {
    source_.Forget(segments, segments.back().segment);
    segments.Remove(segments.size() - 1, segments.size());
  }
  segments.Append({.base_offset = base_offset, .segment = *std::move(created), .was_active = true});
  Set(segments, segments.back().segment.get());
  segments.NoteMapped(segments.back());
  source_.Started(segments, *segment());
  return absl::OkStatus();
}

void ActiveSegment::Seal(SegmentStore& segments, Segment& segment, ClaimWord crossing) {
  segment.Seal(crossing, context_.clock->Now());
  segments.SetNextBase(segment.base_offset() + RecordsOf(crossing));
  Set(segments, nullptr);
  // Before its blocks are given back: an open after a kill then knows that it needs none.
  segment.Checkpoint(context_.boot);
  source_.Sealed(segments, segments.back().segment);
  readers_.NotifyIfAny();
}

void ActiveSegment::RollIfFullOfOffsets(SegmentStore& segments) {
  const auto is_full = [this] {
    const ClaimGate* gate = gate_.load(std::memory_order_acquire);
    return gate != nullptr && RecordsOf(gate->claimed()) > kMostOffsets;
  };
  if (!is_full()) [[likely]]
    return;
  MutexLock lock(segments.mutex());
  if (is_full()) Roll(segments);
}

void ActiveSegment::Roll(SegmentStore& segments) {
  Segment* const active = segment();
  if (active == nullptr) return;
  const auto end = active->CloseHere();
  end ? Seal(segments, *active, *end) : AwaitRoll(segments, active->gate());
}

void ActiveSegment::Stop(SegmentStore& segments) {
  Segment* const active = segment();
  if (active == nullptr) return;
  const auto end = active->CloseHere();
  if (!end) return AwaitRoll(segments, active->gate());
  segments.SetNextBase(active->base_offset() + RecordsOf(*end));
  Set(segments, nullptr);
  active->Checkpoint(context_.boot);
}

}  // namespace daybook::inline v1
