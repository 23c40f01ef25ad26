#include "log/check/verify.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "format/segment_header.h"
#include "io/atomic_replace.h"
#include "log/check/segment_verifier.h"
#include "log/store/log_start.h"
#include "segment/replace/replacement.h"

namespace daybook::inline v1 {
namespace {

// An index has one slot of 8 bytes for each 4 KiB of a segment of at most 4 GiB.
constexpr std::size_t kMaxIndexBytes = 16 << 20;

// What of a partition's directory is ours, beside segments.
bool IsKnownName(std::string_view name) {
  if (name == kPreparedFile || name == kReplaceTemporary || name == kLogStartFile) return true;
  if (Replacement::ParseMarker(name)) return true;
  for (const std::string_view suffix : {std::string_view(".index"), std::string_view(".producers"),
                                        std::string_view(".log.tmp"), kReplacementSuffix}) {
    if (name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix &&
        ParseSegmentFileName(std::string(name.substr(0, name.size() - suffix.size())) + ".log")) {
      return true;
    }
  }
  return false;
}

// The base offset of "<base>.log.repair".
std::optional<Offset> ParseUnfinished(std::string_view name) {
  if (name.size() <= kRepairSuffix.size() ||
      name.substr(name.size() - kRepairSuffix.size()) != kRepairSuffix) {
    return std::nullopt;
  }
  return ParseSegmentFileName(std::string(name.substr(0, name.size() - kRepairSuffix.size())) +
                              ".log");
}

class PartitionVerifier {
 public:
  PartitionVerifier(Directory& directory, const BootId& boot, const DumpVisitor& visitor)
      : directory_(directory), boot_(boot), visitor_(visitor) {}

  absl::StatusOr<PartitionVerification> Run() && {
    result_.directory = directory_.path();
    const auto bases = ListSegmentBases(directory_);
    if (!bases.ok()) return bases.status();
    if (const auto status = ListOthers(); !status.ok()) return status;
    const auto neighbour = AnyHeader(*bases);
    const PartitionVerification others = result_;
    const Said said = LookAtLast(*bases, [this](Offset base) { return PageOf(base); });
    if (const auto status = VerifyAll(*bases, neighbour, said); !status.ok()) return status;
    // What a damaged header had said can be had back by now, and counts for those before it. A
    // visitor sees everything once, and does not ask what is damage.
    const Said restored = LookAtLast(*bases, [this](Offset base) { return RestoredPageOf(base); });
    if (restored != said && !visitor_) {
      result_ = others;
      if (const auto status = VerifyAll(*bases, neighbour, restored); !status.ok()) return status;
    }
    SegmentSummary* before = nullptr;
    for (SegmentSummary& segment : result_.segments) {
      if (segment.base() != segment.name_base) continue;  // that is said already
      const auto status = before == nullptr ? absl::OkStatus() : CheckFollows(*before, segment);
      if (!status.ok()) return status;
      before = &segment;
    }
    return std::move(result_);
  }

 private:
  struct Said {
    Offset whole;
    Offset boot;
    friend bool operator==(const Said&, const Said&) = default;
  };

  absl::Status VerifyAll(const std::vector<Offset>& bases,
                         const std::optional<frame::SegmentHeader>& neighbour, const Said& said) {
    for (std::size_t i = 0; i < bases.size(); ++i) {
      auto one = VerifyFile({.file = SegmentFileName(bases[i], ".log"),
                             .name_base = bases[i],
                             .bytes = {},
                             .has_next = i + 1 != bases.size(),
                             .was_whole = bases[i] < said.whole,
                             .has_later_of_boot = bases[i] < said.boot,
                             .index = {},
                             .neighbour = neighbour});
      // Retention, or the deletion of the topic, was faster.
      if (absl::IsNotFound(one.status())) continue;
      if (!one.ok()) return one.status();
      result_.segments.push_back(std::move(one->summary));
      result_.issues.insert(result_.issues.end(), one->issues.begin(), one->issues.end());
      for (const auto& [dictionary, offset] : one->dictionaries) {
        result_.dictionaries.try_emplace(dictionary, offset);
      }
    }
    return absl::OkStatus();
  }

  using Mapped = std::unique_ptr<MappedFile>;

  static std::span<const std::byte> BytesOf(const Mapped& mapped) {
    return mapped == nullptr ? std::span<const std::byte>()
                             : std::span<const std::byte>(mapped->data(), mapped->size());
  }

  struct HeaderPage {
    frame::SegmentHeader header;
    frame::CheckpointSlot checkpoint;
  };
  // Nothing if it is damaged.
  std::optional<HeaderPage> PageOf(Offset base) {
    const auto file = directory_.OpenFile(SegmentFileName(base, ".log"), FileMode::kRead);
    if (!file.ok()) return std::nullopt;
    std::array<std::byte, frame::kSegmentHeaderBytes> page{};
    if (!(*file)->ReadAt(0, page).ok()) return std::nullopt;
    const auto header = frame::DecodeSegmentHeader(page);
    if (!header.ok()) return std::nullopt;
    return HeaderPage{*header, frame::LatestCheckpoint(page, header->segment_id, header->capacity)};
  }

  // The same after a verification, also of one that is damaged.
  std::optional<HeaderPage> RestoredPageOf(Offset base) const {
    for (const SegmentSummary& segment : result_.segments) {
      if (segment.name_base != base || !segment.is_readable()) continue;
      return HeaderPage{segment.header, segment.checkpoint};
    }
    return std::nullopt;
  }

  // The header of some segment that has a whole one.
  std::optional<frame::SegmentHeader> AnyHeader(const std::vector<Offset>& bases) {
    for (const Offset base : bases) {
      if (const auto page = PageOf(base)) return page->header;
    }
    return std::nullopt;
  }

  // What the last segments say of those before them, by which recovery goes, too
  // (recover_log.cc): below `whole` they were complete once, and below `boot` a power cut has
  // taken nothing of them.
  template <typename PageAt>
  Said LookAtLast(const std::vector<Offset>& bases, PageAt page_at) {
    for (auto base = bases.rbegin(); base != bases.rend(); ++base) {
      const std::optional<HeaderPage> page = page_at(*base);
      if (!page || page->checkpoint.sequence == 0) continue;
      if (page->checkpoint.boot_id == boot_) return {Offset(page->header.settled_before), *base};
      if (Offset(page->checkpoint.durable_offset) > *base) return {*base, Offset()};
    }
    return {};
  }

  absl::StatusOr<SegmentVerification> VerifyFile(SegmentToVerify segment) {
    const std::string& name = segment.file;
    // Where another process writes, the end moves while we look at it, and so does what seems
    // wrong there. Damage stays.
    std::optional<std::uint64_t> seen_at;
    for (;;) {
      const auto index =
          ReadFile(directory_, SegmentFileName(segment.name_base, ".index"), kMaxIndexBytes);
      segment.index = index.ok() ? std::optional<std::string_view>(*index) : std::nullopt;
      const auto mapped = MapFile(directory_, name);
      if (absl::IsFailedPrecondition(mapped.status())) return NoFile(segment, mapped.status());
      if (!mapped.ok()) return mapped.status();
      segment.bytes = BytesOf(*mapped);
      SegmentVerification one = VerifySegment(segment, boot_, visitor_);
      const auto last_damage =
          std::find_if(one.issues.rbegin(), one.issues.rend(),
                       [](const VerifyIssue& issue) { return issue.is_damage; });
      if (last_damage == one.issues.rend() || visitor_ != nullptr || segment.has_next ||
          seen_at == last_damage->begin_position) {
        return one;
      }
      seen_at = last_damage->begin_position;
    }
  }

  static SegmentVerification NoFile(const SegmentToVerify& segment, const absl::Status& status) {
    SegmentVerification one;
    one.summary.file = segment.file;
    one.summary.name_base = one.summary.end_offset = segment.name_base;
    one.summary.header_state = HeaderState::kNoFile;
    one.summary.damages = 1;
    one.issues.push_back({.file = segment.file,
                          .begin_position = 0,
                          .end_position = 0,
                          .begin_offset = segment.name_base,
                          .end_offset = std::nullopt,
                          .cause = std::string(status.message())});
    return one;
  }

  void Report(const std::string& file, std::string cause) {
    result_.issues.push_back({.file = file,
                              .begin_position = 0,
                              .end_position = 0,
                              .begin_offset = std::nullopt,
                              .end_offset = std::nullopt,
                              .cause = std::move(cause),
                              .is_damage = false});
  }

  absl::Status ListOthers() {
    if (const auto start = ReadLogStart(directory_); absl::IsDataLoss(start.status())) {
      Report(std::string(kLogStartFile),
             "it is damaged and counts for nothing: records that were deleted from the beginning "
             "of the log, and that their segment still holds, can be read again");
    }
    const auto entries = directory_.List();
    if (!entries.ok()) return entries.status();
    for (const DirectoryEntry& entry : *entries) {
      // Those that another one has replaced, too: who writes here next removes them.
      if (!entry.is_directory && ParseSegmentFileName(entry.name)) continue;
      if (!entry.is_directory && IsKnownName(entry.name)) continue;
      const auto base = entry.is_directory ? std::nullopt : ParseUnfinished(entry.name);
      if (!base) {
        Report(entry.name, "it is no file of Daybook's, and is left alone");
        continue;
      }
      Report(entry.name, "a repair was interrupted before it put this copy in place: repair again");
      auto one = VerifyFile({.file = entry.name,
                             .name_base = *base,
                             .bytes = {},
                             .has_next = true,
                             .was_whole = false,
                             .has_later_of_boot = false,
                             .index = {},
                             .neighbour = {}});
      if (!one.ok()) return one.status();
      result_.unfinished.push_back(std::move(one->summary));
    }
    return absl::OkStatus();
  }

  // That `next` goes on where `segment` ends.
  absl::Status CheckFollows(SegmentSummary& segment, const SegmentSummary& next) {
    if (!segment.is_readable()) return absl::OkStatus();
    const Offset end = segment.end_offset;
    const std::uint64_t position = segment.scan.end_position;
    VerifyIssue issue{.file = segment.file,
                      .begin_position = position,
                      .end_position = position,
                      .begin_offset = end,
                      .end_offset = next.name_base,
                      .cause = {},
                      // A power cut leaves a beginning of what was not synced.
                      .is_damage = segment.is_sealed || segment.is_damaged()};
    if (end < next.name_base) {
      issue.cause = absl::StrCat("the segment ends at offset ", end.value(), ", and the next one, ",
                                 next.file, ", begins at ", next.name_base.value(),
                                 segment.is_sealed ? ": a segment between them is missing" : "");
      result_.issues.push_back(std::move(issue));
    } else if (end > next.name_base && next.is_readable()) {
      const auto mapped = MapFile(directory_, segment.file);
      if (!mapped.ok()) return mapped.status();
      segment.overlap = PlaceBefore(BytesOf(*mapped), segment.header, next.name_base);
      issue.begin_position = segment.overlap->position;
      issue.begin_offset = issue.end_offset = std::nullopt;  // they can be read
      issue.cause = absl::StrCat("offsets [", next.name_base.value(), ", ", end.value(),
                                 ") are in the next segment, ", next.file, ", too");
      issue.is_damage = true;
      result_.issues.push_back(std::move(issue));
    }
    return absl::OkStatus();
  }

  Directory& directory_;
  const BootId& boot_;
  const DumpVisitor& visitor_;
  PartitionVerification result_;
};

}  // namespace

absl::StatusOr<PartitionVerification> VerifyPartition(Directory& directory, const BootId& boot,
                                                      const DumpVisitor& visitor) {
  constexpr int kTries = 4;
  for (int tries = 1;; ++tries) {
    const auto before = ListSegmentBases(directory);
    if (!before.ok()) return before.status();
    auto verified = PartitionVerifier(directory, boot, visitor).Run();
    if (!verified.ok() || !verified->has_damage() || visitor != nullptr || tries == kTries) {
      return verified;
    }
    // What seems to be missing may have been made, or dropped, while the directory was listed.
    const auto after = ListSegmentBases(directory);
    if (!after.ok()) return after.status();
    if (*before == *after) return verified;
  }
}

absl::StatusOr<std::vector<std::string>> ListPartitionDirectories(Directory& root) {
  const auto entries = root.List();
  if (!entries.ok()) return entries.status();
  std::vector<std::string> names;
  for (const DirectoryEntry& entry : *entries) {
    if (entry.is_directory && PartitionName::Parse(entry.name)) names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace daybook::inline v1
