#ifndef DAYBOOK_SEGMENT_PARTITION_NAME_H_
#define DAYBOOK_SEGMENT_PARTITION_NAME_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/offset.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

// Which partition something belongs to, and how its files are named. Copies share the text.
class PartitionName {
 public:
  PartitionName(std::string_view topic, int partition)
      : topic_(std::make_shared<const std::string>(topic)), partition_(partition) {}
  PartitionName(std::shared_ptr<const std::string> topic, int partition)
      : topic_(std::move(topic)), partition_(partition) {}

  const std::string& topic() const { return *topic_; }
  int partition() const { return partition_; }

  // "orders-0", as in Kafka: the name of its directory, and of the partition in messages.
  std::string directory() const { return *topic_ + "-" + std::to_string(partition_); }
  // Which one a directory is of; nothing if that is no name of a partition's directory.
  static std::optional<PartitionName> Parse(std::string_view directory);

 private:
  std::shared_ptr<const std::string> topic_;
  int partition_;
};

// "00000000000000000042.log" for base offset 42 and suffix ".log".
std::string SegmentFileName(Offset base_offset, std::string_view suffix);
// Removes the file of a segment after those that may lie beside it. NotFound: it has none.
absl::Status RemoveSegmentFiles(Directory& directory, Offset base_offset);

// The base offset of a name made with ".log"; nothing for any other name.
std::optional<Offset> ParseSegmentFileName(std::string_view name);
// The base offsets of the segments among the files of a directory, in order. Other names are
// indexes, temporary files, or not ours: passed over, as are segments that another one replaces.
absl::StatusOr<std::vector<Offset>> ListSegmentBases(Directory& directory);
// The same, of what was listed.
absl::StatusOr<std::vector<Offset>> SegmentBases(Directory& directory,
                                                 const std::vector<DirectoryEntry>& entries);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_PARTITION_NAME_H_
