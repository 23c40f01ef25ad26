#ifndef DAYBOOK_BASE_PLANTED_BUG_H_
#define DAYBOOK_BASE_PLANTED_BUG_H_

#include <atomic>

// Checks the checkers. Each of these is a mistake that systems of this kind have made; where the
// library could make it, it asks IsPlanted, which is the constant false, and gone after
// compilation, but in the variant of the library that `daybook-torture-instrumented` links: there
// one at a time is switched on, and the torture tests must find it.

namespace daybook::inline v1 {

enum class PlantedBug {
  kNone,
  kCommitBeforeDrain,    // a rebalance commits what handlers still work on
  kNoGenerationCheck,    // a member that lost a partition may still commit
  kAssignBeforeRevoke,   // a partition is given away before its reader has let go of it
  kDeliverAborted,       // records of a transaction that was not committed are delivered
  kDeliverUndecided,     // so are those of one that may still be aborted
  kCommitGoesBack,       // a commit from before a partition went away overwrites a newer one
  kForgetsWhereItBegan,  // at kLatest, where a group began is held by its member alone
  kOffsetsOutsideOfTransaction,  // a group's offsets are committed apart from the decision
  kTornTransactionIsCommitted,   // a decision counts although a power cut took some of its records
  kNoFencingByName,              // a transaction commits although a later one has its name
  kPlacesPastTheEnd,             // places are not drawn back to what a power cut left
  kStickyForgetsOwner,           // a rebalance moves partitions that could have stayed
  kLostMemberKeepsPartitions,    // what a lost member had goes on with nobody
  kRevokedPositionKept,  // a partition that comes back goes on where it was, not where the group is
  kNoSequenceCheck,      // what a named producer sends again is appended again
  kAcknowledgeBeforeSync,  // an append at kDisk does not wait
  kNoChecksum,             // frames are taken as they are
  kChecksumWithoutPlace,   // a checksum holds in another place and another segment, too
  kSyncsLastSegmentAlone,  // the one before it, rolled since the last sync, is not synced
  kNoDirectorySync,        // new files can be gone with the power
  kNoSyncBeforeRename,     // a small file can be there and empty
  kRetriesFailedSync,      // the second sync answers OK, and lies
  kDurableBeforeSync,      // the watermark is raised first
  kStopsAtFirstBadRecord,  // recovery takes it for the end
  kSkipsDamage,            // readers pass it over in silence
  kSparseFile,             // a full disk is a SIGBUS
  kCommitsBeforeFill,      // the length word is stored before the value
  kCheckpointAheadOfData,  // it says that something is durable that is yet to be synced
  kLosesSeal,              // a segment that takes no more does not say so
  kKeepsStaleTail,         // appends go on over what a power cut tore
  kPaddingSwallowsRecord,  // a claim that was never committed takes the next record with it
  kLeavesHalfMadeFile,     // on an error
  kForgetsNoPlaces,        // a new topic begins at the places of an older one of its name
  kDropsDurableSegments,   // what is behind a cut goes, although it is durable
  kWakesTooEarly,          // waiters are told before a record is committed, and not after
  kCommitsOverOpenClaims,  // what is committed counts, though a claim before it is open
  kClaimsWhileClosing,     // the last claim of a segment is settled as if there were no other
  kVerifyFirstGapOnly,     // a verification stops at the first damaged record of a segment
  kTakesBudgetForEnd,      // a search that was given up has found nothing; marks are not followed
  kGrowsOutsideOfLock,     // two allocations of one file; the one that fails cuts what both gained
  kPagesInOverSeal,        // zeros are written ahead of appends that have ended meanwhile
  kRepairDropsOffsets,     // a repair closes a gap without keeping the offsets in it
  kFollowersIgnoreIds,     // who follows takes what has a name for what had it before
  kEpochNotedLate,         // who follows learns of a new writer with its next commit
  kWaitsAtDeadClaims,      // who follows waits for a claim of a dead process
  kKeepsLowDescriptors,    // a data file may have the descriptor that others write messages to
  kLocksNameAlone,         // who removes the lock's file lets a second writer in
  kReleasesLockFirst,      // a closed broker goes on where another process writes already
  kStartsThreadInAppend,   // a thread that cannot be started throws between claim and commit
  kIntervalOfTopicAlone,   // kInterval is not seen to where an append or a transaction asks for it
  kDeletesUnread,          // retention does not ask how far groups have read
  kDeletesByFirstRecord,   // a segment is as old as its first record
  kStartNotDurable,        // where a log begins goes back with the power
  kGroupsBehindStart,      // retention does not wait until it is durable how far groups have read
  kOneClaimFailsAll,       // who waits for records before an open claim is told of its failure, too
};

#if defined(DAYBOOK_INSTRUMENTED)
inline std::atomic<PlantedBug> planted_bug{PlantedBug::kNone};
inline bool IsPlanted(PlantedBug bug) { return planted_bug.load(std::memory_order_relaxed) == bug; }
#else
constexpr bool IsPlanted(PlantedBug) { return false; }
#endif

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_PLANTED_BUG_H_
