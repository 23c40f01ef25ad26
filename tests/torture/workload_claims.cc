#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "torture/hostile.h"
#include "torture/workload.h"

// What a workload does with claims: gives them up, holds them, leaves them open.

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

void Workload::HoldClaim() {
  ClaimOptions options;
  options.value_bytes = Pick(4) == 0 ? kLarge : 200;
  model().attempted.push_back(std::nullopt);
  auto claim = partition().Claim(options);
  if (!claim.ok()) {
    Error(claim.status(), "claim");
    model().attempted.pop_back();
    return;
  }
  const std::size_t offset = WithoutRefused(claim->offset(), 1);
  std::string value = Value(offset, options.value_bytes);
  value.resize(options.value_bytes, '.');
  std::copy_n(reinterpret_cast<const std::byte*>(value.data()), value.size(),
              claim->value().begin());
  // One that waits for a sync would wait for the claim.
  if (plans_[topic_].options.durability != Durability::kDisk) {
    Append(Pick(300), false);
    Append(Pick(3) == 0 ? kLarge : Pick(300), false);
  }
  if (Pick(2) == 0) return;
  model().attempted[offset] = value;
  std::move(*claim).Commit();
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
  while (claims.size() * kLarge <= static_cast<std::size_t>(plan->options.segment_bytes)) {
    ClaimOptions options;
    options.value_bytes = kLarge;
    model().attempted.push_back(std::nullopt);
    auto claim = partition().Claim(options);
    if (!claim.ok()) {
      Error(claim.status(), "claim");
      model().attempted.pop_back();
      break;
    }
    WithoutRefused(claim->offset(), 1);
    const std::string_view value = SmallHostilePool().Payload(kLarge, random_());
    std::copy_n(reinterpret_cast<const std::byte*>(value.data()), value.size(),
                claim->value().begin());
    claims.push_back(*std::move(claim));
    Append(Pick(300), false);
  }
  return claims;
}

}  // namespace daybook::torture
