#ifndef DAYBOOK_FORMAT_PROPERTIES_H_
#define DAYBOOK_FORMAT_PROPERTIES_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

// The small text files of a data directory: daybook.properties and one <topic>.topic for each
// topic. Lines of key=value in the order of the keys, as in Kafka's .properties, and a last line
// with the checksum of all before it, so that a torn or edited file is noticed:
//
//   # Daybook
//   format.version=2
//   num.partitions=4
//   checksum=0f3c9a1b2d4e5f60
//
// Pure functions. Keys and values have no newlines; keys have no '='.

namespace daybook::inline v1 {

using Properties = std::map<std::string, std::string>;

// Adds format.version and the checksum.
std::string EncodeProperties(const Properties& properties);

// Without format.version and checksum.
//   FailedPrecondition  another format version
//   DataLoss            anything else that EncodeProperties does not write
absl::StatusOr<Properties> DecodeProperties(std::string_view text);

// Why this library cannot read a whole properties file of another format version; OK for all else,
// damage included.
absl::Status CheckPropertiesVersion(std::string_view text);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_FORMAT_PROPERTIES_H_
