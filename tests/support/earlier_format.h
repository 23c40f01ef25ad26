#ifndef DAYBOOK_SUPPORT_EARLIER_FORMAT_H_
#define DAYBOOK_SUPPORT_EARLIER_FORMAT_H_

#include <cstring>
#include <span>
#include <string>

#include "absl/strings/str_format.h"
#include "base/checksum.h"
#include "daybook/format/frame.h"
#include "format/properties.h"

namespace daybook {

// What versions of before 1.0 wrote: format version 1, which has the same checksums beside those of
// frames.

inline std::string EarlierProperties(const Properties& properties) {
  std::string text = EncodeProperties(properties);
  text.resize(text.rfind("checksum="));
  const std::string version = "format.version=";
  text.replace(text.find(version) + version.size(), 1, "1");
  return text + absl::StrFormat("checksum=%016x\n", Hash64(std::as_bytes(std::span(text))));
}

// Makes that of the header in a page.
inline void MakeEarlierHeader(std::span<std::byte> page) {
  frame::SegmentHeader header;
  std::memcpy(&header, page.data(), sizeof header);
  header.format_version = 1;
  header.checksum = 0;
  header.checksum = Checksum32(Hash64(std::as_bytes(std::span(&header, 1))), 0);
  std::memcpy(page.data(), &header, sizeof header);
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_EARLIER_FORMAT_H_
