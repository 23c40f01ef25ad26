#ifndef DAYBOOK_TORTURE_DISK_POWER_CUT_H_
#define DAYBOOK_TORTURE_DISK_POWER_CUT_H_

#include <cstdint>
#include <random>

#include "base/mutex.h"
#include "daybook/system/simulated_file_system.h"
#include "torture/model.h"

namespace daybook::torture {

// True for what changes a disk: between two of these, all moments are alike.
bool Changes(SimulatedFileSystem::Operation operation);

// Cuts the power of a simulated disk whenever it is asked to, checks what is left against a model,
// now and then cuts the recovery of that, too, and opens it twice: the second time nothing changes.
// Any thread.
class PowerCutter {
 public:
  // In large files not at every change, and the less often the more there is.
  PowerCutter(Shape shape, const Model& model, std::uint64_t seed, Tally& tally);

  void Cut(const SimulatedFileSystem& disk);
  // From now on at each change of the disk.
  void CutAtChanges(SimulatedFileSystem& disk);

  std::int64_t cuts() const { return cuts_; }

 private:
  void CutAgain(SimulatedFileSystem& left, const std::vector<std::size_t>& together);

  const Model& model_;
  Mutex mutex_;
  std::mt19937_64 random_;
  Tally& tally_;
  const std::uint64_t least_price_;
  std::int64_t cuts_ = 0;
};

// A random workload on a simulated disk, cut at each of its changes. Goes on, after some steps, on
// what such a cut left. Returns how many cuts there were.
std::int64_t RunPowerCutCase(Shape shape, std::uint64_t seed, Tally& tally);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_DISK_POWER_CUT_H_
