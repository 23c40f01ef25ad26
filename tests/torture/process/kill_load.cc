#include "torture/process/kill_load.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "daybook/transaction.h"
#include "segment/segment_steps.h"

namespace daybook::torture::kill_load {
namespace {

// Of a transaction that nobody commits.
constexpr char kNever[] = "never";

Record RecordOf(std::string_view value) {
  Record record;
  record.value = value;
  return record;
}

void AppendForEver(const Topic& topic, std::size_t which, const Victim& victim) {
  const Appender& appender = kAppenders[which];
  Partition& partition = topic.partition(appender.partition);
  std::vector<std::string> values(static_cast<std::size_t>(appender.records));
  std::vector<Record> records(values.size());
  for (std::int64_t next = victim.acknowledged.next[which];; next += appender.records) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = victim.values.ValueOf(which, next + static_cast<std::int64_t>(i));
      records[i] = RecordOf(values[i]);
    }
    const auto offset =
        records.size() == 1 ? partition.Append(records[0]) : partition.AppendBatch(records);
    if (!offset.ok()) _exit(5);
    victim.acknowledged.next[which].store(next + appender.records);
    victim.acknowledged.operations.fetch_add(1);
  }
}

RecordClaim ClaimOf(Partition& partition, std::size_t bytes) {
  auto claim = partition.Claim({.value_bytes = bytes});
  if (!claim.ok()) _exit(11);
  return *std::move(claim);
}

void ClaimForEver(const Topic& topic, std::size_t which, const Victim& victim) {
  Partition& partition = topic.partition(kAppenders[which].partition);
  std::vector<RecordClaim> left;
  for (std::int64_t next = victim.acknowledged.next[which], done = 0;; ++next, ++done) {
    const std::string value = victim.values.ValueOf(which, next);
    if (done == victim.leaves_open) left.push_back(ClaimOf(partition, value.size()));
    RecordClaim claim = ClaimOf(partition, value.size());
    std::memcpy(claim.value().data(), value.data(), value.size());
    std::move(claim).Commit();
    victim.acknowledged.next[which].store(next + 1);
    victim.acknowledged.operations.fetch_add(1);
  }
}

// Begun and prepared, and no more.
void LeaveTransaction(Broker& broker, const Topic& topic, int partition) {
  const auto id = Access::Core(broker).offsets().BeginTransaction();
  if (!id.ok()) _exit(12);
  const Record record = RecordOf(kNever);
  if (!Access::Log(topic.partition(partition)).AppendTransactional({&record, 1}, *id).ok())
    _exit(13);
}

void TransactForEver(Broker& broker, const Topic& topic, std::size_t which, const Victim& victim) {
  const auto send = [&](Transaction& transaction, std::size_t thread, std::string_view value) {
    Record record = RecordOf(value);
    record.partition = kAppenders[thread].partition;
    if (!transaction.Send(kAppenders[thread].topic, record).ok()) _exit(14);
  };
  for (std::int64_t next = victim.acknowledged.next[which], done = 0;; ++next, ++done) {
    if (done == victim.leaves_open) LeaveTransaction(broker, topic, kAppenders[which].partition);
    auto transaction = Transaction::Begin(broker);
    if (!transaction.ok()) _exit(15);
    if (next % 8 == 3) {
      send(*transaction, which, kNever);
      transaction->Abort();
      transaction = Transaction::Begin(broker);
      if (!transaction.ok()) _exit(15);
    }
    for (const std::size_t thread : {which, which + 1}) {
      send(*transaction, thread, victim.values.ValueOf(thread, next));
    }
    if (!transaction->Commit().ok()) _exit(16);
    for (const std::size_t thread : {which, which + 1}) {
      victim.acknowledged.next[thread].store(next + 1);
    }
    victim.acknowledged.operations.fetch_add(1);
  }
}

void CommitForEver(Broker& broker, Acknowledged& acknowledged) {
  ConsumerGroup group(broker, kGroup);
  const auto consumer = group.Join({"process"});
  if (!consumer.ok()) _exit(6);
  for (;;) {
    if (!(*consumer)->Poll(std::chrono::milliseconds(1)).ok()) _exit(7);
    std::array<std::int64_t, kPartitions> positions{};
    for (int i = 0; i < kPartitions; ++i) {
      const auto position = (*consumer)->Position({"process", i});
      if (!position.ok()) _exit(8);
      positions[static_cast<std::size_t>(i)] = position->value();
      auto& attempted = acknowledged.attempted_commit[static_cast<std::size_t>(i)];
      attempted.store(std::max(attempted.load(), position->value()));
    }
    if (!(*consumer)->Commit().ok()) _exit(9);
    for (std::size_t i = 0; i < kPartitions; ++i) acknowledged.kept_commit[i].store(positions[i]);
    acknowledged.operations.fetch_add(1);
  }
}

}  // namespace

void RunVictim(const Victim& victim) {
  auto broker = Broker::Open(victim.directory);
  if (!broker.ok()) _exit(3);
  // So that its thread has something to do ahead of the appends all the time.
  if (victim.shape == Shape::kSmall) Access::Core(*(*broker)).UseSteps(kSmallSteps);
  std::vector<std::thread> threads;
  std::vector<Topic> topics;
  for (const Appender& appender : kAppenders) {
    auto topic = (*broker)->OpenTopic(appender.topic);
    if (!topic.ok()) _exit(4);
    topics.push_back(*std::move(topic));
  }
  for (std::size_t i = 0; i < kAppenders.size(); ++i) {
    switch (kAppenders[i].way) {
      case Way::kAppend:
        threads.emplace_back([&, i] { AppendForEver(topics[i], i, victim); });
        break;
      case Way::kClaim:
        threads.emplace_back([&, i] { ClaimForEver(topics[i], i, victim); });
        break;
      case Way::kTransaction:
        threads.emplace_back([&, i] { TransactForEver(**broker, topics[i], i, victim); });
        break;
      case Way::kOfTransaction:
        break;
    }
  }
  CommitForEver(**broker, victim.acknowledged);
  _exit(10);
}

}  // namespace daybook::torture::kill_load
