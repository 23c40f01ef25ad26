#ifndef DAYBOOK_TORTURE_WORKLOAD_H_
#define DAYBOOK_TORTURE_WORKLOAD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/broker.h"
#include "daybook/system/clock.h"
#include "torture/model.h"
#include "torture/run.h"

namespace daybook::torture {

// What a program does with a data directory.
enum class Operation {
  kAppendSmall,
  kAppendLarge,
  kAppendDisk,       // acknowledged at kDisk, whatever the topic is
  kAppendInterval,   // the same at kInterval
  kSendBeside,       // asynchronous sends before and behind a claim that is open
  kBatch,            // all of it or none
  kAbandon,          // a claim that is not committed
  kHoldClaim,        // one that is held while others append behind it
  kRoll,             // as many appends as it takes
  kWaitDurable,      // everything so far
  kBackground,       // what is due at kInterval
  kCommitGroup,      // a consumer reads on and commits
  kCloseAmidClaims,  // another process wants the directory at once, and gets it when they are done
  kTogether,         // several threads append at kDisk, and share syncs
  kReopen,           // closed cleanly
  kCreateTopic,
  kDeleteTopic,
};
inline constexpr int kOperations = 17;
std::string_view NameOf(Operation operation);

// The topics that a workload makes.
struct TopicPlan {
  std::string name;
  TopicOptions options;
};
// One at each level of durability, one of them compressed.
std::vector<TopicPlan> StandardTopics(Shape shape = Shape::kSmall);

// Does operations and keeps the model of them up to date. Every error is handed to `on_error`,
// which says what to make of it; the model then says what an error leaves: nothing, or after a
// failed sync a record that may be there.
//
// At the library's own settings, too, what the broker's threads do is done between operations, in
// the steps that they take: with threads no case would be the same twice.
class Workload {
 public:
  using OnError = std::function<void(const absl::Status& status, std::string_view what)>;

  Workload(FileSystem& disk, std::string directory, std::uint64_t seed,
           std::vector<TopicPlan> topics, Model& model, OnError on_error);
  ~Workload();

  // False when the broker could not be opened.
  bool Open();
  void Close();
  // The process is gone: what its broker may still do to the disk counts for nothing.
  void Die();
  // From the next opening on somebody works ahead between operations, and others append between
  // that one's choice of a segment and its work there; in small segments files are grown, brought
  // into memory and let go page by page. By default so for most seeds.
  void AlwaysWorkAhead() { works_ahead_ = true; }
  // Goes on with another disk, closed before.
  void MoveTo(FileSystem& disk) { disk_ = &disk; }

  void Do(Operation operation);
  // One at random of those that this thread does alone, and that are told what became of them.
  void StepAlone();
  // One at random; kTogether seldom, as its threads cost more than all the rest.
  void Step();

  Broker* broker() { return broker_.get(); }
  ManualClock& clock() { return clock_; }
  std::uint64_t Pick(std::uint64_t below) { return random_() % below; }
  // Leaves claims open, filled with what looks like anything, with a record behind each; one of
  // them is the first of its segment. Operations are about that partition from now on.
  std::vector<RecordClaim> LeaveClaims();
  // Which topic and partition operations are about, as long as it is set.
  void Fix(std::size_t topic, int partition);
  void Unfix() { is_fixed_ = false; }

 private:
  // The largest record of its topics, and one of those of which a few fill a segment.
  std::size_t Largest() const { return is_small_ ? 15'000 : std::size_t{1} << 20; }
  std::size_t Large() { return is_small_ || Pick(2) == 0 ? Largest() : Pick(Largest()); }
  // One of a size that most records have, seldom a larger one.
  std::size_t Usual() {
    return is_small_ || Pick(8) != 0 ? Pick(300) : Pick(std::size_t{32} << 10);
  }
  BrokerOptions Options();
  void WorkAhead();
  // Called by the log that is worked on ahead.
  void AppendMeanwhile(PartitionLog& log);
  // The topic of this operation, made if it is not there; null when that failed.
  TopicModel* Target();
  bool Create(const TopicPlan& plan);
  PartitionModel& model();
  Partition& partition() { return handle_->partition(partition_); }
  std::string Value(std::size_t offset, std::size_t bytes);
  void Attempt(std::string value) { model().attempted.emplace_back(std::move(value)); }
  // Of `records` that were given `offset` and are the last of what was attempted: leaves out what
  // was refused before them, if it was not known to be, and returns their place in it.
  std::size_t WithoutRefused(Offset offset, std::size_t records);
  // Takes back what an append that failed would have added.
  void Settle(const absl::StatusOr<Offset>& offset, std::size_t records,
              std::optional<Durability> level, std::string_view what);
  void Append(std::size_t bytes, bool at_disk) {
    Append(bytes, at_disk ? std::optional(Durability::kDisk) : std::nullopt);
  }
  void Append(std::size_t bytes, std::optional<Durability> level);
  void SendBeside();
  // Close has answered, with OK or not.
  void Closed(bool is_synced);
  // What is promised at kInterval is on the disk now.
  void Synced();
  void Batch();
  void Roll();
  // A claim that is open, and what its value is to be.
  struct Held {
    RecordClaim claim;
    std::size_t offset;
    std::string value;
  };
  // Nothing after an error.
  std::optional<Held> Hold(std::size_t bytes);
  void Commit(Held held);
  void CloseAmidClaims();
  void Abandon();
  void HoldClaim();
  void WaitDurable();
  void RunBackground();
  void CommitGroup();
  void AppendTogether();
  void Delete();
  void Error(const absl::Status& status, std::string_view what) { on_error_(status, what); }

  FileSystem* disk_;
  const std::string directory_;
  std::mt19937_64 random_;
  const std::vector<TopicPlan> plans_;
  Model& model_;
  const OnError on_error_;
  ManualClock clock_;
  std::unique_ptr<Broker> broker_;
  std::optional<Topic> handle_;
  std::size_t topic_ = 0;
  int partition_ = 0;
  bool is_fixed_ = false;
  const bool is_small_;  // its segments are
  bool works_ahead_;
  bool is_working_ahead_ = false;
  std::int64_t made_ = 0;  // topics, so that values of each are its own
};

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_WORKLOAD_H_
