#ifndef DAYBOOK_TORTURE_MODEL_H_
#define DAYBOOK_TORTURE_MODEL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daybook/broker.h"
#include "torture/run.h"

// The oracle: what was done to a data directory, as far as its user knows, and the comparison of
// that with what a fault left. Every record is in one of three classes: acknowledged (must be
// there), attempted (may be there, and then whole and in its place), never attempted (must not be).

namespace daybook::torture {

// The offset of a group's place, whatever else it comes with; -1: there is none.
template <typename T>
std::int64_t PlaceOf(const T& place) {
  if constexpr (requires { place.offset.value(); }) {
    return place.offset.value();
  } else if constexpr (requires { place->value(); }) {
    return place ? place->value() : -1;
  } else {
    return place.value();
  }
}

// The faults by what an acknowledged record must survive.
enum class Fault {
  kKill,      // the process: at every level
  kPowerCut,  // of the machine: at kDisk, and what was waited for
};

struct PartitionModel {
  // By offset; an abandoned claim takes an offset and holds nothing.
  std::vector<std::optional<std::string>> attempted;
  std::size_t in_process = 0;    // so many from the beginning survive a kill
  std::size_t on_disk = 0;       // and so many a power cut
  std::size_t promised = 0;      // and so many will once the background work is done
  bool is_unsure = false;        // whether the last ones were appended, after an error
  std::int64_t committed = 0;    // the highest offset that the group tried to commit
  std::int64_t kept_commit = 0;  // and the highest that was acknowledged
};

struct TopicModel {
  enum class State { kCreating, kThere, kDeleting };
  State state = State::kCreating;
  TopicOptions options;
  std::vector<PartitionModel> partitions;
};

// Threads that append to one partition at the same time, each its own values in their order.
struct Together {
  struct Appender {
    std::vector<std::string> values;
    std::atomic<std::size_t> attempted{0};
    std::atomic<std::size_t> acknowledged{0};
  };
  std::string topic;
  int partition = 0;
  std::deque<Appender> appenders;
};

struct Model {
  std::map<std::string, TopicModel> topics;
  std::set<std::string> deleted;  // and not made again
  std::unique_ptr<Together> together = nullptr;

  // Of all values.
  std::uint64_t bytes() const;
  // What was acknowledged of it by now: taken before a fault, as more may be during it.
  std::vector<std::size_t> TogetherAcknowledged() const;
};

// What came after `before` was attempted only: the fault came somewhere between that and now. None
// of the topics was deleted meanwhile.
void TakeBack(const std::map<std::string, TopicModel>& before, Model& model);

// What was found: by topic and partition, the values by offset.
using Found = std::map<std::pair<std::string, int>, std::vector<std::optional<std::string>>>;

struct CheckOptions {
  Fault fault = Fault::kPowerCut;
  std::vector<std::size_t> together = {};  // Model::TogetherAcknowledged before the fault
  bool joins_group = false;                // reads as a member of the group, too
};

// Opens what a fault left and compares it with the model; what does not hold becomes violations.
// Nothing when it could not even be opened.
std::optional<Found> Check(FileSystem& left, const std::string& directory, const Model& model,
                           const CheckOptions& options, Tally& tally);
// The same with a broker that is open.
std::optional<Found> CheckBroker(Broker& broker, const Model& model, const CheckOptions& options,
                                 Tally& tally);

// Goes on from what was found: all of it is acknowledged now.
void Adopt(const Found& found, Model& model);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_MODEL_H_
