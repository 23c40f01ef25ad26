#include "torture/workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/consumer_group.h"
#include "segment/segment_steps.h"

namespace daybook::torture {
namespace {

constexpr char kGroup[] = "group";
constexpr std::int64_t kOfSmall = std::int64_t{4} << 20;

}  // namespace

std::string_view NameOf(Operation operation) {
  static constexpr std::string_view kNames[kOperations] = {
      "append-small",      "append-large", "append-disk",
      "append-interval",   "send-beside",  "batch",
      "abandon",           "hold-claim",   "roll",
      "wait-durable",      "background",   "commit-group",
      "close-amid-claims", "together",     "reopen",
      "create-topic",      "delete-topic"};
  return kNames[static_cast<int>(operation)];
}

std::vector<TopicPlan> StandardTopics(Shape shape) {
  TopicOptions options;
  options.partitions = 2;
  if (shape == Shape::kSmall) {
    options.segment_bytes = 64 << 10;
    options.max_record_bytes = 16 << 10;
  }
  TopicOptions disk = options;
  disk.durability = Durability::kDisk;
  TopicOptions process = options;
  process.compression = Compression::kZstd;
  TopicOptions interval = options;
  interval.durability = Durability::kInterval;
  interval.partitions = 1;
  return {{.name = "disk", .options = disk},
          {.name = "process", .options = process},
          {.name = "interval", .options = interval}};
}

Workload::Workload(FileSystem& disk, std::string directory, std::uint64_t seed,
                   std::vector<TopicPlan> topics, Model& model, OnError on_error)
    : disk_(&disk),
      directory_(std::move(directory)),
      random_(seed),
      plans_(std::move(topics)),
      model_(model),
      on_error_(std::move(on_error)),
      is_small_(plans_.front().options.segment_bytes < kOfSmall),
      works_ahead_(seed % 4 != 0) {}

Workload::~Workload() { handle_.reset(); }

BrokerOptions Workload::Options() {
  return {.access = BrokerAccess::kReadWrite,
          .background = Background::kCaller,
          .file_system = disk_,
          .clock = &clock_};
}

bool Workload::Open() {
  if (broker_ != nullptr) return true;
  auto broker = Broker::Open(directory_, Options());
  if (!broker.ok()) {
    Error(broker.status(), "open");
    return false;
  }
  broker_ = *std::move(broker);
  if (works_ahead_) {
    Access::Core(*broker_).UseSteps(is_small_ ? kSmallSteps : SegmentSteps(),
                                    [this](PartitionLog& log) { AppendMeanwhile(log); });
  }
  return true;
}

void Workload::WorkAhead() {
  if (!works_ahead_ || !handle_ || Pick(2) == 0) return;
  is_working_ahead_ = true;
  for (std::uint64_t steps = Pick(is_small_ ? 4 : 24);
       steps != 0 && Access::Log(partition()).WorkAhead();)
    --steps;
  is_working_ahead_ = false;
}

void Workload::AppendMeanwhile(PartitionLog& log) {
  if (!is_working_ahead_ || &log != &Access::Log(partition()) || Pick(4) != 0) return;
  is_working_ahead_ = false;  // once
  // One that waits for a sync would, when that fails, wait for the work that goes on here.
  if (plans_[topic_].options.durability == Durability::kDisk) return;
  Append(Pick(2) == 0 ? Large() : Pick(3000), std::nullopt);
}

void Workload::Close() {
  if (broker_ == nullptr) return;
  handle_.reset();
  const absl::Status status = broker_->Close();
  if (!status.ok()) Error(status, "close");
  broker_.reset();
  Closed(status.ok());
}

void Workload::Die() {
  handle_.reset();
  broker_.reset();
}

void Workload::Fix(std::size_t topic, int partition) {
  is_fixed_ = true;
  topic_ = topic;
  partition_ = partition;
}

bool Workload::Create(const TopicPlan& plan) {
  TopicModel& topic = model_.topics[plan.name];
  const TopicModel before = topic;
  topic = {
      .state = TopicModel::State::kCreating,
      .options = plan.options,
      .partitions = std::vector<PartitionModel>(static_cast<std::size_t>(plan.options.partitions))};
  model_.deleted.erase(plan.name);
  ++made_;
  const auto status = broker_->CreateTopic(plan.name, plan.options);
  // After an error it may be there nonetheless: a failed sync of the directory does not tell.
  if (!status.ok() && !absl::IsAlreadyExists(status)) {
    Error(status, "create topic");
    // The power may bring one back whose deletion was not finished.
    if (before.state == TopicModel::State::kDeleting) topic = before;
    return false;
  }
  topic.state = TopicModel::State::kThere;
  return true;
}

TopicModel* Workload::Target() {
  if (!is_fixed_) topic_ = Pick(plans_.size());
  const TopicPlan& plan = plans_[topic_];
  const auto found = model_.topics.find(plan.name);
  const bool is_there =
      found != model_.topics.end() && found->second.state == TopicModel::State::kThere;
  if (!is_there && !Create(plan)) return nullptr;
  if (!is_fixed_) {
    partition_ = static_cast<int>(Pick(static_cast<std::uint64_t>(plan.options.partitions)));
  }
  auto topic = broker_->OpenTopic(plan.name);
  if (!topic.ok()) {
    Error(topic.status(), "open topic");
    return nullptr;
  }
  handle_ = *std::move(topic);
  return &model_.topics[plan.name];
}

PartitionModel& Workload::model() {
  return model_.topics[plans_[topic_].name].partitions[static_cast<std::size_t>(partition_)];
}

void Workload::Synced() {
  for (auto& [name, topic] : model_.topics) {
    const bool is_all = topic.options.durability == Durability::kInterval;
    for (PartitionModel& partition : topic.partitions) {
      partition.on_disk =
          std::max(partition.on_disk, is_all ? partition.in_process : partition.promised);
    }
  }
}

void Workload::WaitDurable() {
  std::size_t end = model().is_unsure ? model().in_process : model().attempted.size();
  // After an error there may be less than was tried, and nobody would bring the rest about.
  if (const auto known = partition().end_offset(); known.ok()) {
    end = std::min(end, static_cast<std::size_t>(known->value()));
  }
  const auto status = partition().WaitDurable(Offset(static_cast<std::int64_t>(end)));
  if (!status.ok()) return Error(status, "wait durable");
  model().on_disk = std::max(model().on_disk, end);
}

void Workload::RunBackground() {
  const auto status = broker_->RunBackgroundWork();
  if (!status.ok()) return Error(status, "background work");
  Synced();
}

void Workload::CommitGroup() {
  const std::string& name = plans_[topic_].name;
  TopicModel& topic = model_.topics[name];
  ConsumerGroup group(*broker_, kGroup);
  const auto consumer = group.Join({name});
  if (!consumer.ok()) return Error(consumer.status(), "join");
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const auto polled = (*consumer)->Poll({});
    if (!polled.ok()) return Error(polled.status(), "poll");
  }
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const auto position = (*consumer)->Position({name, static_cast<int>(i)});
    if (!position.ok()) return Error(position.status(), "position");
    positions.push_back(position->value());
    topic.partitions[i].committed = std::max(topic.partitions[i].committed, position->value());
  }
  const auto status = (*consumer)->Commit();
  if (!status.ok()) return Error(status, "commit");
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    topic.partitions[i].kept_commit = std::max(topic.partitions[i].kept_commit, positions[i]);
  }
}

void Workload::Delete() {
  const std::string name = plans_[topic_].name;
  handle_.reset();
  model_.topics[name].state = TopicModel::State::kDeleting;
  const auto status = broker_->DeleteTopic(name);
  if (!status.ok()) {
    // Before it has begun, nothing has changed; what had begun goes on in the next process.
    if (broker_->OpenTopic(name).ok()) model_.topics[name].state = TopicModel::State::kThere;
    return Error(status, "delete topic");
  }
  model_.topics.erase(name);
  model_.deleted.insert(name);
}

void Workload::Do(Operation operation) {
  if (!Open()) return;
  switch (operation) {
    case Operation::kBackground:
      return RunBackground();
    case Operation::kReopen:
      Close();
      Open();
      return;
    default:
      break;
  }
  if (Target() == nullptr) return;
  WorkAhead();
  switch (operation) {
    case Operation::kAppendSmall:
      return Append(Usual(), std::nullopt);
    case Operation::kAppendLarge:
      return Append(Large(), std::nullopt);
    case Operation::kAppendDisk:
      return Append(Usual(), true);
    case Operation::kAppendInterval:
      return Append(Usual(), Durability::kInterval);
    case Operation::kSendBeside:
      return SendBeside();
    case Operation::kBatch:
      return Batch();
    case Operation::kAbandon:
      return Abandon();
    case Operation::kHoldClaim:
      return HoldClaim();
    case Operation::kRoll:
      return Roll();
    case Operation::kWaitDurable:
      return WaitDurable();
    case Operation::kCommitGroup:
      return CommitGroup();
    case Operation::kCloseAmidClaims:
      return CloseAmidClaims();
    case Operation::kTogether:
      return AppendTogether();
    case Operation::kDeleteTopic:
      return Delete();
    default:
      return;  // made by Target
  }
}

void Workload::StepAlone() {
  static constexpr Operation kSome[] = {Operation::kAppendSmall, Operation::kAppendLarge,
                                        Operation::kAppendDisk,  Operation::kBatch,
                                        Operation::kHoldClaim,   Operation::kWaitDurable,
                                        Operation::kBackground,  Operation::kCommitGroup};
  Do(kSome[Pick(std::size(kSome))]);
}

void Workload::Step() {
  clock_.Advance(std::chrono::milliseconds(Pick(1000)));
  static constexpr Operation kUsual[] = {
      Operation::kAppendSmall,    Operation::kAppendSmall,    Operation::kAppendSmall,
      Operation::kAppendSmall,    Operation::kAppendLarge,    Operation::kAppendLarge,
      Operation::kAppendDisk,     Operation::kBatch,          Operation::kBatch,
      Operation::kAppendInterval, Operation::kAppendInterval, Operation::kSendBeside,
      Operation::kAbandon,        Operation::kHoldClaim,      Operation::kWaitDurable,
      Operation::kBackground,     Operation::kCommitGroup,    Operation::kCommitGroup};
  const std::uint64_t seldom = Pick(40);
  switch (seldom) {
    case 0:
      return Do(Operation::kTogether);
    case 1:
      return Do(Operation::kReopen);
    case 2:
      return Do(Operation::kDeleteTopic);
    case 3:
      return Do(Operation::kRoll);
    case 4:
      return Do(Operation::kCloseAmidClaims);
    default:
      return Do(kUsual[Pick(std::size(kUsual))]);
  }
}

}  // namespace daybook::torture
