#ifndef DAYBOOK_BENCH_SUITES_H_
#define DAYBOOK_BENCH_SUITES_H_

#include <cstddef>
#include <string>

#include "harness.h"

// One function for each topology; bench/README.md says what each measures. They are put in order
// by AllSuites (main.cc).

namespace daybook::bench {

enum class AppendMode { kAppend, kClaim };

Suite AppendSuite(const RowName& row, AppendMode mode, std::size_t value_bytes);
Suite AppendPartsSuite();
Suite FourThreadsSuite();
Suite BatchSuite();
Suite ScanSuite();
Suite SeekOffsetSuite();
Suite SeekTimeSuite();
Suite OneToOneSuite(const std::string& name, std::size_t value_bytes);
Suite HotAppendSuite(const std::string& name, std::size_t value_bytes);
Suite HotOneToOneSuite(const std::string& name, std::size_t value_bytes);
Suite PingPongSuite();
Suite LatencySuite();
Suite GroupCommitSuite();
Suite OpenAfterKillSuite();
Suite OpenManySuite();
Suite CompressionSuite();
Suite OverheadSuite();
Suite CommitOffsetSuite();
Suite TransactionSuite();
Suite RebalanceSuite();
Suite GroupRunSuite();
Suite FollowIdleSuite();
Suite TableViewSuite();
Suite RetentionSuite();

// Adds the stages behind AppendPartsSuite to Google Benchmark's list. Before that suite is run.
void RegisterAppendStages(const Settings& settings);

// One round of a limit or of an append, for suites that compare with it: seconds per record.
double AppendSeconds(const Settings& settings, AppendMode mode, std::size_t value_bytes);
double CopySeconds(const Settings& settings, std::size_t value_bytes);

}  // namespace daybook::bench

#endif  // DAYBOOK_BENCH_SUITES_H_
