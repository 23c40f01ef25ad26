#include "tools/text/record_format.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "tools/text/escapes.h"

namespace daybook::tools {
namespace {

constexpr std::string_view kLetters = "tpokKsSRTh";

std::optional<std::string_view> ValueOf(const RecordView& record) {
  return record.value.ToOptional();
}

std::int64_t LengthOf(std::optional<std::string_view> text) {
  return text ? static_cast<std::int64_t>(text->size()) : -1;
}

void AppendBigEndian(std::uint32_t number, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) *out += static_cast<char>(number >> shift);
}

void AppendHeaders(const RecordView& record, std::string* out) {
  bool is_first = true;
  for (const Header& header : record.headers) {
    if (!is_first) *out += ',';
    is_first = false;
    absl::StrAppend(out, std::string(header.name), "=", std::string(header.value.value_or("")));
  }
}

}  // namespace

absl::StatusOr<RecordFormat> RecordFormat::Parse(std::string_view text) {
  RecordFormat format;
  while (!text.empty()) {
    const std::size_t literal = std::min(text.find('%'), text.size());
    if (literal != 0) {
      auto decoded = DecodeEscapes(text.substr(0, literal));
      if (!decoded.ok()) return decoded.status();
      format.pieces_.push_back({.text = *std::move(decoded)});
      text.remove_prefix(literal);
      continue;
    }
    if (text.size() == 1) {
      return absl::InvalidArgumentError(
          "the format ends in %, behind which a letter must stand; %% is a per cent sign");
    }
    const char letter = text[1];
    if (letter == '%') {
      format.pieces_.push_back({.text = "%"});
    } else if (kLetters.find(letter) != std::string_view::npos) {
      format.pieces_.push_back({.letter = letter, .text = {}});
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("the format has %", std::string(1, letter),
                       "; there are %t %p %o %k %K %s %S %R %T %h %%"));
    }
    text.remove_prefix(2);
  }
  return format;
}

void RecordFormat::Append(const RecordView& record, std::string* out) const {
  for (const Piece& piece : pieces_) {
    if (piece.letter == '\0') {
      *out += piece.text;
    } else {
      AppendLetter(piece.letter, record, out);
    }
  }
}

void RecordFormat::AppendLetter(char letter, const RecordView& record, std::string* out) const {
  switch (letter) {
    case 't':
      *out += record.topic;
      break;
    case 'p':
      absl::StrAppend(out, record.partition);
      break;
    case 'o':
      absl::StrAppend(out, record.offset.value());
      break;
    case 'k':
      *out += record.key.value_or(null_);
      break;
    case 'K':
      absl::StrAppend(out, LengthOf(record.key));
      break;
    case 's':
      *out += ValueOf(record).value_or(null_);
      break;
    case 'S':
      absl::StrAppend(out, LengthOf(ValueOf(record)));
      break;
    case 'R':
      AppendBigEndian(static_cast<std::uint32_t>(LengthOf(ValueOf(record))), out);
      break;
    case 'T':
      absl::StrAppend(out, std::chrono::floor<std::chrono::milliseconds>(record.timestamp)
                               .time_since_epoch()
                               .count());
      break;
    default:
      AppendHeaders(record, out);
  }
}

}  // namespace daybook::tools
