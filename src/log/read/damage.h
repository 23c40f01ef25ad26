#ifndef DAYBOOK_LOG_READ_DAMAGE_H_
#define DAYBOOK_LOG_READ_DAMAGE_H_

#include <string_view>

#include "absl/status/status.h"
#include "daybook/damage.h"

namespace daybook::inline v1 {

// The DataLoss of which DamageOf gives `range` back.
absl::Status DamageError(const DamagedRange& range, std::string_view message);
// `status`, so that DamageOf gives `range` back.
absl::Status WithRange(absl::Status status, const DamagedRange& range);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_READ_DAMAGE_H_
