#ifndef DAYBOOK_IO_ANONYMOUS_MEMORY_H_
#define DAYBOOK_IO_ANONYMOUS_MEMORY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

// Zeroed memory of this process alone, in huge pages where the kernel has some. It takes up real
// memory as it is touched. ResourceExhausted: out of address space or maps.
absl::StatusOr<std::unique_ptr<MappedFile>> MapAnonymous(std::uint64_t bytes);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_ANONYMOUS_MEMORY_H_
