#include "broker/offsets/undurable_participants.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {

void UndurableParticipants::Note(const Participant& one) {
  Offset& last = last_frames_[LostTransactions::KeyOf(one)];
  last = std::max(last, one.last_frame);
}

void UndurableParticipants::Remove(const UndurableParticipants& others) {
  std::erase_if(last_frames_, [&](const auto& one) {
    const auto other = others.last_frames_.find(one.first);
    return other != others.last_frames_.end() && other->second == one.second;
  });
}

absl::Status UndurableParticipants::WaitDurable(Catalog& catalog, Time deadline) const {
  for (const auto& [key, last_frame] : last_frames_) {
    const auto log = LostTransactions::LogOf(catalog, key);
    if (!log.ok()) return log.status();
    if (*log == nullptr) continue;
    const auto end = (*log)->end_offset();
    if (!end.ok()) return end.status();
    // Of a topic whose id is not known it may be another one's.
    if (last_frame >= *end && key.topic_id != 0) {
      return absl::UnavailableError(absl::StrCat(
          (*log)->name().directory(), ": a transaction wrote at ", last_frame.value(),
          ", and something before that is not committed yet; what it has decided is kept"));
    }
    if (auto status = (*log)->WaitDurable(*end, deadline); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
