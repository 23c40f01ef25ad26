#ifndef DAYBOOK_COORDINATION_GROUP_MEMBERS_H_
#define DAYBOOK_COORDINATION_GROUP_MEMBERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/offsets/offset_store.h"
#include "coordination/poll_deadline.h"
#include "coordination/subscription.h"
#include "daybook/group_options.h"
#include "daybook/topic_partition.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// What a group has of a partition, at one place as long as its coordinator is there: a member that
// commits keeps a pointer to it instead of looking for its name.
//
// Guarded by the coordinator's lock. `owner` and `mark` change only while OffsetStore::mutex() is
// held, too, so that a commit, which holds that one alone, may look at them.
struct GroupPartition {
  TopicPartition name;
  std::string owner = {};                 // empty: nobody
  OffsetStore::EntryPtr place = nullptr;  // set before a member commits, and then no more
  std::int64_t owned_since = 0;           // the generation in which the owner got it
  bool is_new = false;                    // it came after the group: begins at its beginning
  bool is_held = false;
  std::unique_ptr<ReadMark> mark = nullptr;  // null where nothing is dropped that is unread
};

// The members of a group, and which of them owns each partition. A partition has one owner at most:
// it goes to another member only after its owner has let go of it. Guarded by its coordinator's
// lock; what changes owners or marks needs OffsetStore::mutex(), too: see GroupPartition.
class GroupMembers {
 public:
  struct Member {
    Subscription subscription;
    std::string instance_id;
    std::shared_ptr<PollDeadline> deadline;
    std::vector<std::string> topics;  // those of the subscription that are there
    bool begins_at_end = false;
    bool is_away = false;
    std::set<TopicPartition> target = {};  // what it shall own
    std::set<TopicPartition> owned = {};
  };
  using Map = std::map<std::string, Member>;  // by id
  using Iterator = Map::iterator;

  Map& all() { return members_; }
  bool empty() const { return members_.empty(); }
  bool contains(const std::string& id) const { return members_.contains(id); }
  Iterator Find(const std::string& id) { return members_.find(id); }
  Iterator end() { return members_.end(); }

  GroupPartition& Of(const TopicPartition& partition);
  std::map<TopicPartition, GroupPartition>& partitions() { return partitions_; }

  void Add(const std::string& id, Member member);
  // `newer` gets what the older one has and shall have, under its id, and the older one goes.
  void TakeOver(Iterator older, Member& newer, const std::string& id);
  // The member lets go of all. Without members the group holds nothing back any more.
  void Remove(Iterator member);

  // What the member owns and shall not.
  static std::vector<TopicPartition> Revoked(const Member& member);
  void Release(Iterator member, const std::vector<TopicPartition>& partitions);
  // The member gets what it shall own and nobody does.
  void Claim(Iterator member, std::int64_t generation);
  // The targets of a generation. Members that are away let go at once, as nothing is under way.
  void SetTargets(const Assignments& targets);
  // Nobody has anything of a topic that was deleted.
  void ForgetTopic(std::string_view topic);

 private:
  static void ReleaseMark(GroupPartition& partition);

  Map members_;
  // Of what was ever assigned; none goes, since members have pointers to them.
  std::map<TopicPartition, GroupPartition> partitions_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_GROUP_MEMBERS_H_
