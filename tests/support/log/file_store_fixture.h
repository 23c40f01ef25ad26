#ifndef DAYBOOK_SUPPORT_LOG_FILE_STORE_FIXTURE_H_
#define DAYBOOK_SUPPORT_LOG_FILE_STORE_FIXTURE_H_

#include <memory>

#include "log/store/file_store.h"
#include "support/log_fixture.h"

namespace daybook {

// The store of the process that opens a log after it was written and its process killed, without
// the log around it.
class FileStoreFixture {
 public:
  explicit FileStoreFixture(int records = 0) {
    log_.WriteMany(records);
    log_.Kill();
    store_ = std::make_unique<FileStore>(log_.context(), PartitionName("orders", 0),
                                         LogFixture::kSegmentBytes / 4, counters_,
                                         [this](const RecoveredLog& log) {
                                           ++recoveries_;
                                           has_active_ = log.active != nullptr;
                                         });
  }

  FileStore& store() { return *store_; }
  LogFixture& log() { return log_; }
  int recoveries() const { return recoveries_; }
  bool has_active() const { return has_active_; }  // what the recovery said
  // What is left of the log when the power is cut.
  Offset EndAfterPowerCut() {
    store_.reset();
    log_.CutPower(1);
    return log_.end();
  }

 private:
  LogFixture log_;
  RecoveryCounters counters_;
  int recoveries_ = 0;
  bool has_active_ = false;
  std::unique_ptr<FileStore> store_;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_LOG_FILE_STORE_FIXTURE_H_
