#include "log/store/replace_segments.h"

#include <string>
#include <vector>

#include "catch.h"
#include "support/log/replaced_log.h"

namespace daybook {

TEST_CASE_METHOD(ReplacedLog, "What cannot be replaced is left as it is, and why is said") {
  const auto refused = [&](const Replacement& replacement, const std::string& why) {
    const auto status = log().ReplaceSegments(replacement);
    INFO(status);
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(std::string(status.message()).find(why) != std::string::npos);
  };
  const std::vector<std::string> before = Segments();
  const Replacement good = Prepare(1, 3);
  refused({good.begin, good.end, 1}, "another id");
  refused({good.begin, Base(4), good.segment_id}, "ends at offset");
  refused({good.begin, good.end + 1, good.segment_id}, "no offsets at which segments begin");
  refused({good.begin + 1, good.end, good.segment_id}, "no offsets at which segments begin");
  const std::size_t count = before.size();
  refused({Base(count - 1), end(), 1}, "no offsets at which segments begin");  // it takes appends
  Corrupt(good.file(), frame::kSegmentHeaderBytes + 40);
  refused(good, "cannot take the place");
  CHECK(Segments() == before);
  CHECK(Values().size() == 4'000);
}

TEST_CASE("A crash at any step of a replacement leaves the old segments or the new one") {
  bool was_old = false;
  bool was_new = false;
  for (int step = 0; step < 40; ++step) {
    for (const bool is_power_cut : {false, true}) {
      ReplacedLog log;
      const Replacement replaced = log.Prepare(1, 4);
      int left = step;
      log.disk().SetHook([&left](SimulatedFileSystem::Operation, const std::string&) {
        return --left < 0 ? absl::UnavailableError("the process is dead") : absl::OkStatus();
      });
      log.log().ReplaceSegments(replaced).IgnoreError();
      log.disk().SetHook(nullptr);
      // Before anybody has recovered.
      if (!is_power_cut) {
        CHECK(log.Issues() == std::vector<std::string>());
        REQUIRE(log.Follow()->end_offset().value() == Offset(4'000));
      }
      is_power_cut ? log.CutPower(static_cast<std::uint64_t>(step)) : log.Kill();
      const std::size_t values = log.Values().size();
      INFO(step << " " << is_power_cut);
      if (values == 4'000) {
        was_old = true;
      } else {
        was_new = true;
        log.CheckReads(log.log(), replaced);
      }
      CHECK(log.Issues() == std::vector<std::string>());
      for (const std::string& file : log.disk().Files()) {
        INFO(file);
        CHECK(file.find(".replaced") == std::string::npos);
        CHECK(file.find(".cleaned") == std::string::npos);
      }
    }
  }
  CHECK(was_old);
  CHECK(was_new);
}

TEST_CASE_METHOD(ReplacedLog, "A replacement that was never put in place is removed at the open") {
  const Replacement replacement = Prepare(1, 3);
  REQUIRE(directory()->OpenFile(replacement.marker(), FileMode::kCreate).ok());
  Kill();
  CHECK(Values().size() == 4'000);
  CHECK_FALSE(HasFile(replacement.file()));
  CHECK_FALSE(HasFile(replacement.marker()));
}

}  // namespace daybook
