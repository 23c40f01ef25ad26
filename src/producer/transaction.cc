#include "daybook/transaction.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/deadline.h"
#include "base/one_thread.h"
#include "base/planted_bug.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "broker/topics/topic_state.h"
#include "coordination/group_registry.h"
#include "daybook/consumer_group.h"
#include "log/append/durability_check.h"
#include "producer/partitioner.h"
#include "producer/record_copies.h"

namespace daybook::inline v1 {
namespace {

// What is kept beside the bytes of a record and of a header.
constexpr std::int64_t kRecordOverhead = sizeof(Record);
constexpr std::int64_t kHeaderOverhead = sizeof(Header);

std::int64_t BytesOf(const Record& record) {
  std::size_t bytes =
      (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  for (const Header& header : record.headers) {
    bytes += kHeaderOverhead + header.name.size() + (header.value ? header.value->size() : 0);
  }
  return kRecordOverhead + static_cast<std::int64_t>(bytes);
}

}  // namespace

class Transaction::State {
 public:
  State(std::shared_ptr<GroupRegistry> groups, TransactionOptions options)
      : groups_(std::move(groups)), core_(groups_->core()), options_(std::move(options)) {
    if (!options_.name.empty()) core_.transaction_names().Raise(options_.name, name_);
  }

  BrokerCore& core() { return core_; }

  // What `call` answers, if this process and this thread may call it now.
  template <typename Call>
  absl::Status Guarded(Call call) {
    if (auto status = core_.Check(); !status.ok()) return status;
    const OneThread::Scope scope(one_thread_);
    if (!scope.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "another thread is in a call of this transaction", options_.name.empty() ? "" : " of ",
          options_.name, ": begin one for each thread, or take turns"));
    }
    return call();
  }

  std::int64_t bytes() const { return bytes_; }

  absl::Status Send(const Topic& topic, const Record& record) {
    if (has_ended_) return HasEnded();
    const auto partition = partitioner_.Choose(topic, record);
    if (!partition.ok()) return partition.status();
    PartitionLog& log = Access::Log(topic.partition(*partition));
    if (auto status = log.CheckTransactional({&record, 1}); !status.ok()) return status;
    const std::int64_t bytes = bytes_ + BytesOf(record);
    if (bytes > options_.max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the transaction would hold ", bytes, " bytes; its limit is ", options_.max_bytes,
          "; commit what it has, or begin it with a higher max_bytes"));
    }
    const auto [written, is_new] =
        written_.try_emplace({topic.name(), *partition}, Written{.topic = topic, .copies = {}});
    written->second.copies.Add(record);
    bytes_ = bytes;
    return absl::OkStatus();
  }

  absl::Status AddOffsets(GroupOffsets offsets) {
    if (has_ended_) return HasEnded();
    if (offsets.offsets.empty()) return absl::OkStatus();
    if (auto status = CheckOffsets(offsets); !status.ok()) return status;
    if (offsets_ &&
        (offsets_->group != offsets.group || offsets_->member_id != offsets.member_id)) {
      return absl::InvalidArgumentError(
          absl::StrCat("a transaction commits the places of one member; it has those of ",
                       offsets_->member_id, ", and ", offsets.member_id, " is another"));
    }
    for (const auto& [partition, offset] : offsets.offsets) {
      // The first one: what was sent since then must not be lost in between.
      generations_.try_emplace(partition, offsets.generation);
    }
    if (!offsets_) {
      offsets_ = std::move(offsets);
    } else {
      for (auto& [partition, offset] : offsets.offsets) offsets_->offsets[partition] = offset;
    }
    return absl::OkStatus();
  }

  absl::Status Commit() {
    if (has_ended_) return HasEnded();
    has_ended_ = true;
    if (written_.empty() && !offsets_) return absl::OkStatus();
    const auto nothing = [](const absl::Status& why) {
      return absl::Status(why.code(), absl::StrCat("nothing was committed: ", why.message()));
    };
    const auto id = core_.offsets().BeginTransaction();
    if (!id.ok()) return nothing(id.status());
    const absl::Status status = WriteAndDecide(*id);
    return status.ok() ? Settle() : nothing(status);
  }

  void Abort() {
    has_ended_ = true;
    written_.clear();
    offsets_.reset();
    bytes_ = 0;
  }

 private:
  struct Written {
    Topic topic;
    RecordCopies copies;
  };
  using Key = std::pair<std::string, int>;

  // Aborts what was not committed, and tells readers.
  class Ending {
   public:
    Ending(State& state, std::uint64_t id) : state_(state), id_(id) {}
    ~Ending() {
      state_.core_.decisions().End(id_, TransactionTable::Decision::kAborted);
      for (const auto& [key, written] : state_.written_) log(key, written).Announce();
    }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;

   private:
    State& state_;
    const std::uint64_t id_;
  };

  static absl::Status HasEnded() {
    return absl::FailedPreconditionError(
        "the transaction has ended; begin another one for what comes next");
  }
  static PartitionLog& log(const Key& key, const Written& written) {
    return Access::Log(written.topic.partition(key.second));
  }

  absl::Status CheckOffsets(const GroupOffsets& offsets) {
    absl::StatusOr<Topic> topic = absl::NotFoundError("none yet");
    for (const auto& [partition, place] : offsets.offsets) {
      if (!topic.ok() || topic->name() != partition.topic) {
        topic = core_.catalog().Find(partition.topic);
      }
      // It was deleted meanwhile, and the commit says so.
      if (!topic.ok() || partition.partition < 0 || partition.partition >= topic->partitions()) {
        continue;
      }
      const auto end = topic->partition(partition.partition).end_offset();
      if (!end.ok()) return end.status();
      if (place.offset >= Offset(0) && place.offset <= *end) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "the offset ", place.offset.value(), " of ", partition.topic, "-", partition.partition,
          " cannot be committed; the partition ends at ", end->value()));
    }
    return absl::OkStatus();
  }

  Durability durability() const {
    if (options_.durability) return *options_.durability;
    Durability highest = Durability::kProcess;
    for (const auto& [key, written] : written_) {
      highest = std::max(highest, written.topic.options().durability);
    }
    return highest;
  }

  absl::Status Prepare(std::uint64_t id, std::vector<Participant>* participants) {
    for (const auto& [key, written] : written_) {
      const auto prepared = log(key, written).AppendTransactional(written.copies.records(), id);
      if (!prepared.ok()) return prepared.status();
      prepared_.emplace_back(&log(key, written), prepared->end);
      participants->push_back({.topic = key.first,
                               .partition = key.second,
                               .last_frame = prepared->last_frame,
                               .topic_id = Access::State(written.topic)->id()});
    }
    return absl::OkStatus();
  }

  // Afterwards it is decided, also when memory runs out in the middle of it.
  absl::Status WriteAndDecide(std::uint64_t id) {
    const Ending ending(*this, id);
    std::vector<Participant> participants;
    absl::Status status = Prepare(id, &participants);
    if (status.ok() && durability() == Durability::kDisk) status = SyncWritten();
    if (status.ok()) status = Decide(id, std::move(participants));
    return status;
  }

  // Before the decision: it must not survive a power cut that takes what it decides upon.
  absl::Status SyncWritten() {
    const auto deadline = DeadlineAfter(kSyncTimeout);
    std::size_t next = 0;
    for (const auto& [key, written] : written_) {
      const auto& [log, end] = prepared_[next++];
      if (written.topic.options().storage == Storage::kMemory) continue;
      if (auto status = log->WaitDurable(end, deadline); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // While the member has its partitions, and the name is still ours.
  absl::Status Decide(std::uint64_t id, std::vector<Participant> participants) {
    const auto decide = [&]() -> absl::Status {
      std::map<PlaceKey, CommittedOffset> places;
      if (offsets_) {
        for (const auto& [partition, place] : offsets_->offsets) {
          places[{offsets_->group, partition.topic, partition.partition}] = place;
        }
      }
      return core_.offsets().Decide(id, std::move(participants), places);
    };
    const auto decide_as_owner = [&]() -> absl::Status {
      if (!offsets_) return decide();
      const auto group = groups_->Find(offsets_->group);
      if (!group.ok()) return group.status();
      return (*group)->WhileOwned(offsets_->member_id, generations_, decide);
    };
    if (options_.name.empty()) return decide_as_owner();
    return TransactionNames::WhileCurrent(name_, decide_as_owner);
  }

  // After the decision: what the durability asks for beside it.
  absl::Status Settle() {
    if (durability() == Durability::kInterval) {
      if (!IsPlanted(PlantedBug::kIntervalOfTopicAlone)) {
        for (const auto& [log, end] : prepared_) log->MarkDirty();
      }
      core_.offsets().SyncLater();
    }
    if (durability() != Durability::kDisk) return absl::OkStatus();
    const auto status = core_.offsets().WaitDurable(DeadlineAfter(kSyncTimeout));
    if (status.ok()) return status;
    return absl::Status(
        status.code(),
        absl::StrCat("committed, but it is not known to survive a power cut: ", status.message()));
  }

  const std::shared_ptr<GroupRegistry> groups_;
  BrokerCore& core_;
  const TransactionOptions options_;
  TransactionNames::Holder name_;
  Partitioner partitioner_;
  OneThread one_thread_;
  bool has_ended_ = false;
  std::int64_t bytes_ = 0;
  std::map<Key, Written> written_;
  std::vector<std::pair<PartitionLog*, Offset>> prepared_;  // in the order of written_
  std::optional<GroupOffsets> offsets_;
  std::map<TopicPartition, std::int64_t> generations_;  // of each of these
};

Transaction::Transaction(std::unique_ptr<State> state) : state_(std::move(state)) {}
Transaction::~Transaction() {
  if (state_ == nullptr || !state_->core().process().is_forked()) return;
  // Whoever holds the locks that this would take is in the process that this one was forked from.
  static_cast<void>(state_.release());
}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&& other) noexcept {
  const Transaction before(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

absl::StatusOr<Transaction> Transaction::Begin(Broker& broker, TransactionOptions options) {
  return Begin(Access::Groups(broker), std::move(options));
}
absl::StatusOr<Transaction> Transaction::Begin(std::shared_ptr<GroupRegistry> groups,
                                               TransactionOptions options) {
  BrokerCore& core = groups->core();
  if (auto status = core.Check(); !status.ok()) return status;
  if (auto status = core.CheckWritable("; open it with BrokerAccess::kReadWrite to commit");
      !status.ok()) {
    return status;
  }
  if (auto status = CheckDurability("TransactionOptions::durability", options.durability);
      !status.ok()) {
    return status;
  }
  if (options.max_bytes < 1) {
    return absl::InvalidArgumentError(absl::StrCat("TransactionOptions::max_bytes is ",
                                                   options.max_bytes, "; it must be at least 1"));
  }
  if (auto status = core.offsets().Load(); !status.ok()) return status;
  return Transaction(std::make_unique<State>(std::move(groups), std::move(options)));
}

absl::Status Transaction::Send(std::string_view topic, const Record& record) {
  return state_->Guarded([&] {
    const auto found = state_->core().catalog().Find(topic);
    return found.ok() ? state_->Send(*found, record) : found.status();
  });
}
absl::Status Transaction::Send(const Topic& topic, const Record& record) {
  return state_->Guarded([&] { return state_->Send(topic, record); });
}
absl::Status Transaction::AddOffsets(const Consumer& consumer) {
  return state_->Guarded([&] { return state_->AddOffsets(consumer.Positions()); });
}
absl::Status Transaction::AddOffsets(const GroupOffsets& offsets) {
  return state_->Guarded([&] { return state_->AddOffsets(offsets); });
}
absl::Status Transaction::Commit() {
  return state_->Guarded([&] { return state_->Commit(); });
}
void Transaction::Abort() { state_->Abort(); }
std::int64_t Transaction::bytes() const { return state_->bytes(); }

}  // namespace daybook::inline v1
