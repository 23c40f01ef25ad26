#ifndef DAYBOOK_IO_ATOMIC_REPLACE_H_
#define DAYBOOK_IO_ATOMIC_REPLACE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

// Where AtomicReplace writes first if nothing else is said. The tilde is in no name of a topic.
inline constexpr std::string_view kReplaceTemporary = "~replace";

// Makes `name` hold `bytes`, or leaves it as it was: never something between, whatever happens.
// Durable when it returns OK. One call at a time in a directory with the same `temporary`, where
// it writes first.
absl::Status AtomicReplace(Directory& directory, std::string_view name,
                           std::span<const std::byte> bytes,
                           std::string_view temporary = kReplaceTemporary);

// All of a file. FailedPrecondition if it is longer than `max_bytes`: it is not what it should be.
absl::StatusOr<std::string> ReadFile(Directory& directory, std::string_view name,
                                     std::size_t max_bytes);

// All of a file, mapped to be read, in whole units of 8 bytes; null if it is empty.
absl::StatusOr<std::unique_ptr<MappedFile>> MapFile(Directory& directory, std::string_view name);

// NotFound is what is wanted.
absl::Status RemoveIfThere(Directory& directory, std::string_view name);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_ATOMIC_REPLACE_H_
