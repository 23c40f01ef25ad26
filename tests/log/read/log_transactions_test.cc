#include "log/read/log_transactions.h"

#include <limits>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

using Decision = LogTransactions::Decision;

// The frame of transaction 7, as it stands in a log.
struct FrameFixture {
  FrameFixture() {
    const Record record{.value = "paid"};
    REQUIRE(log.log().AppendTransactional({&record, 1}, 7).ok());
    log.transactions().Commit(7);
    cursor.offset = Offset(0);
    REQUIRE(log.log().Read(cursor, {.max_records = 0}).ok());
  }
  const std::byte* frame() const { return cursor.segment->At(frame::kSegmentHeaderBytes); }

  LogFixture log;
  Cursor cursor{};
};

}  // namespace

TEST_CASE("A transactional frame counts as its transaction was decided") {
  FrameFixture fixture;
  FakeTransactions table;
  LogContext context;
  context.transactions = &table;
  LogTransactions transactions(context, false);
  CHECK(transactions.Of(fixture.frame()) == Decision::kUndecided);
  table.Abort(7);
  CHECK(transactions.Of(fixture.frame()) == Decision::kAborted);
  table.Commit(7);
  CHECK(transactions.At(*fixture.cursor.segment, frame::kSegmentHeaderBytes) ==
        Decision::kCommitted);
}

TEST_CASE("Without anybody who knows, every frame counts; in an internal log none does") {
  FrameFixture fixture;
  LogContext context;
  CHECK(LogTransactions(context, false).Of(fixture.frame()) == Decision::kCommitted);
  FakeTransactions table;
  context.transactions = &table;
  CHECK(LogTransactions(context, true).Of(fixture.frame()) == Decision::kAborted);
}

TEST_CASE("The first undecided record is known until its transaction is decided") {
  FakeTransactions table;
  LogContext context;
  context.transactions = &table;
  LogTransactions transactions(context, false);
  const Offset none(std::numeric_limits<std::int64_t>::max());
  CHECK(transactions.FirstUndecided() == none);
  LogTransactions::Prepared frame;
  frame.push_back({.first = Offset(), .id = 7});
  transactions.Note(Offset(3), std::move(frame));
  CHECK(transactions.FirstUndecided() == Offset(3));
  table.Abort(7);
  CHECK(transactions.FirstUndecided() == none);
}

}  // namespace daybook
