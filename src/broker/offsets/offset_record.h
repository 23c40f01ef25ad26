#ifndef DAYBOOK_BROKER_OFFSETS_OFFSET_RECORD_H_
#define DAYBOOK_BROKER_OFFSETS_OFFSET_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/transactions/id_set.h"
#include "daybook/offset.h"
#include "daybook/record.h"

// What the internal topic __consumer_offsets holds: the one description of its records, and the
// pure functions that write and read them. The last record of a key counts. Numbers are decimal,
// fields are separated by NUL, and a group's name is never empty.
//
//   key                          value
//   group 0 topic 0 partition    offset, and 0 metadata if there is some: the group's place. The
//                                record's timestamp is when it was committed. A tombstone: it has
//                                none any more
//   kTopicIds 0 topic 0 "0"      0, and 0 id: places in the topic are in the one of that id. Where
//                                groups of a process are that follows another one (OwnOffsets)
//   kTopicIds 0 "/" 0 "0"        0, and 0 id: all that is of the data directory of that id
//   0 "open"                     epoch 0 boot: the directory was opened for writing, for the
//                                epoch-th time, in that boot of the machine; what follows was
//                                written then
//   0 "committed"                ranges: the transactions that were committed before here
//   0 "committed-part"           ranges: more of them. Counts with the "committed" record that
//                                follows in the same open
//   0 "decision"                 id 0 places, and 0 topic 0 partition 0 offset for each partition:
//                                the transaction `id` is committed, whose last frames begin at
//                                these offsets, and with it the places in so many records behind
//                                this one. All of them are one batch, so that they are there
//                                together. The topic is its name, and "/" and its id if that is
//                                known

namespace daybook::inline v1 {

inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";

// In place of a group's name. No group has it, since there is a control character in it.
inline constexpr std::string_view kTopicIds = "\x01topic-ids";
// In place of a topic's name, which it cannot be.
inline constexpr std::string_view kWholeDirectory = "/";

// A group's place: the key.
struct PlaceKey {
  std::string group;
  std::string topic;
  int partition = 0;
  friend auto operator<=>(const PlaceKey&, const PlaceKey&) = default;
};

struct PlaceRecord {
  PlaceKey key;
  std::optional<Offset> offset;  // absent: forgotten
  std::string metadata;
};

struct OpenRecord {
  std::uint64_t epoch = 0;
  std::string boot;
};

struct CommittedRecord {
  IdSet ids;
  bool is_part = false;  // the rest follows
};

// Where a transaction wrote in one partition.
struct Participant {
  std::string topic;
  int partition = 0;
  Offset last_frame;           // of its first record
  std::uint64_t topic_id = 0;  // one of that name that is made later has another one; 0: not known
};

struct DecisionRecord {
  std::uint64_t id = 0;
  std::int64_t places = 0;
  std::vector<Participant> participants;
};

std::string EncodePlaceKey(const PlaceKey& key);
// The value: a view of `buffer`, which grows as it must and can be used again.
std::string_view EncodePlace(Offset offset, std::string_view metadata, std::string* buffer);

// A key and a value for the others.
struct EncodedRecord {
  std::string key;
  std::string value;
};
EncodedRecord Encode(const OpenRecord& record);
// In several if they are many: parts, and the last one.
std::vector<EncodedRecord> Encode(const CommittedRecord& record);
EncodedRecord Encode(const DecisionRecord& record);

using OffsetRecord = std::variant<PlaceRecord, OpenRecord, CommittedRecord, DecisionRecord>;

// Whether the key is that of an open, committed or decision record, whatever the value is.
bool IsControlRecord(const RecordView& record);

// Nothing when it is none of these.
std::optional<OffsetRecord> DecodeOffsetRecord(const RecordView& record);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OFFSETS_OFFSET_RECORD_H_
