#ifndef DAYBOOK_TOOLS_TEXT_RECORD_FORMAT_H_
#define DAYBOOK_TOOLS_TEXT_RECORD_FORMAT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/record.h"

namespace daybook::tools {

// How a record is printed, in kcat's letters: %t topic, %p partition, %o offset, %k key, %K its
// length (-1: none), %s value, %S its length (-1: none), %R the same as four bytes, the highest
// first, %T timestamp in milliseconds, %h headers, %% a per cent sign; and the escapes of
// DecodeEscapes.
class RecordFormat {
 public:
  // InvalidArgument with what there is.
  static absl::StatusOr<RecordFormat> Parse(std::string_view text);

  // What stands for a key or a value that is absent; nothing, if it is not set.
  void SetNull(std::string_view text) { null_ = text; }

  void Append(const RecordView& record, std::string* out) const;

 private:
  struct Piece {
    char letter = '\0';  // behind the per cent sign; absent: `text`
    std::string text;
  };

  RecordFormat() = default;
  void AppendLetter(char letter, const RecordView& record, std::string* out) const;

  std::vector<Piece> pieces_;
  std::string null_;
};

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_RECORD_FORMAT_H_
