#include "fuzz/fuzz_target.h"
#include "fuzz/repair.h"

namespace daybook::fuzz {

const std::vector<Target>& Targets() {
  static const std::vector<Target> targets = {
      {.name = "segment", .run = FuzzSegment, .mutator = MutateSegment},
      {.name = "segment_header", .run = FuzzSegmentHeader, .mutator = MutateSegmentHeader},
      {.name = "batch", .run = FuzzBatch},
      {.name = "offset_index", .run = FuzzOffsetIndex, .mutator = MutateOffsetIndex},
      {.name = "properties", .run = FuzzProperties, .mutator = MutateProperties},
      {.name = "offset_store", .run = FuzzOffsetStore},
      {.name = "directory", .run = FuzzDirectory, .mutator = MutateDirectory},
      {.name = "operations", .run = FuzzOperations},
      {.name = "command_line", .run = FuzzCommandLine},
  };
  return targets;
}

}  // namespace daybook::fuzz
