#include "broker/offsets/committed_offsets.h"

#include "catch.h"

namespace daybook {
namespace {

const PlaceKey kOrders{"billing", "orders", 0};
const PlaceKey kPayments{"billing", "payments", 2};
const PlaceKey kOther{"audit", "orders", 0};

PlaceRecord At(const PlaceKey& key, std::int64_t offset) {
  return {.key = key, .offset = Offset(offset), .metadata = "m"};
}

}  // namespace

TEST_CASE("The last record of a key says what is committed, a tombstone that nothing is") {
  CommittedOffsets offsets;
  CHECK_FALSE(offsets.Find(kOrders).has_value());
  offsets.Set(At(kOrders, 5), Timestamp());
  offsets.Set(At(kOrders, 3), Timestamp());
  CHECK(*offsets.Find(kOrders) == CommittedOffset{Offset(3), "m"});
  offsets.Set({.key = kOrders, .offset = std::nullopt, .metadata = ""}, Timestamp());
  CHECK_FALSE(offsets.Find(kOrders).has_value());
}

TEST_CASE("Groups are those that have committed, with their offsets by topic and partition") {
  CommittedOffsets offsets;
  offsets.Set(At(kPayments, 1), Timestamp());
  offsets.Set(At(kOrders, 2), Timestamp());
  offsets.Set(At(kOther, 3), Timestamp());
  offsets.FindOrAdd({"idle", "orders", 0});
  CHECK(offsets.Groups() == std::vector<std::string>{"audit", "billing"});
  const auto billing = offsets.OfGroup("billing");
  REQUIRE(billing.size() == 2);
  CHECK(billing[0]->key == kOrders);
  CHECK(billing[1]->key == kPayments);
  CHECK(offsets.OfGroup("idle").empty());
}

TEST_CASE("An entry that somebody has is the same one after a clear") {
  CommittedOffsets offsets;
  const auto entry = offsets.FindOrAdd(kOrders);
  offsets.Set(At(kOrders, 5), Timestamp());
  CHECK(entry->committed->offset == Offset(5));
  offsets.Clear();
  CHECK_FALSE(entry->committed.has_value());
  CHECK(offsets.FindOrAdd(kOrders) == entry);
}

TEST_CASE("Entries that nobody has and that nothing was committed to go when they are many") {
  CommittedOffsets offsets;
  const auto kept = offsets.FindOrAdd(kOrders);
  for (int i = 0; i < 100'000; ++i) offsets.FindOrAdd({"g", "t", i});
  CHECK(offsets.size() < 10'000);
  CHECK(offsets.FindOrAdd(kOrders) == kept);
}

TEST_CASE("What all have read of a partition is the least of those that are in its topic") {
  CommittedOffsets offsets;
  CHECK_FALSE(offsets.ReadByAll("orders", 0).has_value());
  offsets.Set(At(kPayments, 1), Timestamp());
  CHECK_FALSE(offsets.ReadByAll("orders", 0).has_value());
  CHECK(offsets.ReadByAll("payments", 0) == Offset(0));  // it is in another partition
  offsets.Set(At(kOrders, 7), Timestamp());
  CHECK(offsets.ReadByAll("orders", 0) == Offset(7));
  offsets.Set(At(kOther, 3), Timestamp());
  CHECK(offsets.ReadByAll("orders", 0) == Offset(3));
  CHECK(offsets.ReadByAll("orders", 1) == Offset(0));
  offsets.FindOrAdd({"idle", "orders", 0});
  offsets.Set({.key = kOther, .offset = std::nullopt, .metadata = ""}, Timestamp());
  CHECK(offsets.ReadByAll("orders", 0) == Offset(7));
}

}  // namespace daybook
