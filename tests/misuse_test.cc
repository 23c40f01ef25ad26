#include <utility>

#include "catch.h"
#include "daybook/daybook.h"

// What must not compile, because it would dangle or mean something else.

namespace daybook {
namespace {

template <typename Batch>
constexpr bool kCanIterate = requires(Batch&& batch) {
  std::forward<Batch>(batch).begin();
};
template <typename Batch>
constexpr bool kHasTopic = requires(Batch&& batch) {
  std::forward<Batch>(batch).topic();
};

static_assert(kCanIterate<const RecordBatch&>);
static_assert(!kCanIterate<RecordBatch>, "the views would outlive the batch");
static_assert(kHasTopic<RecordBatch&>);
static_assert(!kHasTopic<RecordBatch>, "the name would outlive the batch");

template <typename Id>
constexpr bool kIsPartition = requires(const Topic& topic, Id id) {
  topic.partition(id);
};
template <typename From>
constexpr bool kIsOffset = requires(Partition& partition, From from) {
  partition.Read(from);
};

static_assert(kIsPartition<int>);
static_assert(!kIsPartition<Offset>, "an offset is no partition");
static_assert(kIsOffset<Offset>);
static_assert(!kIsOffset<int>, "a number is no offset until it is said to be one");
static_assert(!std::is_convertible_v<std::int64_t, Offset>);
static_assert(!std::is_copy_constructible_v<RecordClaim>, "two would commit the same bytes");

template <typename Claim>
constexpr bool kCanCommit = requires(Claim&& claim) {
  std::forward<Claim>(claim).Commit();
};
static_assert(kCanCommit<RecordClaim>);
static_assert(!kCanCommit<RecordClaim&>, "a claim that is kept could be committed twice");

}  // namespace

TEST_CASE("Misuse that can be refused at compile time is refused") { SUCCEED(); }

}  // namespace daybook
