#include "broker/transactions/id_set.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {

void IdSet::AddRange(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  auto next = ranges_.upper_bound(begin);
  // Memory is taken first or not at all, so nothing is lost where there is none.
  const bool touches = next != ranges_.begin() && std::prev(next)->second >= begin;
  const auto at = touches ? std::prev(next) : ranges_.emplace_hint(next, begin, end);
  at->second = std::max(at->second, end);
  while (next != ranges_.end() && next->first <= at->second) {
    at->second = std::max(at->second, next->second);
    next = ranges_.erase(next);
  }
}

bool IdSet::Contains(std::uint64_t id) const {
  const auto next = ranges_.upper_bound(id);
  return next != ranges_.begin() && id < std::prev(next)->second;
}

std::vector<std::string> IdSet::Encode(std::size_t most_bytes) const {
  std::vector<std::string> pieces(1);
  for (const auto& [begin, end] : ranges_) {
    if (pieces.back().size() >= most_bytes) pieces.emplace_back();
    absl::StrAppend(&pieces.back(), pieces.back().empty() ? "" : ",", begin, "-", end);
  }
  return pieces;
}

std::optional<IdSet> IdSet::Decode(std::string_view text) {
  IdSet set;
  std::uint64_t last = 0;
  const char* at = text.data();
  const char* const stop = at + text.size();
  const auto number = [&](std::uint64_t* value, char behind) {
    const auto [end, error] = std::from_chars(at, stop, *value);
    if (error != std::errc() || (end != stop && *end != behind)) return false;
    at = end == stop ? end : end + 1;
    return true;
  };
  while (at != stop) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    if (!number(&begin, '-') || at == stop || !number(&end, ',')) return std::nullopt;
    if (begin >= end || (!set.empty() && begin <= last)) return std::nullopt;
    set.ranges_[begin] = last = end;
  }
  return set;
}

}  // namespace daybook::inline v1
