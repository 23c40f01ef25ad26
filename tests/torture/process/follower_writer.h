#ifndef DAYBOOK_TORTURE_PROCESS_FOLLOWER_WRITER_H_
#define DAYBOOK_TORTURE_PROCESS_FOLLOWER_WRITER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "daybook/system/file_system.h"
#include "daybook/topic.h"
#include "torture/hostile.h"

namespace daybook::torture {

inline constexpr std::size_t kTopics = 3;
inline constexpr std::size_t kPartitions = 4;
inline constexpr std::uint32_t kMostRecords = 1 << 16;  // of a partition
inline constexpr std::array<const char*, kTopics> kNames = {"small", "default", "again"};
inline constexpr std::size_t kAgain = 2;  // the one that is deleted and made again

// In kSmall, of segments of 64 KiB; otherwise all but "small" have the library's own settings.
TopicOptions OptionsOf(Shape shape, std::size_t topic);

// What is appended: "life number never ", and then what looks like anything.
std::string ValueOf(const HostileValues& values, std::uint32_t life, std::uint32_t number,
                    bool is_never, std::size_t bytes);

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
  std::atomic<bool> is_reader_away;      // it looks when that is done
  std::atomic<std::int64_t> operations;  // of the writer that lives
  std::atomic<std::int64_t> pause_at;    // then it waits
  std::atomic<bool> is_paused;
  std::atomic<bool> is_asked_to_close;  // while it waits
  std::atomic<bool> has_left_claims;    // of which some may still be open in the files
};

// In half of the lives of a writer the reader sees nothing of a topic between its end and the next
// one of its name.
inline bool ReaderLooksAway(std::uint64_t seed) { return seed % 2 == 0; }

// Opens the directory and writes until it is killed; now and then it closes it and opens it again.
// Waits at shared.pause_at, after it has left some things open; or, if it is asked to, closes all
// and exits with 0.
[[noreturn]] void WriteForEver(const std::string& directory, FileSystem& file_system, Shape shape,
                               std::uint64_t seed, Shared& shared);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_PROCESS_FOLLOWER_WRITER_H_
