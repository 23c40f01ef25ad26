#ifndef DAYBOOK_SEGMENT_SEGMENT_H_
#define DAYBOOK_SEGMENT_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/scheduler.h"
#include "daybook/format/frame.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "daybook/system/file_system.h"
#include "format/frame_codec.h"
#include "format/scan.h"
#include "segment/claim_gate.h"
#include "segment/claim_word.h"
#include "segment/index/segment_index.h"
#include "segment/partition_name.h"
#include "segment/read_bounds.h"
#include "segment/segment_checkpoint.h"
#include "segment/segment_file.h"
#include "segment/segment_recovery.h"
#include "segment/segment_settings.h"
#include "segment/zeroed_memory.h"

namespace daybook::inline v1 {

// One segment file, mapped. Appended to by any number of threads, read by any number; reads and
// appends wait for nothing. Or memory in place of the file: segment_memory.cc says what differs.
//
// Memory ordering. The bytes of a frame are plain stores by the thread that claimed them, and
// published by the release store of its length word; a reader that acquires a non-zero length word
// sees them. Of the rest claim_gate.h and read_bounds.h speak.
class Segment {
 public:
  // Makes `<base offset>.log` in `directory`: real blocks for its beginning, the header, mapped.
  // On an error nothing is left. Not durable before Sync and a sync of the directory.
  static absl::StatusOr<std::shared_ptr<Segment>> Create(Directory& directory, PartitionName name,
                                                         const SegmentSettings& settings);

  // The same from a file that is there already. It is removed on an error.
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
  void Recycle(Offset base_offset, Timestamp now);

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
  bool is_in_memory() const { return is_in_memory_; }
  // How the file grows and is brought into memory ahead of appends.
  SegmentFile& file() { return file_; }

  // --- Claiming -------------------------------------------------------------------------------

  // Closes it before its bytes are used up, by a claim that cannot fit. Where that one began, if it
  // is the crossing one; else another one is. One caller at a time.
  std::optional<ClaimWord> CloseHere() {
    const ClaimWord before = gate_->Claim(header_.capacity, 0);
    file_.StartClosing();
    return gate_->IsRollingClaim(before, header_.capacity) ? std::optional(before) : std::nullopt;
  }

  // Makes a claim ending at `position` fit, growing the file if it must. Grants in small steps even
  // where the file reaches further, so that somebody notices how far appends have come.
  // OutOfRange: that is beyond the capacity, roll. ResourceExhausted: the disk is full.
  // FailedPrecondition: the file has to grow, and is not open. One caller at a time. `in_hurry`:
  // appends come so fast that it pays to bring pages in ahead of them; otherwise that would only
  // take a core away from somebody.
  absl::Status Extend(std::uint64_t position, bool in_hurry = true);
  // The same for a claim that holds, when Extend could not be called or did not return: needs
  // neither a descriptor nor memory.
  void Grant(std::uint64_t position);

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
  bool IsHole(std::uint64_t position) const { return bounds_.IsHole(position); }
  // For a segment that recovery could not decide about: all zeros are a hole.
  void TakeZerosForHoles() { bounds_.SetHoleEnd(header_.capacity); }

  // The place after the last frame before which all are committed, found by walking from the last
  // one known. A seal is not passed.
  ClaimWord CommittedEnd();
  // Everything that was handed out; overshoots while the segment is closing.
  ClaimWord ClaimedEnd() const { return gate_->claimed(); }

  // What is known of where offsets and times are. segment_search.h finds them.
  SegmentIndex& index() { return index_; }
  SegmentTimes& times() { return index_.times(); }

  // Sealed: where its seal stands. Of a follower: as far as it has looked.
  std::optional<ClaimWord> sealed_end() const { return bounds_.sealed_end(); }

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
  void TakeForDead(std::uint64_t position) { bounds_.RaiseDeadEnd(position); }
  // The frame behind claims that are so passed; none: that is not known of `position`.
  std::optional<ClaimWord> BehindDeadClaims(std::uint64_t position) const;

  // --- Durability and recovery ------------------------------------------------------------------

  // Syncs the file and then notes that all before `end`, which must be committed, is durable. After
  // an error pages may count as clean that are not on the disk: that is noted, too, and the first
  // sync of who opens the segment next in this boot writes them again.
  absl::Status Sync(Directory& directory, ClaimWord end, const BootId& boot);
  // The offset below which everything is known to be durable.
  Offset durable_end() const { return checkpoint_.durable_end(); }
  // True when the seal, too, is durable: nothing is left to sync.
  bool is_durable() const { return checkpoint_.is_durable(); }

  // Notes that all before the last known committed place is committed; later recoveries in this
  // boot begin there. And that all before `durable` is, after a sync of that.
  void Checkpoint(const BootId& boot, std::optional<ClaimWord> durable = std::nullopt);

  // Finds the end of what was written before and makes it fit to go on; segment_recovery.cc says
  // how. DataLoss: it cannot be told where that is, and nothing was changed. A segment with a dirty
  // tail is sealed, so that nothing is ever appended on top of stale bytes, and so is one that
  // others follow; `next_base` is the base offset of the next one. `is_durable`: it was synced
  // whole, which its own checkpoint may not know. Before the segment is shared.
  absl::StatusOr<SegmentRecovery> Recover(Directory& directory, const BootId& boot,
                                          std::optional<Offset> next_base, Timestamp now,
                                          bool is_durable = false);

  // The same for reading only: takes what is there, changes nothing.
  void Follow(const BootId& boot);
  // After Follow: whether its last checkpoint was written in this boot.
  bool IsOfBoot(const BootId& boot) const { return checkpoint_.IsOfBoot(boot); }

 private:
  class Recoverer;  // segment_recovery.cc: one recovery

  Segment(PartitionName name, std::string path, PreparedFile file,
          const frame::SegmentHeader& header, const SegmentSteps& steps, bool is_in_memory = false);

  // CommittedEnd in memory: every frame is what it says.
  ClaimWord CommittedEndInMemory(ClaimWord at);
  void GrantMemory(std::uint64_t position);

  // Notes where the frame that is about to be committed at `before` ends.
  ClaimWord IndexFrame(ClaimWord before, std::uint32_t length_word, std::uint64_t records) {
    const ClaimWord next =
        before + MakeClaimWord(records, frame::AlignedLength(frame::LengthOf(length_word)));
    index_.offsets().Note(before, next);
    return next;
  }
  // Takes over the checkpoint that the file has; returns up to where its frames are trusted.
  ClaimWord LoadCheckpoint(const BootId& boot);
  // If a seal ends at `position`: takes the segment as sealed there.
  bool AdoptSeal(std::uint64_t position);
  // The same where the checkpoint ends, if a seal does, too.
  bool AdoptCheckpoint(ClaimWord trusted);

  const PartitionName name_;
  const std::string path_;  // for messages
  const bool is_in_memory_;
  frame::SegmentHeader header_;  // changes in Recycle alone
  std::unique_ptr<ClaimGate> gate_;
  SegmentFile file_;
  SegmentIndex index_;
  ReadBounds bounds_;
  SegmentCheckpoint checkpoint_;
  ZeroedMemory zeroed_;  // in memory alone
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_SEGMENT_H_
