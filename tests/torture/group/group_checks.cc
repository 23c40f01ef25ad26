#include <algorithm>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/reader.h"
#include "support/segment_bytes.h"
#include "torture/family.h"
#include "torture/group/group_world.h"

// The transactions of a group's history, and what must hold after each step of it:
//   - a partition is read by one member at a time
//   - the group's place goes back only when its partition's owner commits so, and never past the
//   end
//   - at kLatest, the group begins where the end was when its first member joined; in partitions
//     that were added since, at their beginning
//   - kills take nothing that was produced, power cuts nothing but ends
//   - kAtLeastOnce: whatever lies between there and the group's place was handled
//   - kAtMostOnce:  nothing was handled twice, unless a power cut took the commit
//   - kExactlyOnce: the output holds each input between there and the group's place once, and no
//                   other; what was aborted, or is undecided, is nowhere
//   - in the end everything is read, by members that come afterwards

namespace daybook::torture {

void GroupWorld::RunTransaction(Member& member) {
  auto batch = member.consumer->Poll({});
  if (!batch.ok()) {
    Expect(absl::IsAborted(batch.status()) && member.is_fenced,
           absl::StrCat("a member polls: ", batch.status().ToString()));
    return;
  }
  member.last_poll = clock_.MonotonicNow();
  if (batch->empty()) return;
  auto transaction = Transaction::Begin(*broker_);
  if (!Expect(transaction.ok(), "a transaction begins")) return;
  for (const RecordView& record : *batch) {
    Record out = RecordOf(record.value);
    out.partition = static_cast<int>(Pick(static_cast<std::uint64_t>(outputs_)));
    Expect(transaction->Send("out", out).ok(), "a transaction takes a record");
    tally_.Count("records delivered");
  }
  Expect(transaction->AddOffsets(*member.consumer).ok(), "a transaction takes places");
  const std::uint64_t end = is_calm_ ? 9 : Pick(10);
  *batch = RecordBatch();
  bool is_lost = false;
  if (end == 0) {  // it hangs, and others go on meanwhile
    clock_.Advance(kMaxPollInterval + std::chrono::seconds(1));
    for (const auto& other : members_) {
      if (other.get() == &member || other->is_fenced) continue;
      Expect(other->consumer->Poll({}).ok(), "the others go on");
      other->last_poll = clock_.MonotonicNow();
      is_lost = true;
    }
    // What they have polled now, they commit in their next transaction, or read again.
    for (const auto& other : members_) {
      if (other.get() == &member || other->is_fenced) continue;
      Expect(other->consumer->SeekToCommitted().ok(), "a member goes back to the group's place");
    }
  }
  if (end == 3 && member.instance_id.empty() && !is_calm_) {  // it hesitates
    const bool has_come_back = PassAround(member);
    const auto status = transaction->Commit();
    Expect(!has_come_back || absl::IsAborted(status),
           absl::StrCat("places of before a partition went away are refused: ", status.ToString()));
    tally_.Count("hesitant transactions");
    Expect(member.consumer->SeekToCommitted().ok(), "a member goes back to the group's place");
    return;
  }
  if (end == 1) {  // before anything was written
    transaction->Abort();
    return Kill();
  }
  if (end == 2) {
    transaction->Abort();
  } else {
    const auto status = transaction->Commit();
    tally_.Count("transactions");
    if (status.ok()) {
      Expect(!is_lost || !member.instance_id.empty(), "a lost member's transaction is refused");
      return;
    }
    Expect(absl::IsAborted(status) && (is_lost || member.is_fenced || MayBeLost(member)),
           absl::StrCat("a transaction is committed: ", status.ToString()));
  }
  member.consumer->SeekToCommitted().IgnoreError();  // it may have lost them
}

bool GroupWorld::PassAround(Member& member) {
  // The others go, one comes that takes everything there is to take, and goes again.
  if (MayBeLost(member)) return false;
  const std::vector<TopicPartition> before = member.consumer->Assignment();
  if (before.size() < 2) return false;
  GroupOptions options;
  options.offset_reset = offset_reset_;
  options.guarantee = guarantee_;
  options.max_poll_interval = kMaxPollInterval;
  auto guest = ConsumerGroup(*broker_, kGroup, options).Join({"in"});
  if (!Expect(guest.ok(), "a guest joins")) return false;
  const auto settle = [&](Consumer& consumer) {
    Expect(consumer.Poll({}).ok() && consumer.SeekToCommitted().ok(), "a member polls");
  };
  settle(*member.consumer);
  member.last_poll = clock_.MonotonicNow();
  settle(**guest);
  // Everything that the guest has reads as far as it goes, and is committed.
  std::set<TopicPartition> moved;
  for (const TopicPartition& partition : (*guest)->Assignment()) moved.insert(partition);
  for (int round = 0; round < 100 && IsHeld(); ++round) {
    auto batch = (*guest)->Poll({});
    if (!Expect(batch.ok(), "a guest polls") || batch->empty()) break;
    auto transaction = Transaction::Begin(*broker_);
    if (!Expect(transaction.ok(), "a transaction begins")) break;
    for (const RecordView& record : *batch) {
      Record out = RecordOf(record.value);
      out.partition = 0;
      Expect(transaction->Send("out", out).ok(), "a transaction takes a record");
    }
    Expect(transaction->AddOffsets(**guest).ok() && transaction->Commit().ok(),
           "a guest's transaction is committed");
  }
  Expect((*guest)->Leave().ok(), "a guest leaves");
  settle(*member.consumer);
  const std::vector<TopicPartition> after = member.consumer->Assignment();
  return std::any_of(before.begin(), before.end(), [&](const TopicPartition& partition) {
    return moved.contains(partition) && std::count(after.begin(), after.end(), partition) != 0;
  });
}

void GroupWorld::FenceByName() {
  std::vector<Transaction> both;
  for (int i = 0; i < 2; ++i) {
    auto transaction = Transaction::Begin(*broker_, {.name = "name"});
    if (!Expect(transaction.ok(), "a transaction begins")) return;
    const std::string value = absl::StrCat("fenced ", next_value_++);
    if (i == 0) never_.insert(value);
    if (i == 0) Expect(transaction->Send("out", RecordOf(value)).ok(), "it takes a record");
    both.push_back(*std::move(transaction));
  }
  Expect(absl::IsAborted(both[0].Commit()), "the earlier transaction of a name is refused");
  Expect(both[1].Commit().ok(), "the later one of a name is committed");
  tally_.Count("fenced transactions");
}

void GroupWorld::LeaveUndecided() {
  // Step by step, as a commit does it, and no decision: it is seen neither now nor ever.
  const auto id = Access::Core(*broker_).offsets().BeginTransaction();
  if (!Expect(id.ok(), "a transaction begins")) return;
  const std::string value = absl::StrCat("undecided ", next_value_++);
  never_.insert(value);
  const Record record = RecordOf(value);
  const int partition = static_cast<int>(Pick(static_cast<std::uint64_t>(outputs_)));
  const Topic out = broker_->OpenTopic("out").value();
  Expect(Access::Log(out.partition(partition)).AppendTransactional({&record, 1}, *id).ok(),
         "a transaction is prepared");
  CheckOutput();
  Access::Core(*broker_).decisions().End(*id, TransactionTable::Decision::kAborted);
  tally_.Count("undecided transactions");
  if (Pick(2) == 0) Kill();
}

// --- What must hold -----------------------------------------------------------------------------

void GroupWorld::CheckStep() {
  CheckOwners();
  CheckPlaces();
  if (guarantee_ == Guarantee::kAtMostOnce && !was_cut_) {
    for (const auto& [value, times] : handled_) {
      Expect(times == 1, absl::StrCat("at most once: ", value, " was handled ", times, " times"));
    }
  }
  if (!never_.empty() || guarantee_ == Guarantee::kExactlyOnce) CheckOutput();
}

void GroupWorld::CheckOwners() {
  std::set<TopicPartition> owned;
  for (const auto& member : members_) {
    if (MayBeLost(*member)) continue;
    for (const TopicPartition& partition : member->consumer->Assignment()) {
      Expect(owned.insert(partition).second,
             absl::StrCat("partition ", partition.partition, " has one reader"));
    }
  }
}

absl::StatusOr<Offset> GroupWorld::Place(int partition) {
  const auto place = Access::Core(*broker_).offsets().Find({kGroup, "in", partition});
  if (!place.ok()) return place.status();
  if (place->has_value()) return (*place)->offset;
  return starts_ ? starts_->at(static_cast<std::size_t>(partition)) : Offset(0);
}

void GroupWorld::CheckPlaces() {
  for (int id = 0; id < partitions_; ++id) {
    const auto place = Place(id);
    const auto end = broker_->OpenTopic("in")->partition(id).end_offset();
    if (!Expect(place.ok() && end.ok(), "places can be looked up")) return;
    const Offset now = *place;
    const Offset start = starts_ ? starts_->at(static_cast<std::size_t>(id)) : Offset(0);
    Expect(now <= *end, absl::StrCat("the place in partition ", id, " is not past the end"));
    Offset& before = places_[id];
    Expect(now >= before, absl::StrCat("the place in partition ", id, " went back from ",
                                       before.value(), " to ", now.value()));
    before = now;
    if (guarantee_ != Guarantee::kAtLeastOnce) continue;
    for (const auto& [offset, value] : produced_[static_cast<std::size_t>(id)]) {
      if (offset >= now) break;
      Expect(offset < start || handled_.count(value) == 1,
             absl::StrCat("at least once: ", value, " is committed and was not handled"));
    }
  }
}

std::vector<std::vector<std::pair<Offset, std::string>>> GroupWorld::ReadAll(
    const std::string& topic) {
  const Topic handle = broker_->OpenTopic(topic).value();
  std::vector<std::vector<std::pair<Offset, std::string>>> all(
      static_cast<std::size_t>(handle.partitions()));
  for (int id = 0; id < handle.partitions(); ++id) {
    for (Offset at(0);;) {
      const auto batch = handle.partition(id).Read(at);
      if (!Expect(batch.ok(), absl::StrCat("a topic is read: ", batch.status().ToString()))) break;
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        all[static_cast<std::size_t>(id)].emplace_back(record.offset, std::string(record.value));
      }
      at = batch->next_offset();
    }
  }
  return all;
}

void GroupWorld::CheckLog(bool may_have_lost) {
  const auto found = ReadAll("in");
  for (std::size_t id = 0; id < found.size(); ++id) {
    std::map<Offset, std::string>& model = produced_[id];
    const std::map<Offset, std::string> now(found[id].begin(), found[id].end());
    Expect(may_have_lost || now.size() == model.size(), "a kill takes no record");
    for (const auto& [offset, value] : now) {
      const auto known = model.find(offset);
      Expect(known != model.end() && known->second == value, "a record is what was produced");
    }
    model = now;
  }
}

void GroupWorld::CheckOutput() {
  std::map<std::string, int> times;
  for (const auto& partition : ReadAll("out")) {
    for (const auto& [offset, value] : partition) ++times[value];
  }
  for (const auto& [value, count] : times) {
    Expect(count == 1, absl::StrCat("exactly once: ", value, " is there ", count, " times"));
    Expect(never_.count(value) == 0, absl::StrCat("never committed, and read: ", value));
  }
  if (guarantee_ != Guarantee::kExactlyOnce) return;
  for (int id = 0; id < partitions_; ++id) {
    const auto place = Place(id);
    if (!Expect(place.ok(), "places can be looked up")) return;
    const Offset now = *place;
    const Offset start = starts_ ? starts_->at(static_cast<std::size_t>(id)) : Offset(0);
    for (const auto& [offset, value] : produced_[static_cast<std::size_t>(id)]) {
      Expect((times.count(value) == 1) == (offset >= start && offset < now),
             absl::StrCat("exactly once: ", value, " at ", offset.value(), " is ",
                          times.count(value) == 1 ? "in the output" : "missing",
                          ", and the group's place is ", now.value()));
    }
  }
}

std::map<TopicPartition, std::string> GroupWorld::Owners() {
  std::map<TopicPartition, std::string> owners;
  for (const auto& member : members_) {
    for (const TopicPartition& partition : member->consumer->Assignment()) {
      owners[partition] = member->consumer->member_id();
    }
  }
  return owners;
}

void GroupWorld::CheckStickiness(const std::map<TopicPartition, std::string>& before,
                                 const Member& joined) {
  std::map<std::string, int> load;
  for (const auto& [partition, owner] : before) ++load[owner];
  if (load.size() + 1 != members_.size()) return;  // it was not even before
  const auto [least, most] = std::minmax_element(
      load.begin(), load.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most->second - least->second > 1) return;
  is_calm_ = true;
  for (int round = 0; round < 3; ++round) {
    for (const auto& member : members_) {
      if (!member->is_fenced && IsHeld()) PollMember(*member);
    }
  }
  is_calm_ = false;
  const std::string& newcomer = joined.consumer->member_id();
  for (const auto& [partition, owner] : Owners()) {
    const auto was = before.find(partition);
    Expect(owner == newcomer || was == before.end() || was->second == owner,
           absl::StrCat("partition ", partition.partition, " moved between members that stay"));
  }
  tally_.Count("rebalances from an even group");
}

void GroupWorld::CheckEnd() {
  // Whoever is left is lost, and somebody else has to read everything.
  is_calm_ = true;
  clock_.Advance(2 * kMaxPollInterval);
  while (members_.size() > 1) members_.pop_back();
  JoinMember();
  if (members_.empty()) JoinMember();
  for (int round = 0; round < 200 && IsHeld(); ++round) {
    bool is_done = true;
    for (const auto& member : members_) {
      if (member->is_fenced || !IsHeld()) continue;
      PollMember(*member);
      while (!member->handed.empty()) {
        Finish(*member, member->handed.front());
        member->handed.pop_front();
      }
      CommitMember(*member);
    }
    for (int id = 0; id < partitions_ && IsHeld(); ++id) {
      const auto place = Place(id);
      const auto end = broker_->OpenTopic("in")->partition(id).end_offset();
      is_done = is_done && end.ok() && place.ok() && *place == *end;
    }
    if (is_done) return CheckStep();
  }
  if (IsHeld()) Violate("everything is read in the end");
}

Family GroupsFamily() {
  return {.name = "groups",
          .about =
              "members join, leave, stall and die, commit and run transactions; the history is "
              "checked for lost, repeated, reordered and torn records",
          .figure = "runs",
          .asked = {{Shape::kSmall, {.quick = 100, .ci = 2'000, .soak = 200'000}},
                    {Shape::kDefault, {.quick = 20, .ci = 500, .soak = 50'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              GroupWorld(options.shape, SeedOf(options, number), tally).Run();
              tally.Count("runs");
              return std::int64_t{1};
            });
          }};
}

}  // namespace daybook::torture
