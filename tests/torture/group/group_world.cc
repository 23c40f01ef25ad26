#include "torture/group/group_world.h"

#include <algorithm>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/admin.h"
#include "daybook/producer.h"
#include "segment/segment_steps.h"
#include "support/segment_bytes.h"

namespace daybook::torture {
namespace {

constexpr int kSteps = 60;
constexpr std::size_t kMostMembers = 4;

Guarantee PickGuarantee(std::uint64_t number) {
  switch (number % 4) {
    case 0:
      return Guarantee::kAtMostOnce;
    case 1:
      return Guarantee::kExactlyOnce;
    default:
      return Guarantee::kAtLeastOnce;
  }
}

}  // namespace

GroupWorld::GroupWorld(Shape shape, std::uint64_t seed, Tally& tally)
    : shape_(shape),
      values_(shape),
      random_(seed),
      tally_(tally),
      guarantee_(PickGuarantee(random_())),
      offset_reset_(Pick(3) == 0 ? OffsetReset::kLatest : OffsetReset::kEarliest),
      partitions_(static_cast<int>(1 + Pick(5))),
      outputs_(static_cast<int>(1 + Pick(3))),
      input_durability_(Pick(4) == 0 ? Durability::kDisk : Durability::kProcess),
      disk_(std::make_unique<SimulatedFileSystem>()),
      produced_(static_cast<std::size_t>(partitions_)) {
  Open();
  TopicOptions options;
  if (is_small()) options.segment_bytes = 64 << 10;
  options.partitions = partitions_;
  options.durability = input_durability_;
  Expect(broker_->CreateTopic("in", options).ok(), "a topic is created");
  options.partitions = outputs_;
  options.durability = Pick(4) == 0 ? Durability::kDisk : Durability::kProcess;
  Expect(broker_->CreateTopic("out", options).ok(), "a topic is created");
}

GroupWorld::~GroupWorld() { members_.clear(); }

void GroupWorld::Open() {
  auto broker =
      Broker::Open("/data", {.access = BrokerAccess::kReadWrite,
                             .background = is_small() ? Background::kCaller : Background::kThread,
                             .file_system = disk_.get(),
                             .clock = &clock_});
  if (!broker.ok()) {
    Violate(absl::StrCat("the directory opens: ", broker.status().ToString()));
    return;
  }
  broker_ = *std::move(broker);
  if (is_small()) Access::Core(*broker_).UseSteps(kSmallSteps);
}

std::string GroupWorld::NextValue() {
  const auto number = static_cast<std::uint64_t>(next_value_++);
  if (is_small()) return std::to_string(number);
  return values_.ValueOf(absl::StrCat(number, " "), values_.BytesOf(number), number);
}

void GroupWorld::Run() {
  for (step_ = 0; step_ < kSteps && IsHeld(); ++step_) {
    Step();
    if (IsHeld()) CheckStep();
  }
  if (IsHeld()) CheckEnd();
  tally_.Count("steps", step_);
}

void GroupWorld::Step() {
  clock_.Advance(std::chrono::milliseconds(Pick(200)));
  Member* const member = PickMember();
  const std::uint64_t choice = Pick(100);
  if (choice < 12) return Produce();
  if (choice < 15) return SendTwice();
  if (choice < 25 || member == nullptr) return JoinMember();
  if (choice < 55) return PollMember(*member);
  if (choice < 67) return FinishSome(*member);
  if (choice < 77) return CommitMember(*member);
  if (choice < 80) return RemoveMember();
  if (choice < 83) return Stall();
  if (choice < 86) return CommitZombie();
  if (choice < 87) return SeekBack(*member);
  if (choice < 88) return AddPartition();
  if (choice < 91) return FenceByName();
  if (choice < 94) return LeaveUndecided();
  if (choice < 97) return Kill();
  if (choice < 99) return CutPower();
  if (is_small()) Expect(broker_->RunBackgroundWork().ok(), "background work is done");
}

Member* GroupWorld::PickMember() {
  if (members_.empty()) return nullptr;
  Member* const member = members_[Pick(members_.size())].get();
  return member->is_fenced ? nullptr : member;
}

bool GroupWorld::MayBeLost(const Member& member) {
  return member.is_fenced || clock_.MonotonicNow() - member.last_poll > kMaxPollInterval;
}

void GroupWorld::Produce() {
  const int id = static_cast<int>(Pick(static_cast<std::uint64_t>(partitions_)));
  Partition& partition = broker_->OpenTopic("in")->partition(id);
  for (std::uint64_t i = 1 + Pick(6); i != 0; --i) {
    const std::string value = NextValue();
    const auto offset = partition.Append(RecordOf(value));
    if (!Expect(offset.ok(), "a record is appended")) return;
    produced_[static_cast<std::size_t>(id)][*offset] = value;
  }
}

void GroupWorld::SendTwice() {
  // Once before a kill, perhaps, and once after: it is appended once.
  const int id = static_cast<int>(Pick(static_cast<std::uint64_t>(partitions_)));
  const std::string value = NextValue();
  const std::int64_t sequence = next_sequence_++;
  Record record = RecordOf(value);
  record.partition = id;
  std::optional<Offset> first;
  for (int time = 0; time < 2 && IsHeld(); ++time) {
    {
      Producer producer(*broker_, {.name = "importer"});
      const auto sent = producer.SendOnce("in", record, sequence);
      if (!Expect(sent.ok(), absl::StrCat("a record is sent: ", sent.status().ToString()))) return;
      if (!first) produced_[static_cast<std::size_t>(id)][sent->offset()] = value;
      Expect(!first || *first == sent->offset(), "what is sent again is where it was");
      first = sent->offset();
    }
    if (time == 0 && Pick(3) == 0) Kill();
  }
  if (!IsHeld()) return;
  const auto end = broker_->OpenTopic("in")->partition(id).end_offset();
  Expect(end.ok() && *end == *first + 1, "what is sent again is appended once");
  tally_.Count("records sent twice");
}

void GroupWorld::JoinMember() {
  if (members_.size() >= kMostMembers) return RemoveMember();
  auto member = std::make_unique<Member>();
  Member* const self = member.get();
  if (Pick(4) == 0) member->instance_id = absl::StrCat("static-", Pick(3));
  GroupOptions options;
  options.offset_reset = offset_reset_;
  options.guarantee = guarantee_;
  options.max_poll_interval = kMaxPollInterval;
  options.batch = {.max_records = 1 + Pick(8), .max_bytes = 1 << 20};
  JoinOptions join{.instance_id = member->instance_id, .listener = {}};
  join.listener.on_assigned = [this, self](Consumer& consumer, const auto& partitions) {
    OnAssigned(*self, consumer, partitions);
  };
  join.listener.on_revoked = [this, self](Consumer& consumer, const auto& partitions) {
    OnRevoked(*self, consumer, partitions);
  };
  join.listener.on_lost = [this, self](Consumer&, const auto& partitions) {
    Forget(*self, partitions);
  };
  const bool is_settled = std::none_of(members_.begin(), members_.end(),
                                       [this](const auto& one) { return MayBeLost(*one); });
  const auto before = is_settled && member->instance_id.empty() ? Owners() : decltype(Owners())();
  auto joined = ConsumerGroup(*broker_, kGroup, options).Join({"in"}, std::move(join));
  if (!Expect(joined.ok(), absl::StrCat("a member joins: ", joined.status().ToString()))) return;
  if (!starts_) {
    starts_.emplace();
    for (int id = 0; id < partitions_; ++id) {
      const auto end = broker_->OpenTopic("in")->partition(id).end_offset();
      if (!Expect(end.ok(), "a partition has an end")) return;
      starts_->push_back(offset_reset_ == OffsetReset::kLatest ? *end : Offset(0));
    }
  }
  member->consumer = *std::move(joined);
  member->last_poll = clock_.MonotonicNow();
  if (!member->instance_id.empty()) {
    for (const auto& other : members_) {
      if (other->instance_id == member->instance_id) other->is_fenced = true;
    }
  }
  members_.push_back(std::move(member));
  tally_.Count("joins");
  if (before.size() == static_cast<std::size_t>(partitions_)) CheckStickiness(before, *self);
}

void GroupWorld::RemoveMember() {
  if (members_.empty()) return;
  const std::size_t index = Pick(members_.size());
  Member& member = *members_[index];
  if (Pick(2) == 0 && !member.is_fenced) {
    const auto left = member.consumer->Leave();
    Expect(left.ok() || absl::IsAborted(left), absl::StrCat("a member leaves: ", left.ToString()));
  }
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(index));
}

void GroupWorld::OnAssigned(Member& member, Consumer& consumer,
                            const std::vector<TopicPartition>& assigned) {
  for (const TopicPartition& partition : assigned) {
    const auto position = consumer.Position(partition);
    const auto wanted = Place(partition.partition);
    if (!Expect(position.ok() && wanted.ok(), "an assigned partition has a position")) return;
    Expect(*position == *wanted, absl::StrCat("a partition begins at the group's place: it is at ",
                                              position->value(), " and not at ", wanted->value()));
    member.expected[partition.partition] = *position;
    member.finished.erase(partition.partition);
  }
}

void GroupWorld::OnRevoked(Member& member, Consumer& consumer,
                           const std::vector<TopicPartition>& revoked) {
  // Drain, commit, and only then it goes.
  if (guarantee_ == Guarantee::kAtLeastOnce) {
    while (!member.handed.empty()) {
      Finish(member, member.handed.front());
      member.handed.pop_front();
    }
    const auto committed = consumer.Commit(FinishedPlaces(member));
    Expect(committed.ok(),
           absl::StrCat("what is revoked may still be committed: ", committed.ToString()));
    for (const auto& [id, offset] : member.finished) places_[id] = offset;
  }
  Forget(member, revoked);
}

void GroupWorld::Forget(Member& member, const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& partition : partitions) {
    member.finished.erase(partition.partition);
    member.expected.erase(partition.partition);
    std::erase_if(member.handed,
                  [&](const Handed& handed) { return handed.partition == partition.partition; });
  }
}

void GroupWorld::PollMember(Member& member) {
  if (guarantee_ == Guarantee::kExactlyOnce) return RunTransaction(member);
  const auto batch = member.consumer->Poll({});
  if (!batch.ok()) {
    Expect(absl::IsAborted(batch.status()) && member.is_fenced,
           absl::StrCat("a member polls: ", batch.status().ToString()));
    return;
  }
  member.last_poll = clock_.MonotonicNow();
  for (const RecordView& record : *batch) {
    const auto expected = member.expected.find(record.partition);
    Expect(expected != member.expected.end() && expected->second == record.offset,
           absl::StrCat("records come in order, without gaps: partition ", record.partition,
                        " offset ", record.offset.value()));
    member.expected[record.partition] = record.offset + 1;
    member.handed.push_back({record.partition, record.offset, std::string(record.value)});
    tally_.Count("records delivered");
  }
  // At most once: they are committed already, and handled now or never.
  if (guarantee_ == Guarantee::kAtMostOnce && Pick(8) != 0) {
    while (!member.handed.empty()) {
      Finish(member, member.handed.front());
      member.handed.pop_front();
    }
  }
}

void GroupWorld::Finish(Member& member, const Handed& handed) {
  ++handled_[handed.value];
  member.finished[handed.partition] = handed.offset + 1;
}

void GroupWorld::FinishSome(Member& member) {
  for (std::uint64_t i = Pick(member.handed.size() + 1); i != 0; --i) {
    Finish(member, member.handed.front());
    member.handed.pop_front();
  }
}

std::map<TopicPartition, CommittedOffset> GroupWorld::FinishedPlaces(const Member& member) const {
  std::map<TopicPartition, CommittedOffset> places;
  for (const auto& [partition, offset] : member.finished) {
    places[{"in", partition}] = {.offset = offset};
  }
  return places;
}

void GroupWorld::CommitMember(Member& member) {
  if (guarantee_ != Guarantee::kAtLeastOnce) return;
  const auto places = FinishedPlaces(member);
  if (places.empty()) return;
  const bool may_be_lost = MayBeLost(member);
  const auto status = member.consumer->Commit(places);
  tally_.Count("commits");
  // The owner's commit counts, back as well.
  if (status.ok()) {
    for (const auto& [partition, place] : places) places_[partition.partition] = place.offset;
  }
  if (may_be_lost) return;  // refused, or nobody took its partitions yet
  Expect(status.ok(), absl::StrCat("a member commits what is its own: ", status.ToString()));
}

void GroupWorld::CommitZombie() {
  // A member that is lost for certain: another one has polled since then.
  if (guarantee_ != Guarantee::kAtLeastOnce || members_.size() < 2) return;
  Member& zombie = *members_[Pick(members_.size())];
  const auto places = FinishedPlaces(zombie);
  if (places.empty() || !zombie.instance_id.empty()) return;
  clock_.Advance(kMaxPollInterval + std::chrono::seconds(1));
  for (const auto& other : members_) {
    if (other.get() != &zombie && !other->is_fenced) PollMember(*other);
    if (!IsHeld()) return;
  }
  const auto status = zombie.consumer->Commit(places);
  tally_.Count("zombies");
  Expect(absl::IsAborted(status),
         absl::StrCat("a lost member's commit is refused: ", status.ToString()));
}

void GroupWorld::SeekBack(Member& member) {
  if (guarantee_ != Guarantee::kAtLeastOnce || MayBeLost(member)) return;
  const std::vector<TopicPartition> assigned = member.consumer->Assignment();
  if (assigned.empty()) return;
  const TopicPartition& partition = assigned[Pick(assigned.size())];
  // Not beyond the group's place: what lies between was not handled.
  const auto place = Place(partition.partition);
  if (!Expect(place.ok(), "places can be looked up")) return;
  const std::int64_t least = starts_->at(static_cast<std::size_t>(partition.partition)).value();
  if (place->value() < least) return;  // drawn back by a power cut
  const auto distance = static_cast<std::uint64_t>(place->value() - least);
  const Offset to(least + static_cast<std::int64_t>(Pick(distance + 1)));
  if (!Expect(member.consumer->Seek(partition, to).ok(), "a member seeks back")) return;
  Forget(member, {partition});
  member.expected[partition.partition] = to;
}

void GroupWorld::AddPartition() {
  if (partitions_ >= 6) return;
  Expect(Admin(*broker_).CreatePartitions("in", partitions_ + 1).ok(), "a partition is added");
  ++partitions_;
  produced_.emplace_back();
  // It is new to a group that is there, which reads it from its beginning.
  if (starts_) starts_->push_back(Offset(0));
  tally_.Count("partitions added");
}

void GroupWorld::Stall() {
  // Whoever does not poll soon is lost.
  is_calm_ = true;
  clock_.Advance(kMaxPollInterval - std::chrono::seconds(1));
  for (const auto& member : members_) {
    if (Pick(2) == 0 && !member->is_fenced && IsHeld()) PollMember(*member);
  }
  is_calm_ = false;
  clock_.Advance(std::chrono::seconds(2));
}

void GroupWorld::Kill() {
  std::unique_ptr<SimulatedFileSystem> left = disk_->Kill();
  members_.clear();
  broker_.reset();
  disk_ = std::move(left);
  Open();
  tally_.Count("kills");
  if (IsHeld()) CheckLog(false);
}

void GroupWorld::CutPower() {
  std::unique_ptr<SimulatedFileSystem> left = disk_->CutPower(random_());
  members_.clear();
  broker_.reset();
  disk_ = std::move(left);
  was_cut_ = true;
  places_.clear();
  Open();
  tally_.Count("power cuts");
  // What arrives where records were taken is new, and the group's place was drawn back to there.
  for (int id = 0; id < partitions_ && starts_ && IsHeld(); ++id) {
    const auto end = broker_->OpenTopic("in")->partition(id).end_offset();
    if (!Expect(end.ok(), "a partition has an end")) return;
    Offset& start = starts_->at(static_cast<std::size_t>(id));
    start = std::min(start, *end);
  }
  if (IsHeld()) CheckLog(input_durability_ != Durability::kDisk);
}

}  // namespace daybook::torture
