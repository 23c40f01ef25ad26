#include "log/store/replace_segments.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "io/atomic_replace.h"
#include "log/check/segment_verifier.h"
#include "segment/partition_name.h"

namespace daybook::inline v1 {

absl::Status CheckReplacement(Directory& directory, const Replacement& replacement,
                              const BootId& boot) {
  const std::string file = replacement.file();
  const auto mapped = MapFile(directory, file);
  if (!mapped.ok()) return mapped.status();
  SegmentToVerify segment;
  segment.file = file;
  segment.name_base = replacement.begin;
  if (*mapped != nullptr) segment.bytes = {(*mapped)->data(), (*mapped)->size()};
  const SegmentVerification found = VerifySegment(segment, boot, nullptr);
  const SegmentSummary& summary = found.summary;
  std::string why;
  if (!found.issues.empty()) {
    why = found.issues.front().cause;
  } else if (summary.header.segment_id != replacement.segment_id) {
    why = "it has another id than was said";
  } else if (!summary.is_sealed) {
    why = "it is not sealed";
  } else if (summary.end_offset != replacement.end) {
    why = absl::StrCat("it ends at offset ", summary.end_offset.value(), ", and they at ",
                       replacement.end.value());
  } else if (Offset(summary.checkpoint.durable_offset) != replacement.end) {
    why = "it is not durable";
  }
  if (why.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(directory.path(), "/", file, " cannot take the place of others: ", why));
}

absl::Status PutInPlace(Directory& directory, const Replacement& replacement, bool* is_in_place) {
  *is_in_place = false;
  const auto marker = directory.OpenFile(replacement.marker(), FileMode::kCreate);
  if (!marker.ok() && !absl::IsAlreadyExists(marker.status())) return marker.status();
  absl::Status status = directory.Sync();
  // Hints of the segment that had the name are none of this one.
  for (const std::string_view suffix : {".index", ".producers"}) {
    if (!status.ok()) break;
    status = RemoveIfThere(directory, SegmentFileName(replacement.begin, suffix));
  }
  if (status.ok()) {
    status = directory.Rename(replacement.file(), SegmentFileName(replacement.begin, ".log"));
    *is_in_place = status.ok();
    if (status.ok()) return directory.Sync();
    const auto looked = replacement.IsInPlace(directory);  // it may be, though it failed
    if (!looked.ok()) return status;                       // the marker does no harm
    *is_in_place = *looked;
  }
  if (!*is_in_place) RemoveIfThere(directory, replacement.marker()).IgnoreError();
  return status;
}

absl::Status RemoveReplaced(Directory& directory, const Replacement& replacement) {
  const auto entries = directory.List();
  if (!entries.ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    const auto base = ParseSegmentFileName(entry.name);
    if (!base || *base <= replacement.begin || *base >= replacement.end) continue;
    if (const auto status = RemoveSegmentFiles(directory, *base); !status.ok()) return status;
  }
  if (const auto status = directory.Sync(); !status.ok()) return status;
  return RemoveIfThere(directory, replacement.marker());
}

absl::StatusOr<bool> FinishReplacements(Directory& directory,
                                        const std::vector<DirectoryEntry>& entries) {
  bool has_changed = false;
  for (const DirectoryEntry& entry : entries) {
    const auto replacement = Replacement::ParseMarker(entry.name);
    if (!replacement) continue;
    has_changed = true;
    const auto in_place = replacement->IsInPlace(directory);
    if (!in_place.ok()) return in_place.status();
    absl::Status status;
    if (*in_place) {
      status = directory.Sync();  // the step, which may not be durable yet
      if (status.ok()) status = RemoveReplaced(directory, *replacement);
    } else {
      status = RemoveIfThere(directory, entry.name);
    }
    if (!status.ok()) return status;
  }
  for (const DirectoryEntry& entry : entries) {
    if (entry.is_directory || !entry.name.ends_with(kReplacementSuffix)) continue;
    has_changed = true;
    if (const auto status = RemoveIfThere(directory, entry.name); !status.ok()) return status;
  }
  return has_changed;
}

}  // namespace daybook::inline v1
