#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/producer.h"
#include "torture/hostile.h"
#include "torture/workload.h"

// What a workload does with claims: gives them up, holds them, leaves them open, sends beside
// them.

namespace daybook::torture {

void Workload::Abandon() {
  ClaimOptions options;
  options.value_bytes = Pick(3000);
  model().attempted.push_back(std::nullopt);
  const auto claim = partition().Claim(options);
  if (claim.ok()) {
    WithoutRefused(claim->offset(), 1);
    return;
  }
  Error(claim.status(), "claim");
  model().attempted.pop_back();
}

std::optional<Workload::Held> Workload::Hold(std::size_t bytes) {
  ClaimOptions options;
  options.value_bytes = bytes;
  model().attempted.push_back(std::nullopt);
  auto claim = partition().Claim(options);
  if (!claim.ok()) {
    Error(claim.status(), "claim");
    model().attempted.pop_back();
    return std::nullopt;
  }
  const std::size_t offset = WithoutRefused(claim->offset(), 1);
  std::string value = Value(offset, bytes);
  value.resize(bytes, '.');
  std::copy_n(reinterpret_cast<const std::byte*>(value.data()), value.size(),
              claim->value().begin());
  return Held{.claim = *std::move(claim), .offset = offset, .value = std::move(value)};
}

void Workload::Commit(Held held) {
  model().attempted[held.offset] = std::move(held.value);
  std::move(held.claim).Commit();
}

void Workload::HoldClaim() {
  auto held = Hold(Pick(4) == 0 ? Large() : 200);
  if (!held) return;
  // One that waits for a sync would wait for the claim.
  if (plans_[topic_].options.durability != Durability::kDisk) {
    Append(Usual(), std::nullopt);
    Append(Pick(3) == 0 ? Large() : Usual(), std::nullopt);
  }
  if (Pick(2) != 0) Commit(*std::move(held));
}

void Workload::CloseAmidClaims() {
  std::vector<Held> open;
  for (std::uint64_t claims = 1 + Pick(3); claims != 0; --claims) {
    if (auto held = Hold(Pick(3) == 0 ? Large() : 200)) open.push_back(*std::move(held));
    if (plans_[topic_].options.durability != Durability::kDisk) Append(Usual(), std::nullopt);
  }
  Access::Core(*broker_).UseSettleTimeout(std::chrono::milliseconds(0));
  const absl::Status closed = broker_->Close();
  const bool waits = absl::IsDeadlineExceeded(closed);
  if (!waits && !(closed.ok() && open.empty())) {
    Error(closed.ok() ? absl::InternalError("closed over a claim that is open") : closed, "close");
  }
  if (!open.empty()) {
    const auto next = Broker::Open(directory_, Options()).status();
    if (!absl::IsFailedPrecondition(next)) {
      Error(next.ok() ? absl::InternalError("there are two writers") : next, "open beside");
    }
  }
  for (Held& held : open) {
    if (Pick(2) == 0) continue;
    model().in_process = std::max(model().in_process, held.offset + 1);
    Commit(std::move(held));
  }
  open.clear();
  const absl::Status settled = broker_->Close();
  if (!settled.ok()) Error(settled, "close again");
  handle_.reset();
  broker_.reset();
  Closed(settled.ok() && (closed.ok() || waits));
  Open();
}

void Workload::Closed(bool is_synced) {
  if (is_synced) return Synced();
  // What was promised at kInterval is answered by that error: the next broker knows nothing of it.
  for (auto& [name, topic] : model_.topics) {
    for (PartitionModel& partition : topic.partitions) partition.promised = 0;
  }
}

std::vector<RecordClaim> Workload::LeaveClaims() {
  std::vector<RecordClaim> claims;
  const auto plan = std::find_if(plans_.begin(), plans_.end(), [](const TopicPlan& topic) {
    return topic.options.durability != Durability::kDisk &&
           topic.options.compression == Compression::kNone;
  });
  if (plan == plans_.end() || !Open()) return claims;
  Fix(static_cast<std::size_t>(plan - plans_.begin()), 0);
  if (Target() == nullptr) return claims;
  while (claims.size() * Largest() <= static_cast<std::size_t>(plan->options.segment_bytes)) {
    ClaimOptions options;
    options.value_bytes = Largest();
    model().attempted.push_back(std::nullopt);
    auto claim = partition().Claim(options);
    if (!claim.ok()) {
      Error(claim.status(), "claim");
      model().attempted.pop_back();
      break;
    }
    WithoutRefused(claim->offset(), 1);
    const std::string_view value =
        (is_small_ ? SmallHostilePool() : LargeHostilePool()).Payload(Largest(), random_());
    std::copy_n(reinterpret_cast<const std::byte*>(value.data()), value.size(),
                claim->value().begin());
    claims.push_back(*std::move(claim));
    Append(Pick(300), std::nullopt);
  }
  return claims;
}

void Workload::SendBeside() {
  // Asynchronous ones wait for the disk at kDisk alone; there is no thread, so they wait for us.
  if (plans_[topic_].options.durability != Durability::kDisk) return;
  bool is_before = false;
  bool is_behind = false;
  Producer producer(*broker_);  // its callbacks end before what they set
  const auto send = [&](bool* is_told) {
    const std::size_t at = model().attempted.size();
    const std::string value = Value(at, Pick(300));
    Attempt(value);
    Record record;
    record.value = value;
    record.partition = partition_;
    const auto sent = producer.SendAsync(*handle_, record,
                                         [&, is_told](const absl::Status& status, const Receipt&) {
                                           if (!status.ok()) Error(status, "send beside a claim");
                                           *is_told = status.ok();
                                         });
    if (!sent.ok()) {
      Error(sent.status(), "send");
      model().attempted.pop_back();
      return false;
    }
    WithoutRefused(sent->offset(), 1);
    model().in_process = model().attempted.size();
    return true;
  };
  if (!send(&is_before)) return;
  const std::size_t before = model().attempted.size();
  model().attempted.push_back(std::nullopt);
  {
    const auto claim = partition().Claim({.value_bytes = 100});
    if (!claim.ok()) {
      Error(claim.status(), "claim");
      model().attempted.pop_back();
    } else {
      WithoutRefused(claim->offset(), 1);
      send(&is_behind);
      if (const auto status = broker_->RunBackgroundWork(); !status.ok()) {
        Error(status, "background work");
      }
      if (is_before) model().on_disk = std::max(model().on_disk, before);
    }
  }
  if (const auto status = producer.Flush(); !status.ok()) return Error(status, "flush");
  if (is_behind) model().on_disk = model().attempted.size();
}

}  // namespace daybook::torture
