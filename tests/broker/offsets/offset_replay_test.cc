#include "broker/offsets/offset_replay.h"

#include <string>
#include <vector>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

const PlaceKey kKey{"g", "t", 0};

// A replay in this boot or after another one, fed with records of any content.
class ReplayFixture {
 public:
  explicit ReplayFixture(const std::string& boot = "now")
      : replay_(boot, Access::Core(*broker_).catalog(), decisions_, undurable_) {}

  absl::Status Apply(const EncodedRecord& record) {
    RecordView view;
    view.offset = Offset(next_++);
    view.key = record.key;
    view.value = std::string_view(record.value);
    return replay_.Apply(view, offsets_);
  }
  absl::Status Open(std::string boot) { return Apply(Encode(OpenRecord{1, std::move(boot)})); }
  absl::Status Decide(std::uint64_t id, std::vector<Participant> where, int places) {
    return Apply(Encode(DecisionRecord{id, places, std::move(where)}));
  }
  absl::Status Commit(std::int64_t offset) {
    std::string buffer;
    const auto value = EncodePlace(Offset(offset), "", &buffer);
    return Apply({EncodePlaceKey(kKey), std::string(value)});
  }
  std::optional<CommittedOffset> Found() const { return offsets_.Find(kKey); }

  BrokerFixture& broker() { return broker_; }
  OffsetReplay& replay() { return replay_; }
  DecisionTable& decisions() { return decisions_; }

 private:
  BrokerFixture broker_;
  DecisionTable decisions_;
  UndurableParticipants undurable_;
  CommittedOffsets offsets_;
  OffsetReplay replay_;
  std::int64_t next_ = 0;
};

}  // namespace

TEST_CASE("Records of this boot count as they stand") {
  ReplayFixture fixture;
  REQUIRE(fixture.Open("now").ok());
  REQUIRE(fixture.Commit(5).ok());
  REQUIRE(fixture.Commit(3).ok());
  REQUIRE(fixture.replay().Finish().ok());
  CHECK(fixture.Found()->offset == Offset(3));
  CHECK_FALSE(fixture.replay().needs_recovery());
  CHECK(fixture.replay().next_epoch() == 2);
}

TEST_CASE("The offsets of a decision come with it: none of them counts before all were read") {
  ReplayFixture fixture;
  const std::uint64_t id = (std::uint64_t{1} << DecisionTable::kEpochShift) + 1;
  REQUIRE(fixture.Open("now").ok());
  REQUIRE(fixture.Decide(id, {}, 1).ok());
  CHECK_FALSE(fixture.Found().has_value());
  REQUIRE(fixture.Commit(9).ok());
  CHECK(fixture.Found()->offset == Offset(9));
  CHECK(fixture.decisions().Of(id) == TransactionTable::Decision::kCommitted);
}

TEST_CASE("A decision whose offsets are missing is damage, and stays so") {
  ReplayFixture fixture;
  REQUIRE(fixture.Open("now").ok());
  REQUIRE(fixture.Decide(1, {}, 2).ok());
  REQUIRE(fixture.Commit(9).ok());
  CHECK(absl::IsDataLoss(fixture.replay().Finish()));
  CHECK(absl::IsDataLoss(fixture.replay().error()));
}

TEST_CASE("A transaction of another boot counts if what it wrote was deleted since") {
  ReplayFixture fixture;
  REQUIRE(fixture.Open("before").ok());
  REQUIRE(fixture.Decide(1, {{.topic = "gone", .partition = 0, .last_frame = Offset(0)}}, 1).ok());
  REQUIRE(fixture.Commit(5).ok());
  REQUIRE(fixture.replay().Finish().ok());
  CHECK(fixture.Found()->offset == Offset(5));
  CHECK(fixture.replay().needs_recovery());
  fixture.replay().SetRecovered();
  CHECK_FALSE(fixture.replay().needs_recovery());
}

TEST_CASE("One whose records a power cut took does not count, nor what was committed behind it") {
  ReplayFixture fixture;
  fixture.broker().MakeTopic("t");
  REQUIRE(fixture.Open("before").ok());
  REQUIRE(fixture.Commit(4).ok());
  REQUIRE(fixture.Decide(1, {{.topic = "t", .partition = 0, .last_frame = Offset(3)}}, 1).ok());
  REQUIRE(fixture.Commit(5).ok());
  REQUIRE(fixture.Commit(6).ok());
  CHECK(fixture.Found()->offset == Offset(4));
  CHECK(fixture.replay().rolled_back_offsets().count(kKey) == 1);
  CHECK(fixture.decisions().Of(1) != TransactionTable::Decision::kCommitted);
}

TEST_CASE("Records of others are counted and passed over") {
  ReplayFixture fixture;
  REQUIRE(fixture.Apply({"whatever", "x"}).ok());
  CHECK(fixture.replay().foreign_records() == 1);
}

}  // namespace daybook
