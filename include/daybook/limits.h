#ifndef DAYBOOK_LIMITS_H_
#define DAYBOOK_LIMITS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace daybook::inline v1::limits {

// What there can be at most, and at least, in one table: the README's is checked against it. What
// is beyond is answered with InvalidArgument, which says the limit. Sizes are in bytes.

// Names.
inline constexpr std::size_t kMaxTopicNameBytes = 249;
inline constexpr std::size_t kMaxGroupNameBytes = 249;  // of an instance_id, too

// Topics: the ranges of TopicOptions.
inline constexpr int kMaxPartitions = 100'000;
inline constexpr std::int64_t kMinSegmentBytes = std::int64_t{64} << 10;
inline constexpr std::int64_t kMaxSegmentBytes = std::int64_t{1} << 30;
inline constexpr std::int64_t kMinMemoryBytes = std::int64_t{512} << 10;
inline constexpr std::int64_t kMaxMemoryBytes = std::int64_t{1} << 40;
inline constexpr std::chrono::milliseconds kMinFlushInterval{1};
inline constexpr std::chrono::milliseconds kMaxFlushInterval = std::chrono::hours(24);
inline constexpr std::chrono::milliseconds kMaxMaxBlock = std::chrono::hours(24);
inline constexpr std::chrono::milliseconds kMaxRetentionTime = std::chrono::hours(24 * 36'500);
inline constexpr int kMinCompressionLevel = 1;
inline constexpr int kMaxCompressionLevel = 19;
inline constexpr std::int64_t kMinDictionaryBytes = 256;
inline constexpr std::int64_t kMaxDictionaryBytes = std::int64_t{1} << 20;
inline constexpr int kMaxDictionaries = 1'023;  // of a topic, in all its time

// Records. One counts with its key, its value, and of each header the name, the value and
// kHeaderOverheadBytes; TopicOptions::max_record_bytes is at most a kRecordPartOfSegment-th of
// segment_bytes, and at most kMaxRecordBytes.
inline constexpr std::int64_t kMaxRecordBytes = (std::int64_t{256} << 20) - 64;
inline constexpr std::int64_t kDefaultMaxRecordBytes = std::int64_t{1} << 20;
inline constexpr int kRecordPartOfSegment = 4;
inline constexpr std::size_t kHeaderOverheadBytes = 6;
inline constexpr std::size_t kMaxKeyBytes = (std::size_t{16} << 20) - 1;
inline constexpr std::size_t kMaxHeaderNameBytes = 65'535;
inline constexpr std::size_t kMaxBatchRecords = 1'048'575;
inline constexpr std::int64_t kMaxFrameBytes = (std::int64_t{256} << 20) - 1;  // in the file

// Groups.
inline constexpr std::size_t kMaxOffsetMetadataBytes = 1'000'000;  // Kafka's is 4,096
inline constexpr int kMaxRunThreads = 1'024;                       // RunOptions::threads
inline constexpr std::int64_t kMinDeadLetterBytes = 4'096;  // max_record_bytes of such a topic
inline constexpr int kMaxExpressionAtoms = 1'000;           // of ConsumerGroup::JoinMatching
inline constexpr int kMaxExpressionDepth = 100;

// A process: what a broker keeps open.
inline constexpr std::int64_t kMaxBusyPartitions = 256;  // with two descriptors each
inline constexpr std::int64_t kMaxIdleMaps = 256;        // of the segments of one partition ...
inline constexpr std::int64_t kMaxScarceMaps = 4;        // ... and while there are more in all than
inline constexpr std::int64_t kManyMaps = 8'192;         // this

}  // namespace daybook::inline v1::limits

#endif  // DAYBOOK_LIMITS_H_
