#ifndef DAYBOOK_FUZZ_FAULTY_DISK_H_
#define DAYBOOK_FUZZ_FAULTY_DISK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook::fuzz {

// A simulated disk on which the power goes, and operations fail, after as many more operations as
// was said. Only while it is armed; nothing but a full disk goes on when it is replaced.
class FaultyDisk {
 public:
  // Within an operation: the power goes now (see Cut); a sync has failed.
  FaultyDisk(std::function<void()> on_cut, std::function<void()> on_failed_sync)
      : on_cut_(std::move(on_cut)), on_failed_sync_(std::move(on_failed_sync)) {}

  SimulatedFileSystem& operator*() { return *disk_; }
  SimulatedFileSystem* operator->() { return disk_.get(); }

  void Arm() {
    disk_->SetHook([this](SimulatedFileSystem::Operation operation, const std::string&) {
      if (cut_in_ != 0 && --cut_in_ == 0) on_cut_();
      if (fail_in_ == 0 || --fail_in_ != 0) return absl::OkStatus();
      has_failed_ = true;
      if (operation == SimulatedFileSystem::Operation::kSync) on_failed_sync_();
      return fails_full_ ? absl::ResourceExhaustedError("no space left, as the fuzzer likes")
                         : absl::DataLossError("an I/O error, as the fuzzer likes");
    });
  }
  void Disarm() {
    fail_in_ = cut_in_ = 0;
    disk_->SetHook(nullptr);
  }
  // 0: not. `again_in`: counted in the recovery.
  void CutIn(std::size_t operations, std::size_t again_in) {
    cut_in_ = operations;
    cut_again_in_ = again_in;
  }
  void FailIn(std::size_t operations, bool as_full) {
    fail_in_ = operations;
    fails_full_ = as_full;
  }
  void UseSeed(std::uint64_t seed) { seed_ = seed; }
  void SetFull(bool is_full) {
    is_full_ = is_full;
    disk_->SetCapacity(is_full ? 0 : ~std::uint64_t{0});
  }
  bool is_full() const { return is_full_; }
  // Some operation, since it was replaced.
  bool has_failed() const { return has_failed_; }

  // Goes on with what is left, not armed and not full.
  void Replace(std::unique_ptr<SimulatedFileSystem> left) {
    disk_ = std::move(left);
    SetFull(false);
    has_failed_ = false;
  }
  // What the power leaves if it goes now; `again`: if it goes once more while that is recovered.
  std::unique_ptr<SimulatedFileSystem> Cut(std::unique_ptr<SimulatedFileSystem>* again) {
    auto left = disk_->CutPower(seed_);
    left->SetHook(
        [this, again, disk = left.get()](SimulatedFileSystem::Operation, const std::string&) {
          if (cut_again_in_ != 0 && --cut_again_in_ == 0) *again = disk->CutPower(seed_ + 1);
          return absl::OkStatus();
        });
    return left;
  }

 private:
  const std::function<void()> on_cut_;
  const std::function<void()> on_failed_sync_;
  std::unique_ptr<SimulatedFileSystem> disk_ = std::make_unique<SimulatedFileSystem>();
  std::size_t cut_in_ = 0;
  std::size_t cut_again_in_ = 0;
  std::size_t fail_in_ = 0;
  std::uint64_t seed_ = 0;
  bool fails_full_ = false;
  bool has_failed_ = false;
  bool is_full_ = false;
};

}  // namespace daybook::fuzz

#endif  // DAYBOOK_FUZZ_FAULTY_DISK_H_
