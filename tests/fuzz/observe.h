#ifndef DAYBOOK_FUZZ_OBSERVE_H_
#define DAYBOOK_FUZZ_OBSERVE_H_

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/broker.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook::fuzz {

// Opens kDataDirectory without threads, and with a clock that stands still.
absl::StatusOr<std::unique_ptr<Broker>> OpenBroker(SimulatedFileSystem& disk, BrokerAccess access);

// All that can be read from a broker, as lines that can be compared: settings, ranges, records (by
// their hash), damage, groups and their places. Reads everything forwards and backwards, and
// expects of it what holds whatever the files hold: offsets within their range and in order, typed
// errors, both directions of one mind, and an end. Of topics in memory nothing: they are gone when
// the broker is closed. Of topics with many partitions only the first ones, and of partitions with
// many records the first of them.
//
// Of a partition in which frames contradict each other, with checksums that are right, there is one
// line that says so: whoever forges such is told of no more than he wrote. `forged` are those that
// are known for it ("t-0"), others are seen to be.
std::vector<std::string> Observe(Broker& broker, const std::set<std::string>& forged = {});

// Whether a partition ("t-0") is forged, by these lines.
bool IsForged(const std::vector<std::string>& lines, std::string_view partition);

// The first line that is in `lines` and not in `others`; empty if there is none.
std::string MissingFrom(const std::vector<std::string>& others,
                        const std::vector<std::string>& lines);

// That both are the same lines in the same order.
void ExpectSame(const std::vector<std::string>& before, const std::vector<std::string>& after,
                std::string_view when);

inline constexpr int kObservedPartitions = 4;

}  // namespace daybook::fuzz

#endif  // DAYBOOK_FUZZ_OBSERVE_H_
