#include "consumer/run/attempt.h"

#include <stdexcept>

#include "catch.h"

namespace daybook {

using std::chrono::milliseconds;

TEST_CASE("What a handler throws is its status") {
  CHECK(CallHandler([] { return absl::OkStatus(); }).ok());
  CHECK(absl::IsNotFound(CallHandler([] { return absl::NotFoundError("no such user"); })));
  const absl::Status thrown =
      CallHandler([]() -> absl::Status { throw std::runtime_error("out of paper"); });
  CHECK(absl::IsUnknown(thrown));
  CHECK(thrown.message() == "the handler threw: out of paper");
  CHECK(absl::IsUnknown(CallHandler([]() -> absl::Status { throw 42; })));
}

TEST_CASE(
    "What is thrown by those who are told of failures and damage is a status that names them") {
  RunOptions options;
  CHECK(TellOfFailure(options, {}, absl::OkStatus(), 1).ok());
  CHECK(TellOfDamage(options, {}, absl::OkStatus()).ok());
  options.on_failure = [](const RecordView&, const absl::Status&, int) {
    throw std::runtime_error("no log");
  };
  options.on_damage = [](const DamagedRange&, const absl::Status&) { throw 42; };
  CHECK(TellOfFailure(options, {}, absl::OkStatus(), 1) ==
        absl::UnknownError("RunOptions::on_failure threw: no log"));
  CHECK(TellOfDamage(options, {}, absl::OkStatus()) ==
        absl::UnknownError("RunOptions::on_damage threw something that is no std::exception"));
}

TEST_CASE("Why a record ends Run is said with its place") {
  RecordView record;
  record.topic = "t";
  record.partition = 3;
  record.offset = Offset(7);
  const absl::Status cause = absl::NotFoundError("no such user");
  CHECK(RetriesExhausted(record, cause, 5) ==
        absl::NotFoundError("t-3, offset 7 failed 5 times; set dead_letter_topic to go on without "
                            "it. The last time: no such user"));
  CHECK(DeadLetterFailed(record, "dead", absl::InvalidArgumentError("too large")) ==
        absl::InvalidArgumentError(
            "t-3, offset 7 cannot be put into the dead-letter topic dead: too large"));
}

TEST_CASE("The backoff doubles up to its limit") {
  const RetryOptions options{.initial_backoff = milliseconds(100),
                             .max_backoff = milliseconds(1500)};
  const int expected[] = {100, 200, 400, 800, 1500, 1500};
  for (int failures = 1; failures <= 6; ++failures) {
    CHECK(Backoff(options, failures, 0) == milliseconds(expected[failures - 1]));
  }
  CHECK(Backoff(options, 2'000'000'000, 0) == milliseconds(1500));
  const RetryOptions none{.initial_backoff = milliseconds(0), .max_backoff = milliseconds(0)};
  CHECK(Backoff(none, 1'000'000, 0) == milliseconds(0));
  const RetryOptions most{.initial_backoff = milliseconds(1),
                          .max_backoff = std::chrono::hours(1'000'000)};
  CHECK(Backoff(most, 1000, 0) == std::chrono::hours(1'000'000));
}

TEST_CASE("Jitter shortens the backoff by a random part") {
  const RetryOptions options{.jitter = 0.5};
  CHECK(Backoff(options, 1, 0) == milliseconds(100));
  CHECK(Backoff(options, 1, std::uint64_t{1} << 63) == milliseconds(75));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto backoff = Backoff(options, 1, i * 0x9e37'79b9'7f4a'7c15);
    CHECK(backoff >= milliseconds(50));
    CHECK(backoff <= milliseconds(100));
  }
}

}  // namespace daybook
