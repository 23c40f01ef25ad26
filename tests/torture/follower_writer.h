#ifndef DAYBOOK_TORTURE_FOLLOWER_WRITER_H_
#define DAYBOOK_TORTURE_FOLLOWER_WRITER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "daybook/topic.h"

namespace daybook::torture {

inline constexpr std::size_t kTopics = 3;
inline constexpr std::size_t kPartitions = 4;
inline constexpr std::uint32_t kMostRecords = 1 << 16;  // of a partition
inline constexpr std::array<const char*, kTopics> kNames = {"small", "default", "again"};
inline constexpr std::size_t kAgain = 2;  // the one that is deleted and made again

TopicOptions OptionsOf(std::size_t topic);

// In memory that outlives the writers. A number of a partition is used once, whatever comes of it.
struct Shared {
  struct Log {
    std::atomic<std::uint32_t> next;
    std::atomic<bool> is_blocked;  // behind a transaction or a claim that only a death ends
    std::array<std::atomic<bool>, kMostRecords> is_acknowledged;
  };
  std::array<std::array<Log, kPartitions>, kTopics> logs;
  std::atomic<std::uint32_t> life;       // of the topic that is made again
  std::atomic<bool> is_changing;         // it is being deleted or made
  std::atomic<std::int64_t> operations;  // of the writer that lives
  std::atomic<std::int64_t> pause_at;    // then it waits
  std::atomic<bool> is_paused;
};

// Opens the directory and writes until it is killed; waits at shared.pause_at, after it has left
// some things open.
[[noreturn]] void WriteForEver(const std::string& directory, std::uint64_t seed, Shared& shared);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_FOLLOWER_WRITER_H_
