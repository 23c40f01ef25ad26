#ifndef DAYBOOK_TOPIC_H_
#define DAYBOOK_TOPIC_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "daybook/export.h"
#include "daybook/partition.h"
#include "daybook/storage.h"

namespace daybook::inline v1 {

enum class Compression {
  kNone,
  kZstd,
};

// What a topic's retention does with records that a group has not read.
enum class RetentionUnread {
  kDelete,  // they go as all others do; the group goes on as GroupOptions::offset_reset says
  kKeep,
};

// What of a topic is deleted, and when. Nothing is, unless one of the bounds says so. Whole
// segments go, the oldest first, each partition for itself; batches that readers hold stay valid.
struct RetentionOptions {
  // retention.ms: records that were appended longer ago than that, by BrokerOptions::clock (Kafka's
  // meaning where message.timestamp.type is LogAppendTime; the times of records themselves do not
  // matter). They are gone when they are twice as old and five seconds, the last one of a quiet
  // topic, too; but the file of the last segment stays until there is another one. A clock that was
  // wrong when records were appended deletes nothing that is younger; one that is ahead now makes
  // all look old. -1: none goes by age; else 1 ms to 100 years.
  std::chrono::milliseconds time{-1};
  // retention.bytes: the oldest, as long as so many bytes of segments are left without them: a
  // segment more than that stays, and the one that is being filled. -1: none goes by size; else at
  // least segment_bytes. Files are made ahead: a busy partition takes two segments more on the
  // disk.
  std::int64_t bytes = -1;
  // retention.unread (delete, keep): keep lets nothing go that a group has not read which has a
  // committed offset in the topic. Groups in offsets directories of other processes do not count.
  RetentionUnread unread = RetentionUnread::kDelete;
  // retention.max.bytes: how many bytes of segments stay at most, read or not, where `unread` is
  // kKeep; at least twice segment_bytes, and `bytes`. -1: as many as it takes.
  std::int64_t max_bytes = -1;

  friend bool operator==(const RetentionOptions&, const RetentionOptions&) = default;
};

// The settings of a topic. Beside each, Kafka's name for it, which the topic's file and the command
// line use. They are fixed when the topic is created, but for `retention`: see Admin::AlterTopic.
struct TopicOptions {
  // num.partitions; 1 to 100,000.
  int partitions = 1;
  // durability (process, interval, disk): what Send and Append acknowledge.
  Durability durability = Durability::kProcess;
  // flush.ms: how much time a power cut may cost at kInterval; 1 ms to 1 day.
  std::chrono::milliseconds flush_interval{100};
  // segment.bytes: when a partition goes on in a new file; 64 KiB to 1 GiB.
  std::int64_t segment_bytes = std::int64_t{64} << 20;
  // max.message.bytes: key, headers and value of a record together, where each header counts its
  // name, its value and 6 bytes; at most a quarter of segment_bytes, so that a roll wastes little,
  // and at most 256 MiB - 64 bytes, which is what a frame can hold. 0: a quarter, but not over
  // 1 MiB.
  std::int64_t max_record_bytes = 0;
  // storage (file, memory). Memory is for publish and subscribe within the process, at kProcess:
  // the topic is still there when the directory is opened again, but empty and from offset 0 on,
  // and no group has a place in it. No checksums; other processes cannot read it.
  Storage storage = Storage::kFile;
  // memory.bytes: how much memory a partition of a memory topic takes, in pieces of segment_bytes,
  // or of an eighth if that is less; one piece for each batch that a reader holds comes on top.
  // 512 KiB to 1 TiB. Little that stays in the processor's cache is faster than much.
  std::int64_t memory_bytes = std::int64_t{64} << 20;
  // memory.when.full (drop-oldest, block, fail): then appends answer ResourceExhausted.
  WhenFull when_full = WhenFull::kDropOldest;
  // max.block.ms: how long appends wait for room, at kBlock for readers, otherwise for claims in
  // the oldest piece that are still open; up to a day.
  std::chrono::milliseconds max_block{60'000};
  // compression.type (none, zstd): of what is appended. Batches are compressed as one, single
  // records each for itself, claims not at all; and nothing that would not become smaller.
  Compression compression = Compression::kNone;
  // compression.zstd.level: 1 (fast) to 19 (small).
  int compression_level = 3;
  // compression.dictionary.bytes: the size of the dictionaries that are trained from the topic's
  // own records, in the background, and again when they do not fit any more. Small records need
  // one. 256 B to 1 MiB; 0: none.
  std::int64_t dictionary_bytes = std::int64_t{16} << 10;
  // message.timestamp.type (CreateTime, LogAppendTime): what RecordView::timestamp is, and what is
  // searched by time. Times of their own may come in any order.
  TimestampType timestamp_type = TimestampType::kCreateTime;
  RetentionOptions retention = {};

  friend bool operator==(const TopicOptions&, const TopicOptions&) = default;
};

// The settings under Kafka's names, as above.
DAYBOOK_EXPORT std::map<std::string, std::string> ToProperties(const TopicOptions& options);

// Sets the option that Kafka calls `key`; times in milliseconds, sizes in bytes.
//   InvalidArgument     there is no such key (the message names the nearest one), or `value` is not
//                       what it takes
DAYBOOK_EXPORT absl::Status SetOption(TopicOptions& options, std::string_view key,
                                      std::string_view value);

class TopicState;

// A named stream of events: its partitions and its settings. A handle: copies are cheap and mean
// the same topic. Thread-safe. Once the Broker is closed or gone, its partitions answer
// FailedPrecondition.
class DAYBOOK_EXPORT Topic {
 public:
  explicit Topic(std::shared_ptr<TopicState> state);

  const std::string& name() const;
  const TopicOptions& options() const;
  int partitions() const;

  // 0 <= id < partitions(), anything else is a programming error. The reference is good as long as
  // a handle of this topic is.
  Partition& partition(int id) const;

 private:
  friend class Access;  // of the library
  std::shared_ptr<TopicState> state_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_TOPIC_H_
