#ifndef DAYBOOK_FUZZ_OPERATIONS_MODEL_H_
#define DAYBOOK_FUZZ_OPERATIONS_MODEL_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/broker.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook::fuzz {

// What happened before the look that is taken now.
enum class Fate {
  kNothing,   // the broker was closed, or none was open
  kKill,      // the process died
  kPowerCut,  // the power went
};

// What a partition must, may and must not hold. A record is acknowledged, indeterminate (attempted,
// and no answer or an error came) or was never attempted.
struct PartitionModel {
  enum class State {
    kAcknowledged,
    kAttempted,  // the call is under way, or the claim is open: there whole, or not at all
    kAbandoned,  // an offset that holds nothing
    kUnknown,    // after an error, or where there was damage: any record of ours, or nothing
  };
  struct Entry {
    State state;
    std::string value;
  };

  std::vector<Entry> entries;       // by offset
  std::set<std::string> attempted;  // all values ever
  std::size_t durable = 0;          // so many from the beginning survive a power cut
  // Bytes were flipped: records may be missing, and none may be wrong.
  bool is_damaged = false;
  // A sync failed: the kernel may have forgotten pages, as long as this boot lasts.
  bool has_lost_pages = false;
  // The place of the group: acknowledged, and the highest ever attempted.
  std::int64_t committed = 0;
  std::int64_t highest_commit = 0;

  // Whether that is so of all entries in [begin, end), and there are some: what failed on a full
  // disk behind an open claim stays among them.
  bool AllUnknown(std::size_t begin, std::size_t end) const;
  // The entries from `first` on have the offsets from `index` on.
  void Acknowledge(std::size_t first, std::size_t index);
  // After that: `found` is what there is.
  void GoOnWith(const PartitionModel& found, Fate fate);
};

// Of all entries, partition by partition.
std::vector<std::string> ValuesOf(const std::vector<PartitionModel>& models);

// The value of that number: `size` bytes, or as many as `begin` has; it looks like something else
// in every third one.
std::string MakeValue(std::string begin, std::size_t size, std::size_t number);

// Reads all of a partition, as far as it is not damaged, and compares. Then `*found` is what the
// model knows from now on.
void CheckPartition(Partition& partition, const PartitionModel& model, Fate fate,
                    PartitionModel* found);

// Compares what is read from `from` on, or backwards from there, with the model.
void CheckRead(Partition& partition, const PartitionModel& model, Offset from);
void CheckReadBackwards(Partition& partition, const PartitionModel& model, Offset from);

// Compares the place of `group` in each of the topics, whose models these are.
void CheckGroup(Broker& broker, std::string_view group, const std::vector<std::string>& topics,
                const std::vector<PartitionModel>& models, Fate fate);

}  // namespace daybook::fuzz

#endif  // DAYBOOK_FUZZ_OPERATIONS_MODEL_H_
