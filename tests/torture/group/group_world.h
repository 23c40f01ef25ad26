#ifndef DAYBOOK_TORTURE_GROUP_GROUP_WORLD_H_
#define DAYBOOK_TORTURE_GROUP_GROUP_WORLD_H_

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "daybook/system/simulated_file_system.h"
#include "daybook/transaction.h"
#include "torture/hostile.h"
#include "torture/run.h"

// One seeded history of a group on a simulated disk: members that join, leave, stall and come back,
// records that they handle, commits and transactions, kills and power cuts; and the checks of what
// must hold after each step. Everything happens in one thread, so a history repeats.

namespace daybook::torture {

// A record that a member was given and has not finished.
struct Handed {
  int partition = 0;
  Offset offset;
  std::string value;
};

struct Member {
  std::string instance_id;
  std::unique_ptr<Consumer> consumer;
  std::deque<Handed> handed;
  // One past what it has finished, by partition; and where the next record must come from.
  std::map<int, Offset> finished;
  std::map<int, Offset> expected;
  std::chrono::steady_clock::time_point last_poll;
  bool is_fenced = false;  // another one took its place
};

class GroupWorld {
 public:
  // In kDefault with the library's own settings and threads, and records up to 1 MiB: what its
  // threads do is not the same each time.
  GroupWorld(Shape shape, std::uint64_t seed, Tally& tally);
  ~GroupWorld();

  // The whole history; stops at the first violation.
  void Run();

 private:
  static constexpr char kGroup[] = "workers";
  static constexpr std::chrono::seconds kMaxPollInterval{30};

  std::uint64_t Pick(std::uint64_t below) { return random_() % below; }
  bool IsHeld() const { return tally_.violations().empty(); }
  void Violate(const std::string& what) {
    tally_.Violate(absl::StrCat("step ", step_, ": ", what));
  }
  // Counts as a violation unless it holds.
  bool Expect(bool holds, const std::string& what) {
    if (!holds) Violate(what);
    return holds;
  }

  void Open();
  void Step();
  void Produce();
  void SendTwice();
  void JoinMember();
  void RemoveMember();
  void PollMember(Member& member);
  void FinishSome(Member& member);
  void CommitMember(Member& member);
  void CommitZombie();
  void SeekBack(Member& member);
  void AddPartition();
  void RunTransaction(Member& member);
  // Every partition goes from the member and comes back to it; false if that does not come about.
  bool PassAround(Member& member);
  void FenceByName();
  void LeaveUndecided();
  void Stall();
  void Kill();
  void CutPower();

  // What the listeners of a member are told.
  void OnAssigned(Member& member, Consumer& consumer, const std::vector<TopicPartition>& assigned);
  void OnRevoked(Member& member, Consumer& consumer, const std::vector<TopicPartition>& revoked);
  void Forget(Member& member, const std::vector<TopicPartition>& partitions);
  void Finish(Member& member, const Handed& handed);
  std::map<TopicPartition, CommittedOffset> FinishedPlaces(const Member& member) const;
  bool MayBeLost(const Member& member);
  Member* PickMember();

  // --- What must hold -------------------------------------------------------------------------
  void CheckStep();
  void CheckOwners();
  void CheckPlaces();
  void CheckLog(bool may_have_lost);
  void CheckOutput();
  void CheckStickiness(const std::map<TopicPartition, std::string>& before, const Member& joined);
  // Fresh members read everything that is left.
  void CheckEnd();
  std::map<TopicPartition, std::string> Owners();
  // The group's place, or where it begins.
  absl::StatusOr<Offset> Place(int partition);
  std::vector<std::vector<std::pair<Offset, std::string>>> ReadAll(const std::string& topic);

  bool is_small() const { return shape_ == Shape::kSmall; }
  // Another one than all before.
  std::string NextValue();

  const Shape shape_;
  const HostileValues values_;
  std::mt19937_64 random_;
  Tally& tally_;
  const Guarantee guarantee_;
  const OffsetReset offset_reset_;
  int partitions_;
  const int outputs_;
  const Durability input_durability_;
  int step_ = 0;
  std::int64_t next_value_ = 0;
  std::int64_t next_sequence_ = 0;
  bool was_cut_ = false;
  bool is_calm_ = false;  // nobody hangs or dies within a transaction

  ManualClock clock_;
  std::unique_ptr<SimulatedFileSystem> disk_;
  std::unique_ptr<Broker> broker_;
  std::vector<std::unique_ptr<Member>> members_;

  // The outer world, which no crash takes anything from.
  std::vector<std::map<Offset, std::string>> produced_;  // what each partition of the input holds
  std::map<std::string, int> handled_;                   // how often, by value
  std::set<std::string> never_;                          // of transactions that were not committed
  std::map<int, Offset> places_;                         // of the group, as last seen
  // Where the group began, by partition; none before the first member joined.
  std::optional<std::vector<Offset>> starts_;
};

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_GROUP_GROUP_WORLD_H_
