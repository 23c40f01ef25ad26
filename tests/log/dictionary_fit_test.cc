#include "log/dictionary_fit.h"

#include <vector>

#include "catch.h"

namespace daybook {
namespace {

// So many of a hundred bytes are left, and of the probe with the dictionary where plain leaves 100.
PackedSizes Window(std::uint64_t packed, std::uint64_t probe) {
  return {.entries = 100, .packed = packed, .probe_packed = probe, .probe_plain = 100};
}

}  // namespace

TEST_CASE("What comes right after a training is measured against the samples, not taken over") {
  DictionaryFit fit;
  fit.Adopt(Window(20, 40));
  CHECK(fit.Note(Window(60, 99), true));
  CHECK(fit.Note(Window(60, 99), true));
}

TEST_CASE("The standard is the best that there was, and does not follow what gets worse") {
  DictionaryFit fit;
  fit.Adopt(Window(30, 40));
  CHECK_FALSE(fit.Note(Window(20, 40), true));
  for (std::uint64_t packed : {21, 22, 23, 24}) CHECK_FALSE(fit.Note(Window(packed, 40), true));
  CHECK(fit.Note(Window(25, 40), true));
}

TEST_CASE("A dictionary that saves no more than plain compression does not fit") {
  DictionaryFit fit;
  fit.Adopt(Window(50, 40));
  CHECK_FALSE(fit.Note(Window(50, 45), true));
  CHECK(fit.Note(Window(50, 50), true));  // the records are small, whatever is in the dictionary
  DictionaryFit of_before;                // found when the topic was opened
  CHECK(of_before.Note(Window(30, 97), true));
  CHECK_FALSE(of_before.Note(Window(30, 60), true));
  CHECK(of_before.Note(Window(30, 80), true));
  CHECK_FALSE(of_before.Note({.entries = 100, .packed = 30}, true));  // nothing was probed
}

TEST_CASE("Records that nothing helps are taken as they are until they change, either way") {
  DictionaryFit fit;
  fit.Adopt(Window(20, 40));
  CHECK(fit.Note(Window(99, 100), true));
  fit.TakeAsIs();
  for (int i = 0; i < 10; ++i) CHECK_FALSE(fit.Note(Window(97, 100), true));
  CHECK(fit.Note(Window(60, 100), true));
  fit.TakeAsIs();
  CHECK(fit.Note(Window(90, 100), true));
  fit.TakeAsIs();
  CHECK_FALSE(fit.Note(Window(20, 40), true));
  CHECK(fit.Note(Window(90, 100), true));  // no longer as they are
}

TEST_CASE("It is tried again from time to time, less and less often") {
  DictionaryFit fit;
  std::vector<int> tries;
  CHECK_FALSE(fit.Note(Window(99, 0), false));
  fit.TakeAsIs();
  for (int window = 1; window <= 1'000; ++window) {
    if (!fit.Note(Window(99, 0), false)) continue;
    tries.push_back(window);
    fit.TakeAsIs();
  }
  CHECK(tries == std::vector<int>{64, 64 + 128, 64 + 128 + 256, 64 + 128 + 256 + 512});
}

}  // namespace daybook
