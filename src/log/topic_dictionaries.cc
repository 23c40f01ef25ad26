#include "log/topic_dictionaries.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "daybook/format/frame.h"
#include "io/atomic_replace.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kInfix = ".dictionary-";
constexpr std::size_t kMaxFileBytes = 2 << 20;
constexpr std::string_view kMagic = "DAYBOOKD";
constexpr std::size_t kFileHeadBytes = 16;

std::string FileHead(std::string_view dictionary) {
  const std::uint64_t hash = Hash64(std::as_bytes(std::span(dictionary)));
  std::string head(kMagic);
  head.append(reinterpret_cast<const char*>(&hash), sizeof hash);
  return head;
}

std::string FileName(std::string_view topic, std::uint32_t number) {
  return absl::StrCat(std::string(topic), std::string(kInfix), number);
}

// The dictionary in a file.
absl::StatusOr<std::string> ReadDictionary(Directory& root, const std::string& file) {
  auto bytes = ReadFile(root, file, kMaxFileBytes);
  if (bytes.ok() && IsWholeDictionary(*bytes)) {
    bytes->erase(0, kFileHeadBytes);
    return bytes;
  }
  return absl::DataLossError(absl::StrCat(
      root.path(), "/", file, ": the dictionary that records are compressed with ",
      bytes.ok() ? "is damaged" : absl::StrCat("cannot be read: ", bytes.status().message())));
}

// The numbers of those that have files.
absl::StatusOr<std::vector<std::uint32_t>> List(Directory& root, std::string_view topic) {
  const auto entries = root.List();
  if (!entries.ok()) return entries.status();
  const std::string prefix = absl::StrCat(std::string(topic), std::string(kInfix));
  std::vector<std::uint32_t> numbers;
  for (const DirectoryEntry& entry : *entries) {
    std::uint32_t number = 0;
    if (!entry.is_directory && entry.name.starts_with(prefix) &&
        absl::SimpleAtoi(entry.name.substr(prefix.size()), &number) && number != 0) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

}  // namespace

bool IsWholeDictionary(std::string_view bytes) {
  return bytes.size() >= kFileHeadBytes &&
         bytes.substr(0, kFileHeadBytes) == FileHead(bytes.substr(kFileHeadBytes));
}

absl::Status VerifyDictionary(Directory& root, std::string_view topic, std::uint32_t number) {
  const std::string file = FileName(topic, number);
  if (const auto there = root.OpenFile(file, FileMode::kRead); absl::IsNotFound(there.status())) {
    return there.status();
  }
  return ReadDictionary(root, file).status();
}

absl::Status StoreDictionary(Directory& root, std::string_view topic, std::uint32_t number,
                             std::string_view dictionary) {
  const std::string file = absl::StrCat(FileHead(dictionary), std::string(dictionary));
  return AtomicReplace(root, FileName(topic, number), std::as_bytes(std::span(file)),
                       absl::StrCat(std::string(topic), ".dictionary.tmp"));
}

absl::Status RemoveDictionaries(Directory& root, std::string_view topic) {
  const auto numbers = List(root, topic);
  if (!numbers.ok()) return numbers.status();
  for (const std::uint32_t number : *numbers) {
    if (const auto status = root.RemoveFile(FileName(topic, number)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> TopicDictionaries::FindNewest(bool may_use) {
  if (was_looked_) return false;
  const auto numbers = List(root_, topic_);
  if (!numbers.ok()) return numbers.status();
  if (!numbers->empty()) highest_ = *std::max_element(numbers->begin(), numbers->end());
  const bool is_usable = highest_ != 0 && highest_ <= frame::kMaxDictionaries;
  if (is_usable && may_use && Load(highest_).ok()) in_use_ = highest_;
  was_looked_ = true;
  return in_use_ != 0;
}

absl::StatusOr<TopicDictionaries::Pointer> TopicDictionaries::Load(std::uint32_t number) {
  if (number == 0) return nullptr;
  if (const auto found = loaded_.find(number); found != loaded_.end()) return found->second;
  const auto bytes = ReadDictionary(root_, FileName(topic_, number));
  if (!bytes.ok()) return bytes.status();
  auto dictionary = Dictionary::Make(*bytes, level_);
  if (!dictionary.ok()) return dictionary.status();
  loaded_[number] = *dictionary;
  return dictionary;
}

void TopicDictionaries::Use(std::uint32_t number, Pointer dictionary) {
  in_use_ = highest_ = number;
  loaded_[number] = std::move(dictionary);
}

}  // namespace daybook::inline v1
