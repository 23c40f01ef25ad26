#include "segment/prepared_file.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/page.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {
namespace {

constexpr std::size_t kLargestPageIn = std::size_t{128} << 10;
// Never written, so the kernel has one page for all of it, which stays in the first-level cache. A
// constant would be read from the program's file instead.
alignas(kPageBytes) std::array<std::byte, kLargestPageIn> zeros;

}  // namespace

std::uint64_t MayTake(File& file, std::uint64_t share) {
  const auto free = file.FreeBytes();
  return free.ok() ? *free / share / kPageBytes * kPageBytes : 0;
}

bool PageInStep(File& file, std::uint64_t size, std::uint64_t end, std::uint64_t* paged_in) {
  size = std::min({size, std::uint64_t{kLargestPageIn}, end - *paged_in});
  if (!file.WriteAt(*paged_in, std::span(zeros).first(size)).ok()) return false;
  *paged_in += size;
  return true;
}

void MapPages(MappedFile& map, std::uint64_t begin, std::uint64_t end) {
  // By a write that changes nothing, and that compilers do not take for a read, as an `or` of 0.
  for (; begin < end; begin += kPageBytes) {
    auto& word = *reinterpret_cast<std::uint32_t*>(map.data() + begin);
    std::uint32_t zero = 0;
    std::atomic_ref(word).compare_exchange_strong(zero, 0, std::memory_order_relaxed);
  }
}

absl::StatusOr<PreparedFile> MakeFile(Directory& directory, const NewFile& wanted) {
  auto file = directory.OpenFile(wanted.name, FileMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {  // left over from a crash
    if (const auto removed = directory.RemoveFile(wanted.name); !removed.ok()) return removed;
    file = directory.OpenFile(wanted.name, FileMode::kCreate);
  }
  if (!file.ok()) return file.status();
  absl::Status status;
  if (wanted.share != 0 && MayTake(**file, wanted.share) < wanted.bytes) {
    status = absl::ResourceExhaustedError(absl::StrCat(directory.path(), "/", wanted.name,
                                                       ": there is too little free space for ",
                                                       wanted.bytes, " bytes ahead of need"));
  } else {
    status = (*file)->Allocate(wanted.bytes);
  }
  if (status.ok()) {
    auto map = (*file)->Map(wanted.capacity, MapAccess::kReadWrite);
    if (map.ok()) {
      PreparedFile made{.file = *std::move(file),
                        .map = *std::move(map),
                        .file_bytes = wanted.bytes,
                        .name = wanted.name};
      const SegmentSteps& steps = wanted.steps;
      const std::uint64_t until = wanted.page_in ? std::min(steps.page_in_lead, wanted.bytes) : 0;
      while (made.paged_in < until) {
        if (!PageInStep(*made.file, steps.page_in, wanted.bytes, &made.paged_in)) break;
      }
      if (wanted.maps) MapPages(*made.map, 0, made.paged_in);
      return made;
    }
    status = map.status();
  }
  if (IsPlanted(PlantedBug::kLeavesHalfMadeFile)) return status;
  directory.RemoveFile(wanted.name).IgnoreError();
  return status;
}

absl::StatusOr<PreparedFile> PrepareFile(Directory& directory, const PrepareOptions& options) {
  return MakeFile(directory, {.name = std::string(kPreparedFile),
                              .bytes = options.bytes,
                              .capacity = options.capacity,
                              .share = options.is_reserve ? 1 : kShareAhead,
                              .page_in = options.page_in,
                              .maps = options.maps,
                              .steps = options.steps});
}

void RemovePreparedFile(Directory& directory) {
  directory.RemoveFile(kPreparedFile).IgnoreError();  // there may be none
}

}  // namespace daybook::inline v1
