#ifndef DAYBOOK_TORTURE_PROCESS_KILL_LOAD_H_
#define DAYBOOK_TORTURE_PROCESS_KILL_LOAD_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "torture/hostile.h"
#include "torture/run.h"

// The load under which the family "kill" kills a process, and what that tells of it.

namespace daybook::torture::kill_load {

inline constexpr char kGroup[] = "group";
inline constexpr std::int64_t kBatchRecords = 7;

enum class Way {
  kAppend,
  kClaim,
  kTransaction,
  kOfTransaction,  // what the transactions of the one before it send elsewhere
};

// What a thread of the victim does.
struct Appender {
  const char* topic;
  int partition;
  std::int64_t records;  // in one append
  Way way = Way::kAppend;
};
inline constexpr std::array<Appender, 9> kAppenders = {{{"process", 0, 1},
                                                        {"process", 0, 1},
                                                        {"process", 1, kBatchRecords},
                                                        {"disk", 0, 1},
                                                        {"disk", 0, 1},
                                                        {"disk", 0, kBatchRecords},
                                                        {"process", 0, 1, Way::kClaim},
                                                        {"process", 1, 1, Way::kTransaction},
                                                        {"disk", 1, 1, Way::kOfTransaction}}};
inline constexpr int kPartitions = 2;
inline constexpr std::array<const char*, 2> kTopics = {"process", "disk"};
// What the victims have got acknowledged, in memory that outlives them.
struct Acknowledged {
  std::array<std::atomic<std::int64_t>, kAppenders.size()> next;
  std::atomic<std::int64_t> operations;
  std::array<std::atomic<std::int64_t>, kPartitions> attempted_commit;
  std::array<std::atomic<std::int64_t>, kPartitions> kept_commit;
};

// What the threads append, by their numbers and those of their records.
class Values {
 public:
  Values(Shape shape, std::uint64_t seed) : values_(shape), seed_(seed) {}

  std::string ValueOf(std::size_t thread, std::int64_t sequence) const {
    const std::uint64_t seed = seed_ ^ (thread << 56) ^ static_cast<std::uint64_t>(sequence);
    // All that is in one append may have as many bytes as one record.
    const auto records = static_cast<std::size_t>(kAppenders[thread].records);
    return values_.ValueOf(absl::StrCat(thread, " ", sequence, " "),
                           values_.BytesOf(seed) / records, seed);
  }

 private:
  const HostileValues values_;
  const std::uint64_t seed_;
};

// One process: what it is given, and what it tells.
struct Victim {
  const std::string& directory;
  const Shape shape;
  const Values& values;
  // After so many claims and transactions one is left open; negative: none.
  const std::int64_t leaves_open;
  Acknowledged& acknowledged;
};

// Appends until it is killed. Each thread goes on where the log says it was.
[[noreturn]] void RunVictim(const Victim& victim);

}  // namespace daybook::torture::kill_load

#endif  // DAYBOOK_TORTURE_PROCESS_KILL_LOAD_H_
