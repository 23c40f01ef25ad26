#ifndef DAYBOOK_BENCH_SCRATCH_H_
#define DAYBOOK_BENCH_SCRATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daybook/broker.h"
#include "daybook/reader.h"
#include "harness.h"

namespace daybook::bench {

// The files that the contests work on: a broker's, and those of the limits beside it.

// A new directory below Settings::directory, removed with all that is in it.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const Settings& settings);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A mapped file; unmapped by the destructor.
class Map {
 public:
  // Makes a file of `bytes` with real blocks, as a segment has.
  static Map Create(const std::string& path, std::uint64_t bytes);
  // A file that is there, for reading.
  static Map Open(const std::string& path);
  Map(Map&& other) noexcept;
  Map& operator=(Map&&) = delete;
  ~Map();

  std::byte* data() const { return data_; }
  std::uint64_t size() const { return size_; }

 private:
  Map(int descriptor, std::uint64_t bytes, int protection);

  std::byte* data_ = nullptr;
  std::uint64_t size_ = 0;
};

// The segments of a partition, mapped in their order.
std::vector<Map> OpenSegments(const std::string& directory);

// A broker in a directory of its own.
class ScratchBroker {
 public:
  explicit ScratchBroker(const Settings& settings, BrokerOptions options = {});

  Broker& broker() { return *broker_; }
  // Makes a topic with one partition.
  Topic NewTopic(const std::string& name, const TopicOptions& options = {});
  // Appends records of `value_bytes` until the partition has `log_bytes`; how many.
  std::int64_t Fill(Partition& partition, std::uint64_t log_bytes, std::size_t value_bytes);
  // Closes, and opens anew: nothing is mapped or known to be verified then.
  void Reopen();
  void Close() { broker_.reset(); }
  std::string PartitionDirectory(const std::string& topic) const;

 private:
  ScratchDirectory directory_;
  BrokerOptions options_;
  std::unique_ptr<Broker> broker_;
};

// Memory for the page cache. A host hands memory to a virtual machine when it is first touched, and
// takes back what lies free for some seconds: that costs more than all else here, and whether it
// comes is chance. So it is touched before the clock starts, and given to the kernel bit by bit
// while the pages are filled. Both sides of a contest do the same.
class WarmMemory {
 public:
  explicit WarmMemory(std::uint64_t bytes);
  ~WarmMemory();
  WarmMemory(const WarmMemory&) = delete;
  WarmMemory& operator=(const WarmMemory&) = delete;

  // To be called when so many bytes were filled in all.
  void Filled(std::uint64_t bytes) {
    if (bytes + kLead > given_ && given_ < size_) [[unlikely]]
      GiveBack();
  }

 private:
  static constexpr std::uint64_t kLead = std::uint64_t{512} << 20;
  static constexpr std::uint64_t kStep = std::uint64_t{64} << 20;

  void GiveBack();

  std::byte* data_ = nullptr;
  std::uint64_t size_ = 0;
  std::uint64_t given_ = 0;
};

// Reads so many records, and touches the value of each.
void ReadAll(Reader& reader, std::int64_t records);

// The bytes of a record with a value of this size and neither key nor headers.
std::uint64_t FrameBytes(std::size_t value_bytes);
// So many of them make up `log_bytes`.
std::int64_t RecordsIn(std::uint64_t log_bytes, std::size_t value_bytes);

}  // namespace daybook::bench

#endif  // DAYBOOK_BENCH_SCRATCH_H_
