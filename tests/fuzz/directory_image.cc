#include "fuzz/directory_image.h"

#include <algorithm>
#include <array>
#include <span>

namespace daybook::fuzz {
namespace {

constexpr std::size_t kMaxFiles = 64;
constexpr std::size_t kMaxFileBytes = 256 << 10;
constexpr std::uint8_t kFreeName = 255;
// Pieces are parted by so many zeros: less would cost more than it saves.
constexpr std::size_t kGap = 16;
constexpr std::size_t kMaxPieceBytes = 0xffff;

// Of the files that the library makes; corpora name them by their places, so only add at the end.
constexpr std::array<std::string_view, 24> kNames = {
    "daybook.properties",
    "daybook.lock",
    "~replace",
    "t.topic",
    "t.gone",
    "t.dictionary-1",
    "t.dictionary-2",
    "t.dictionary.tmp",
    "t-0/00000000000000000000.log",
    "t-0/00000000000000000000.index",
    "t-0/00000000000000000000.log.tmp",
    "t-0/next.tmp",
    "t-1/00000000000000000000.log",
    "t-0/00000000000000000100.log",
    "t-0/00000000000000000100.index",
    "t-0/00000000000000000001.log",
    "u.topic",
    "u-0/00000000000000000000.log",
    "__consumer_offsets.topic",
    "__consumer_offsets-0/00000000000000000000.log",
    "__consumer_offsets-0/00000000000000000000.index",
    "t-0/",
    "t-0/foreign",
    "t-0/09223372036854775807.log",
};

void Append(std::vector<std::uint8_t>* out, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}
void Append(std::vector<std::uint8_t>* out, std::string_view text) {
  out->insert(out->end(), text.begin(), text.end());
}

FileImage DecodeFile(Choices& choices) {
  FileImage file;
  const std::uint8_t name = choices.Byte();
  file.path = name == kFreeName ? choices.Text(choices.Byte()) : kNames[name % kNames.size()];
  file.content.resize(std::min<std::uint64_t>(choices.Number(3), kMaxFileBytes));
  for (std::uint64_t pieces = choices.Byte(); pieces != 0; --pieces) {
    const std::uint64_t position = std::min<std::uint64_t>(choices.Number(3), file.content.size());
    const std::string_view bytes = choices.Text(choices.Number(2));
    const std::size_t size = std::min<std::size_t>(bytes.size(), file.content.size() - position);
    std::copy_n(bytes.begin(), size, file.content.begin() + static_cast<std::ptrdiff_t>(position));
  }
  return file;
}

void EncodeFile(const FileImage& file, std::vector<std::uint8_t>* out) {
  const auto known = std::find(kNames.begin(), kNames.end(), file.path);
  if (known != kNames.end()) {
    out->push_back(static_cast<std::uint8_t>(known - kNames.begin()));
  } else {
    out->push_back(kFreeName);
    const std::string_view path = std::string_view(file.path).substr(0, 255);
    Append(out, path.size(), 1);
    Append(out, path);
  }
  const std::string_view content = std::string_view(file.content).substr(0, kMaxFileBytes);
  Append(out, content.size(), 3);
  const std::size_t count_at = out->size();
  out->push_back(0);
  const std::string zeros(kGap, '\0');
  for (std::size_t at = 0; (at = content.find_first_not_of('\0', at)) != content.npos;) {
    if ((*out)[count_at] == 255) break;
    const std::string_view piece =
        content.substr(at, std::min(content.find(zeros, at), at + kMaxPieceBytes) - at);
    Append(out, at, 3);
    Append(out, piece.size(), 2);
    Append(out, piece);
    ++(*out)[count_at];
    at += piece.size();
  }
}

// "a/b" in two; the first is empty when there is no slash.
std::pair<std::string_view, std::string_view> Split(std::string_view path) {
  const std::size_t slash = path.find('/');
  if (slash == path.npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

DirectoryImage DecodeImage(Input input) {
  Choices choices(input);
  DirectoryImage image;
  image.is_of_earlier_boot = choices.Flip();
  while (!choices.empty() && image.files.size() < kMaxFiles) {
    image.files.push_back(DecodeFile(choices));
  }
  return image;
}

std::vector<std::uint8_t> EncodeImage(const DirectoryImage& image) {
  std::vector<std::uint8_t> out{static_cast<std::uint8_t>(image.is_of_earlier_boot ? 1 : 0)};
  for (const FileImage& file : image.files) EncodeFile(file, &out);
  return out;
}

std::unique_ptr<SimulatedFileSystem> MakeDisk(const DirectoryImage& image) {
  auto disk = std::make_unique<SimulatedFileSystem>();
  const auto root = disk->OpenDirectory(kDataDirectory, DirectoryMode::kCreateIfMissing);
  ExpectOk(root.status(), "the directory");
  for (const FileImage& file : image.files) {
    const auto [below, name] = Split(file.path);
    Directory* directory = root->get();
    std::unique_ptr<Directory> opened;
    if (!below.empty()) {
      auto made = directory->CreateDirectory(below);
      if (!made.ok()) continue;
      opened = *std::move(made);
      directory = opened.get();
    }
    const auto made = directory->OpenFile(name, FileMode::kCreate);
    if (made.ok()) {
      ExpectOk((*made)->WriteAt(0, std::as_bytes(std::span(file.content))), "a file");
      ExpectOk((*made)->Sync(), "a file");
    }
    ExpectOk(directory->Sync(), "a directory");
  }
  ExpectOk((*root)->Sync(), "the directory");
  return image.is_of_earlier_boot ? disk->CutPower(0) : std::move(disk);
}

DirectoryImage ImageOf(SimulatedFileSystem& disk) {
  DirectoryImage image;
  const auto root = disk.OpenDirectory(kDataDirectory, DirectoryMode::kMustExist);
  ExpectOk(root.status(), "the directory");
  for (const std::string& path : disk.Files()) {
    const std::string relative = path.substr(kDataDirectory.size() + 1);
    const auto [below, name] = Split(relative);
    std::unique_ptr<Directory> opened;
    if (!below.empty()) opened = (*root)->OpenDirectory(below).value();
    const auto file = (below.empty() ? **root : *opened).OpenFile(name, FileMode::kRead);
    ExpectOk(file.status(), path);
    FileImage& copy = image.files.emplace_back();
    copy.path = relative;
    copy.content.resize((*file)->Size().value());
    ExpectOk((*file)->ReadAt(0, std::as_writable_bytes(std::span(copy.content))).status(), path);
  }
  return image;
}

}  // namespace daybook::fuzz
