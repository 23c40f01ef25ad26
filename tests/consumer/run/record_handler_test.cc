#include "consumer/run/record_handler.h"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "broker/access.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

using Kind = KeyedExecutor::AttemptResult::Kind;
using std::chrono::milliseconds;

// A handler with two attempts that fails as the test says.
class HandlerFixture {
 public:
  explicit HandlerFixture(Guarantee guarantee = Guarantee::kAtLeastOnce,
                          const DeadLetters* dead_letters = nullptr)
      : records_({.guarantee = guarantee,
                  .options = options_,
                  .handler = handler_,
                  .dead_letters = dead_letters,
                  .on_error = [this] { ++errors_; }}) {}

  RecordHandler* operator->() { return &records_; }
  RunOptions& options() { return options_; }
  int errors() const { return errors_; }
  int calls() const { return calls_; }
  LaneMode mode() const { return mode_.load(); }

  KeyedExecutor::AttemptResult Attempt(int attempt, absl::Status status) {
    status_ = std::move(status);
    RecordView record;
    record.topic = "t";
    record.value = "v";
    return records_.Attempt({.record = record, .mode = &mode_}, attempt);
  }

 private:
  absl::Status status_;
  int calls_ = 0;
  int errors_ = 0;
  std::atomic<LaneMode> mode_{LaneMode::kRun};
  RunOptions options_{.retries = {.max_attempts = 2,
                                  .initial_backoff = milliseconds(100),
                                  .max_backoff = milliseconds(100)},
                      .dead_letter_topic = "dead"};
  const Handler handler_ = [this](const RecordView&) {
    ++calls_;
    return status_;
  };
  RecordHandler records_;
};

const absl::Status kBroken = absl::InternalError("broken");

}  // namespace

TEST_CASE("A record that is handled is finished") {
  HandlerFixture handler;
  CHECK(handler.Attempt(1, absl::OkStatus()).kind == Kind::kFinished);
  CHECK(handler.calls() == 1);
  CHECK_FALSE(handler->has_failed());
  CHECK(handler->failure().ok());
}

TEST_CASE("A record that fails is tried again after its backoff") {
  HandlerFixture handler;
  const auto result = handler.Attempt(1, kBroken);
  CHECK(result.kind == Kind::kRetry);
  CHECK(result.backoff > milliseconds(0));
  CHECK(result.backoff <= milliseconds(200));
  CHECK_FALSE(handler->has_failed());
  CHECK(handler.mode() == LaneMode::kRun);
}

TEST_CASE("The last failure of a record ends the Run and what comes behind it") {
  HandlerFixture handler;
  CHECK(handler.Attempt(2, kBroken).kind == Kind::kUnfinished);
  CHECK(handler->has_failed());
  CHECK(absl::IsInternal(handler->failure()));
  CHECK(handler.errors() == 1);
  CHECK(handler.mode() == LaneMode::kDrop);
}

TEST_CASE("What is committed has one attempt, and what comes behind it is handled") {
  HandlerFixture handler(Guarantee::kAtMostOnce);
  CHECK(handler.Attempt(1, kBroken).kind == Kind::kUnfinished);
  CHECK(handler->has_failed());
  CHECK(handler.mode() == LaneMode::kRun);
}

TEST_CASE("A dead letter finishes its record") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  const DeadLetters letters =
      DeadLetters::Open(*Access::SharedCore(*broker), "dead", {"t"}).value();
  HandlerFixture handler(Guarantee::kAtLeastOnce, &letters);
  CHECK(handler.Attempt(1, kBroken).kind == Kind::kRetry);
  CHECK(handler.Attempt(2, kBroken).kind == Kind::kFinished);
  CHECK(broker.Values("dead") == std::vector<std::string>{"v"});
  CHECK_FALSE(handler->has_failed());

  REQUIRE(broker->DeleteTopic("dead").ok());
  CHECK(handler.Attempt(2, kBroken).kind == Kind::kUnfinished);
  CHECK(absl::IsNotFound(handler->failure()));
}

TEST_CASE("Each failure is told of, and what that throws ends the Run") {
  HandlerFixture handler;
  std::vector<int> told;
  handler.options().on_failure = [&](const RecordView&, const absl::Status&, int attempt) {
    told.push_back(attempt);
    if (attempt == 2) throw 42;
  };
  CHECK(handler.Attempt(1, kBroken).kind == Kind::kRetry);
  CHECK(handler.Attempt(2, kBroken).kind == Kind::kUnfinished);
  CHECK(told == std::vector<int>{1, 2});
  CHECK(absl::IsUnknown(handler->failure()));
}

TEST_CASE("The first error is the one that the Run ends with") {
  HandlerFixture handler;
  handler->Fail(absl::NotFoundError("first"));
  handler->Fail(absl::InternalError("second"));
  CHECK(absl::IsNotFound(handler->failure()));
  CHECK(handler.errors() == 2);  // each wakes the member
}

}  // namespace daybook
