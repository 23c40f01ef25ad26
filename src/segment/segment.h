#ifndef DAYBOOK_SEGMENT_SEGMENT_H_
#define DAYBOOK_SEGMENT_SEGMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/planted_bug.h"
#include "base/scheduler.h"
#include "daybook/format/frame.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "daybook/system/file_system.h"
#include "format/frame_codec.h"
#include "format/scan.h"
#include "format/segment_header.h"
#include "segment/claim_gate.h"
#include "segment/claim_word.h"
#include "segment/offset_index.h"
#include "segment/partition_name.h"
#include "segment/recovery.h"
#include "segment/segment_file.h"
#include "segment/segment_settings.h"
#include "segment/segment_times.h"

namespace daybook::inline v1 {

// One segment file, mapped. Appended to by any number of threads, read by any number; reads and
// appends wait for nothing. Or memory in place of the file: segment_memory.cc says what differs.
//
// Memory ordering. The bytes of a frame are plain stores by the thread that claimed them, and
// published by the release store of its length word; a reader that acquires a non-zero length word
// sees them. verified_ is a lower bound that publishes no other memory: relaxed is enough. Of the
// rest claim_gate.h speaks.
class Segment {
 public:
  // Makes `<base offset>.log` in `directory`: real blocks for its beginning, the header, mapped.
  // On an error nothing is left. Not durable before Sync and a sync of the directory.
  static absl::StatusOr<std::shared_ptr<Segment>> Create(Directory& directory, PartitionName name,
                                                         const SegmentSettings& settings);

  // Makes the file of a later segment, under a name of its own, with blocks for its first `bytes`.
  // One for each directory; Create with it takes it over, and RemovePrepared removes what is left.
  // ResourceExhausted: there is too little space for what is made ahead of need.
  static absl::StatusOr<PreparedFile> Prepare(Directory& directory, const PrepareOptions& options);
  static void RemovePrepared(Directory& directory);
  static absl::StatusOr<std::shared_ptr<Segment>> Create(Directory& directory, PartitionName name,
                                                         const SegmentSettings& settings,
                                                         PreparedFile prepared);

  // Maps a file that is there. Nothing is known of its frames until Recover or Follow.
  //   NotFound            it was made, and the power was cut before it reached the disk: it has no
  //                       header yet, or no room for a frame, and was never durable
  //   FailedPrecondition  another format version
  //   DataLoss            not a segment, or a damaged header, or one for another base offset
  static absl::StatusOr<std::shared_ptr<Segment>> Open(Directory& directory, PartitionName name,
                                                       Offset base_offset, MapAccess access,
                                                       const SegmentSteps& steps = {});

  // A segment in memory that takes nothing before Recycle. ResourceExhausted: there is no such
  // memory.
  static absl::StatusOr<std::unique_ptr<Segment>> CreateInMemory(PartitionName name,
                                                                 std::uint64_t capacity,
                                                                 std::uint32_t max_frame_bytes);
  // Forgets all that a segment in memory holds and begins it anew at `base_offset`. It must be
  // sealed or new, its claims committed, and nobody may read it. Claims of before do not hold.
  void Recycle(Offset base_offset, Timestamp now) ABSL_LOCKS_EXCLUDED(memory_mutex_);

  ~Segment();

  // Of a sealed and committed segment that nobody reads, before it is destroyed: a thread that was
  // held up may still claim there, though the claim cannot hold.
  std::unique_ptr<ClaimGate> TakeGate() { return std::move(gate_); }
  ClaimGate& gate() { return *gate_; }
  // The limit of a segment that was not closed early.
  std::uint64_t highest_limit() const { return header_.capacity - frame::kSealBytes; }

  const frame::SegmentHeader& header() const { return header_; }
  Offset base_offset() const { return Offset(header_.base_offset); }
  const PartitionName& name() const { return name_; }
  const std::string& path() const { return path_; }

  // --- Claiming -------------------------------------------------------------------------------

  // Takes the next `bytes` (a multiple of 8) and `records` offsets; wait-free. The claim holds if
  // Fits, and otherwise after Extend; exactly one claim in the life of a segment begins at or below
  // the limit and ends beyond it while the segment is closing, and the one who made it seals the
  // segment there.
  // (claim_gate.h has the rest of it.)
  ClaimWord Claim(std::uint64_t bytes, std::uint64_t records = 1) {
    return gate_->Claim(bytes, records);
  }
  bool Fits(ClaimWord before, std::uint64_t bytes) const { return gate_->Fits(before, bytes); }
  bool is_closing() const { return gate_->is_closing(); }
  // From here on the limit stays where it is.
  void StartClosing() { file_.StartClosing(); }
  // The same, unless the file has grown ahead meanwhile and a claim that ends at `position` holds:
  // then nothing is done, and the answer is false.
  bool StartClosingBelow(std::uint64_t position) { return file_.StartClosingBelow(position); }
  // Closes it before its bytes are used up, by a claim that cannot fit. Where that one began, if it
  // is the crossing one; else another one is. One caller at a time.
  std::optional<ClaimWord> CloseHere() {
    const ClaimWord before = Claim(header_.capacity, 0);
    StartClosing();
    return IsRollingClaim(before, header_.capacity) ? std::optional(before) : std::nullopt;
  }
  bool IsRollingClaim(ClaimWord before, std::uint64_t bytes) const {
    return gate_->IsRollingClaim(before, bytes);
  }
  bool IsInside(ClaimWord before, std::uint64_t bytes) const {
    return gate_->IsInside(before, bytes);
  }

  // Makes a claim ending at `position` fit, growing the file if it must. Grants in small steps even
  // where the file reaches further, so that somebody notices how far appends have come.
  // OutOfRange: that is beyond the capacity, roll. ResourceExhausted: the disk is full.
  // FailedPrecondition: the file has to grow, and EnsureFile did not succeed before. One caller at
  // a time. `in_hurry`: appends come so fast that it pays to bring pages
  // in ahead of them; otherwise that would only take a core away from somebody.
  absl::Status Extend(std::uint64_t position, bool in_hurry = true);
  // The same for a claim that holds, when Extend could not be called or did not return: needs
  // neither a descriptor nor memory.
  void Grant(std::uint64_t position);

  // A descriptor is needed to let the file grow, and to sync it; a segment that does neither has
  // none.
  absl::Status EnsureFile(Directory& directory) { return file_.Opened(directory).status(); }
  void CloseFile() { file_.Close(); }

  // Gives a file that has grown to half of the largest step its whole capacity, which takes as long
  // as thousands of appends. True when it did. Appends go on meanwhile. Not on a disk that is
  // nearly full: there the file grows as it needs to. Nothing once the segment is closing.
  bool GrowAhead(Directory& directory) { return file_.GrowAhead(directory); }
  // True when there may be something to do ahead of the appends.
  bool is_filling() const { return !is_in_memory_ && file_.is_filling(); }
  // True once the file has its whole capacity and that is a lot: it is being filled in earnest, and
  // it pays to work ahead of the appends.
  bool is_busy() const { return !is_in_memory_ && file_.is_busy(); }
  // Brings some of the pages ahead of the appends into memory; true when there are more to bring
  // now. Appends go on meanwhile. Nothing once the segment is sealed.
  bool PageInAhead() { return file_.PageInAhead(); }
  // Lets go of some of the pages behind the appends; true when there are more.
  bool ReleasePagesBehind();

  // The first to be done with a claim that holds: marks it, so that a kill leaves behind how far it
  // goes (of memory it leaves nothing). Returns where its frame is to be.
  std::byte* BeginFrame(ClaimWord before, std::uint64_t bytes) {
    std::byte* const frame = At(PositionOf(before));
    if (!is_in_memory_) frame::MarkClaim(frame, PositionOf(before), bytes, header_.segment_id);
    return frame;
  }

  // Commits the filled frame at `before`, and notes the place after it. The segment may be gone
  // right after the frame is committed, or be another one in memory: the gate alone is touched
  // then.
  void Commit(std::byte* frame, std::uint32_t length_word, ClaimWord before) {
    const ClaimWord next = IndexFrame(before, length_word, 1);
    SchedulingPoint();
    if (is_in_memory_) {
      frame::CommitFrame(frame, length_word, 0);
      return;
    }
    ClaimGate* const gate = gate_.get();
    frame::FinishFrame(frame, length_word, PositionOf(before), header_.segment_id);
    gate->AdvanceCommitted(before, next);
  }
  // The same with a head and body whose hash is known, for a claim of that many records.
  void Commit(std::byte* frame, std::uint32_t length_word, ClaimWord before,
              const frame::FrameHead& head, std::uint64_t body_hash, std::uint64_t records = 1) {
    const ClaimWord next = IndexFrame(before, length_word, records);
    SchedulingPoint();
    if (is_in_memory_) {  // no checksum: that is there for what a disk does to bytes
      frame::CommitFrame(frame, length_word, 0);
      return;
    }
    ClaimGate* const gate = gate_.get();
    frame::CommitFrame(
        frame, length_word,
        frame::ChecksumOf(head, body_hash, length_word, PositionOf(before), header_.segment_id));
    gate->AdvanceCommitted(before, next);
  }
  // Commits padding over a claim of one record that is given up.
  void Abandon(ClaimWord before, std::uint64_t bytes);

  // Commits the seal at `end`, where the crossing claim began. Earlier claims may still be open.
  // One caller, once.
  void Seal(ClaimWord end, Timestamp now);

  // After Seal: gives unused blocks back, leaves the index beside the file, lets go of the
  // descriptor. After an error the segment is none the worse.
  absl::Status Tidy(Directory& directory);

  // --- Reading --------------------------------------------------------------------------------

  std::byte* At(std::uint64_t position) const { return file_.data() + position; }

  // As much of the file as may be looked at now.
  frame::SegmentBytes Bytes() const {
    return {.bytes = {file_.data(), file_.bytes()},
            .segment_id = header_.segment_id,
            .max_frame_bytes = header_.max_frame_bytes};
  }

  // Whether there is room for a frame at `position` in as much of the file as is known of.
  bool Reaches(std::uint64_t position) const {
    return position + frame::kFrameHeaderBytes <= Bytes().bytes.size();
  }

  // What stands at `position`, its checksum taken on trust if it was verified before.
  frame::FrameState ReadFrame(std::uint64_t position, frame::FrameHeader* header);

  // A place in a walk over frames.
  struct Place {
    std::uint64_t position = 0;
    std::uint64_t delta = 0;  // one past the last offset before it
  };
  // Passes over records without headers, verifying those that were not verified before, and returns
  // how many: at most `most`, and none that ends behind `end`. Stops at whatever needs another
  // look. The same as Look for each of them, several times faster.
  std::size_t VerifyPlainRun(Place* place, std::size_t most, std::uint64_t end);

  // Where to go on from a place that cannot be read: the next whole frame behind it, or the one
  // that stands there if offsets are missing before it. It may not be known whether there is one.
  frame::SearchResult FindNextFrame(const Place& place);
  // Zeros at `position` are no claim that may be committed yet, but a hole.
  bool IsHole(std::uint64_t position) const { return position < found_end_; }
  // For a segment that recovery could not decide about: all zeros are a hole.
  void TakeZerosForHoles() { found_end_ = header_.capacity; }

  // By how much the offset of the committed frame at `position` is over the base offset.
  std::uint32_t DeltaAt(std::uint64_t position) const {
    const std::byte* const at = At(position);
    return frame::LoadFrameHeader(at, frame::AcquireLengthWord(at)).offset_delta;
  }

  // The place after the last frame before which all are committed, found by walking from the last
  // one known. A seal is not passed.
  ClaimWord CommittedEnd();
  // Everything that was handed out; overshoots while the segment is closing.
  ClaimWord ClaimedEnd() const { return gate_->claimed(); }

  // The frame that holds offset base + delta, or the next one behind it; the committed end if that
  // is not above it. Goes past damage.
  std::uint64_t FindDelta(std::uint64_t delta);

  // A frame at or after `position` and before `end`, which is returned where none is known.
  ClaimWord FindPosition(std::uint64_t position, ClaimWord end) const {
    return index_.FindPosition(position, end);
  }

  // For a segment found sealed: takes in the index beside it, once, if there is a good one.
  void LoadIndex(Directory& directory);
  // Of a sealed segment: leaves what is known beside it. It is a hint: errors leave none.
  void SaveIndex(Directory& directory);
  bool has_index() const { return index_loaded_.load(std::memory_order_relaxed); }

  // The first frame at or after `from` that has a record of that time or later; absent if there is
  // none that is committed. It may be of a transaction that was not.
  std::optional<ClaimWord> FindTime(Timestamp time, ClaimWord from = kFirstFrame);
  SegmentTimes& times() { return times_; }

  // Sealed: where its seal stands. Of a follower: as far as it has looked.
  std::optional<ClaimWord> sealed_end() const {
    const ClaimWord end = sealed_end_.load(std::memory_order_acquire);
    return end == 0 ? std::nullopt : std::optional(end);
  }

  // For a file that another process writes: looks how far it reaches now, and whether it is sealed.
  // False: what has the name now is another segment, or the file of this one is no longer what is
  // mapped here (an overlay copies a file when it is first written). NotFound: nothing has it.
  absl::StatusOr<bool> Refresh(Directory& directory);

  // For a reader that stands at `position`, where nothing was committed: where the frame is that
  // was committed behind the claims there. None: nothing is known to follow, or it was written
  // before a boot, and recovery may cut it off.
  std::optional<std::uint64_t> FrameBehindClaims(std::uint64_t position, const BootId& boot) const;
  // Whoever had claims open before `position` is dead: all readers pass from now on what recovery
  // will make padding of.
  void TakeForDead(std::uint64_t position);
  // The frame behind claims that are so passed; none: that is not known of `position`.
  std::optional<ClaimWord> BehindDeadClaims(std::uint64_t position) const;

  // --- Durability and recovery ------------------------------------------------------------------

  // Syncs the file and then notes that all before `end`, which must be committed, is durable. After
  // an error pages may count as clean that are not on the disk: that is noted, too, and the first
  // sync of who opens the segment next in this boot writes them again.
  absl::Status Sync(Directory& directory, ClaimWord end, const BootId& boot);
  // The offset below which everything is known to be durable.
  Offset durable_end() const;
  // True when the seal, too, is durable: nothing is left to sync.
  bool is_durable() const { return is_durable_.load(std::memory_order_relaxed); }

  // Notes, without a sync, that all before the last known committed place is committed; later
  // recoveries in this boot begin there.
  void Checkpoint(const BootId& boot);

  using Recovery = SegmentRecovery;

  // Finds the end of what was written before and makes it fit to go on; segment_recovery.cc says
  // how. DataLoss: it cannot be told where that is, and nothing was changed. A segment with a dirty
  // tail is sealed, so that nothing is ever appended on top of stale bytes, and so is one that
  // others follow; `next_base` is the base offset of the next one. `is_durable`: it was synced
  // whole, which its own checkpoint may not know. Before the segment is shared.
  absl::StatusOr<Recovery> Recover(Directory& directory, const BootId& boot,
                                   std::optional<Offset> next_base, Timestamp now,
                                   bool is_durable = false);

  // The same for reading only: takes what is there, changes nothing.
  void Follow(const BootId& boot);
  // After Follow: whether its last checkpoint was written in this boot.
  bool IsOfBoot(const BootId& boot) const ABSL_LOCKS_EXCLUDED(checkpoint_mutex_);

 private:
  Segment(PartitionName name, std::string path, PreparedFile file,
          const frame::SegmentHeader& header, const SegmentSteps& steps, bool is_in_memory = false);

  // CommittedEnd in memory: every frame is what it says.
  ClaimWord CommittedEndInMemory(ClaimWord at);
  // Grant in memory: makes bytes zero in small steps, so that they are in the cache when they are
  // written soon after.
  void GrantMemory(std::uint64_t position) ABSL_EXCLUSIVE_LOCKS_REQUIRED(memory_mutex_);
  void ZeroMemory(std::uint64_t end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(memory_mutex_);
  // Gives a file its header and its name.
  static absl::StatusOr<std::shared_ptr<Segment>> Publish(Directory& directory, PartitionName name,
                                                          const SegmentSettings& settings,
                                                          PreparedFile file,
                                                          const std::string& temporary);

  // Notes where the frame that is about to be committed at `before` ends.
  ClaimWord IndexFrame(ClaimWord before, std::uint32_t length_word, std::uint64_t records) {
    const ClaimWord next =
        before + MakeClaimWord(records, frame::AlignedLength(frame::LengthOf(length_word)));
    index_.Note(before, next);
    return next;
  }
  void WriteCheckpoint(const BootId& boot, std::optional<ClaimWord> durable)
      ABSL_LOCKS_EXCLUDED(checkpoint_mutex_);
  // Writes what is before `until` and not known to be durable once more, as it is. Not a byte
  // behind that: appends may be under way there.
  absl::Status WriteAgain(File& file, std::uint64_t until) ABSL_LOCKS_EXCLUDED(checkpoint_mutex_);
  // How far the file reached once, by its checkpoint.
  std::uint64_t KnownEnd(const BootId& boot) const;
  // DataLoss: the file is shorter than its checkpoint says that it was.
  absl::Status CheckLength(const BootId& boot) const;
  // Takes over the checkpoint that the file has; returns up to where its frames are trusted.
  ClaimWord LoadCheckpoint(const BootId& boot);
  // If a seal ends at `position`: takes the segment as sealed there.
  bool AdoptSeal(std::uint64_t position);
  // The same where the checkpoint ends, if a seal does, too.
  bool AdoptCheckpoint(ClaimWord trusted) ABSL_LOCKS_EXCLUDED(checkpoint_mutex_);
  // `at`: where a frame begins. Whether a seal was committed there that is damaged now.
  bool IsDamagedSeal(ClaimWord at) const;
  // Where the seal begins that the checkpoint has behind it and that is damaged now; otherwise
  // `trusted`.
  ClaimWord BeforeDamagedSeal(ClaimWord trusted) const;
  // Behind the last whole frame, at `end`: passes what was committed there and is damaged now,
  // which keeps its offsets, and pads open claims on the way. Returns where to seal.
  ClaimWord PassDamagedTail(ClaimWord end, std::uint64_t tail_bytes,
                            std::optional<Offset> next_base, Recovery* recovery);
  // Blocks for so much of the file. DataLoss: that is more than it can have.
  absl::Status EnsureBytes(std::uint64_t file_bytes);
  // Claims begin at `end`, for which there is room at least for a seal.
  absl::Status GoOnAt(ClaimWord end);
  // Seals at `end`, and clears whatever is behind.
  absl::Status CutAt(ClaimWord end, Timestamp now);

  // One step of a walk over frames.
  struct Step {
    frame::FrameState state = frame::FrameState::kNothing;
    frame::FrameHeader header{};
    ClaimWord next = 0;  // set for kValid, and for kBad when a valid frame follows
  };
  Step StepFrom(ClaimWord at);
  std::optional<ClaimWord> FindAppended(std::int64_t nanos, ClaimWord from, ClaimWord end);

  const PartitionName name_;
  const std::string path_;  // for messages
  const bool is_in_memory_;
  frame::SegmentHeader header_;  // changes in Recycle alone
  std::unique_ptr<ClaimGate> gate_;
  SegmentFile file_;
  OffsetIndex index_;
  std::atomic<bool> index_loaded_{false};
  SegmentTimes times_;

  Atomic<ClaimWord> sealed_end_{0};
  std::atomic<bool> is_durable_{false};
  // How far its checkpoint said that it was committed: zeros before it are a hole in the file.
  std::uint64_t found_end_ = 0;
  // Where the last search that was given up began. 0: none was.
  std::atomic<std::uint64_t> undecided_at_{0};
  // A lower bound, too; of readers alone.
  alignas(64) std::atomic<std::uint64_t> verified_{frame::kSegmentHeaderBytes};

  Mutex memory_mutex_;
  // In memory: below it all bytes were zeroed. What is granted and kSealBytes do not pass it, so
  // that whoever looks for the frame behind the last one finds zeros.
  std::uint64_t zeroed_ ABSL_GUARDED_BY(memory_mutex_) = 0;
  // Before it no claim is open any more.
  std::atomic<std::uint64_t> dead_until_{0};

  mutable Mutex checkpoint_mutex_;
  frame::CheckpointSlot checkpoint_ ABSL_GUARDED_BY(checkpoint_mutex_){};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_SEGMENT_H_
