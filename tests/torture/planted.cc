#include "torture/planted.h"

#if defined(DAYBOOK_INSTRUMENTED)

#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/planted_bug.h"
#include "torture/family.h"

namespace daybook::torture {
namespace {

// A bug, what it is called, and the families that should catch it, the cheapest first. Whoever
// plants one adds it here.
struct Planted {
  PlantedBug bug;
  const char* name;
  std::vector<const char*> families;
};

std::vector<Planted> AllPlanted() {
  return {
      {PlantedBug::kAcknowledgeBeforeSync, "acknowledge-before-sync", {"block-log", "power-cut"}},
      {PlantedBug::kNoChecksum, "no-checksum", {"flips"}},
      {PlantedBug::kChecksumWithoutPlace, "checksum-without-place", {"mutations"}},
      {PlantedBug::kSyncsLastSegmentAlone, "syncs-last-segment-alone", {"power-cut"}},
      {PlantedBug::kNoDirectorySync, "no-directory-sync", {"power-cut"}},
      {PlantedBug::kNoSyncBeforeRename, "no-sync-before-rename", {"power-cut"}},
      {PlantedBug::kRetriesFailedSync, "retries-failed-sync", {"block-errors", "errors"}},
      {PlantedBug::kDurableBeforeSync, "durable-before-sync", {"errors", "power-cut"}},
      {PlantedBug::kStopsAtFirstBadRecord, "stops-at-first-bad-record", {"power-cut"}},
      {PlantedBug::kSkipsDamage, "skips-damage", {"flips"}},
      {PlantedBug::kSparseFile, "sparse-file", {"disk-full"}},
      {PlantedBug::kCommitsBeforeFill, "commits-before-fill", {"kill-stores", "kill"}},
      {PlantedBug::kCheckpointAheadOfData, "checkpoint-ahead-of-data", {"power-cut"}},
      {PlantedBug::kLosesSeal, "loses-seal", {"power-cut"}},
      {PlantedBug::kKeepsStaleTail, "keeps-stale-tail", {"power-cut"}},
      {PlantedBug::kPaddingSwallowsRecord, "padding-swallows-record", {"power-cut"}},
      {PlantedBug::kLeavesHalfMadeFile, "leaves-half-made-file", {"errors"}},
      {PlantedBug::kForgetsNoPlaces, "forgets-no-places", {"power-cut"}},
      {PlantedBug::kNoGenerationCheck, "no-generation-check", {"groups"}},
      {PlantedBug::kAssignBeforeRevoke, "assign-before-revoke", {"groups"}},
      {PlantedBug::kCommitBeforeDrain, "commit-before-drain", {"group-run"}},
      {PlantedBug::kCommitGoesBack, "commit-goes-back", {"groups"}},
      {PlantedBug::kForgetsWhereItBegan, "forgets-where-it-began", {"groups"}},
      {PlantedBug::kRevokedPositionKept, "revoked-position-kept", {"groups"}},
      {PlantedBug::kLostMemberKeepsPartitions, "lost-member-keeps-partitions", {"groups"}},
      {PlantedBug::kStickyForgetsOwner, "sticky-forgets-owner", {"groups"}},
      {PlantedBug::kPlacesPastTheEnd, "places-past-the-end", {"groups"}},
      {PlantedBug::kDeliverAborted, "deliver-aborted", {"groups"}},
      {PlantedBug::kDeliverUndecided, "deliver-undecided", {"groups"}},
      {PlantedBug::kOffsetsOutsideOfTransaction, "offsets-outside-of-transaction", {"groups"}},
      {PlantedBug::kTornTransactionIsCommitted, "torn-transaction-is-committed", {"groups"}},
      {PlantedBug::kNoSequenceCheck, "no-sequence-check", {"groups"}},
      {PlantedBug::kNoFencingByName, "no-fencing-by-name", {"groups"}},
      {PlantedBug::kDeletesUnread, "deletes-unread", {"lifecycle"}},
      {PlantedBug::kDeletesByFirstRecord, "deletes-by-first-record", {"lifecycle"}},
      {PlantedBug::kStartNotDurable, "start-not-durable", {"lifecycle"}},
      {PlantedBug::kGroupsBehindStart, "groups-behind-start", {"lifecycle"}},
      {PlantedBug::kWakesTooEarly, "wakes-too-early", {"interleavings"}},
      {PlantedBug::kCommitsOverOpenClaims, "commits-over-open-claims", {"interleavings"}},
      {PlantedBug::kClaimsWhileClosing, "claims-while-closing", {"interleavings"}},
      {PlantedBug::kGrowsOutsideOfLock, "grows-outside-of-lock", {"disk-full-default"}},
      {PlantedBug::kPagesInOverSeal, "pages-in-over-seal", {"interleavings", "power-cut"}},
      {PlantedBug::kVerifyFirstGapOnly, "verify-first-gap-only", {"repair"}},
      {PlantedBug::kTakesBudgetForEnd, "takes-budget-for-end", {"kill-large"}},
      {PlantedBug::kRepairDropsOffsets, "repair-drops-offsets", {"repair"}},
      {PlantedBug::kKeepsLowDescriptors, "keeps-low-descriptors", {"close"}},
      {PlantedBug::kLocksNameAlone, "locks-name-alone", {"close"}},
      {PlantedBug::kReleasesLockFirst, "releases-lock-first", {"close"}},
      {PlantedBug::kFollowersIgnoreIds, "followers-ignore-ids", {"follower"}},
      {PlantedBug::kEpochNotedLate, "epoch-noted-late", {"follower"}},
      {PlantedBug::kWaitsAtDeadClaims, "waits-at-dead-claims", {"follower"}},
      {PlantedBug::kStartsThreadInAppend, "starts-thread-in-append", {"threads"}},
      {PlantedBug::kIntervalOfTopicAlone, "interval-of-topic-alone", {"power-cut"}},
      {PlantedBug::kOneClaimFailsAll, "one-claim-fails-all", {"power-cut"}},
      {PlantedBug::kDropsDurableSegments, "drops-durable-segments", {"mutations", "flips"}},
  };
}

constexpr int kGrowth = 4;

nlohmann::json RunOne(const Planted& planted, RunOptions options) {
  const auto start = std::chrono::steady_clock::now();
  nlohmann::json row = {{"bug", planted.name}, {"caught_by", nullptr}, {"tries", 0}};
  planted_bug.store(planted.bug);
  const std::vector<Family> families = AllFamilies();
  for (const char* name : planted.families) {
    const Family* family = FindFamily(families, name);
    if (family == nullptr) continue;
    options.family = name;
    options.workers = 1;
    options.most_violations = 1;
    std::int64_t tries = 0;
    // Up to what ci does of it, in the shape that has more of it.
    options.shape = family->asked.begin()->first;
    const std::int64_t asked = family->asked.begin()->second.ci;
    const std::int64_t most = asked == 0 ? kUnbounded : asked;
    for (std::int64_t amount = 20; amount < most * kGrowth; amount *= kGrowth) {
      options.amount = amount;
      const Tally tally = family->run(options);
      const std::int64_t reached = tally[family->figure];
      tries = std::max(tries, reached);
      if (!tally.violations().empty()) {
        row["caught_by"] = name;
        row["tries"] = std::max<std::int64_t>(reached, 1);
        row["figure"] = family->figure;
        row["what"] = tally.violations().front().what;
        break;
      }
      if (reached < amount) break;  // that is all of it
    }
    if (!row["caught_by"].is_null()) break;
    row["tries"] = tries;
  }
  planted_bug.store(PlantedBug::kNone);
  row["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return row;
}

}  // namespace

int RunPlanted(const RunOptions& options, const std::string& only, const std::string& json_file) {
  nlohmann::json report = nlohmann::json::array();
  int caught = 0;
  int all = 0;
  std::printf("%-30s %-12s %8s %8s  %s\n", "planted bug", "caught by", "tries", "time", "how");
  for (const Planted& planted : AllPlanted()) {
    if (!only.empty() && only != planted.name) continue;
    nlohmann::json row = RunOne(planted, options);
    const bool is_caught = !row["caught_by"].is_null();
    ++all;
    caught += is_caught ? 1 : 0;
    std::printf("%-30s %-12s %8lld %6.1f s  %.90s\n", planted.name,
                is_caught ? row["caught_by"].get<std::string>().c_str() : "NOT CAUGHT",
                static_cast<long long>(row["tries"].get<std::int64_t>()),
                row["seconds"].get<double>(),
                is_caught ? row["what"].get<std::string>().c_str() : "");
    std::fflush(stdout);
    report.push_back(std::move(row));
  }
  std::printf("%d of %d were caught; seed %llu\n", caught, all,
              static_cast<unsigned long long>(options.seed));
  if (!json_file.empty()) std::ofstream(json_file) << report.dump(2) << '\n';
  return caught == all ? 0 : 1;
}

}  // namespace daybook::torture

#endif
