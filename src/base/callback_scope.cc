#include "base/callback_scope.h"

namespace daybook::inline v1 {
namespace {

thread_local const CallbackScope* innermost = nullptr;

}  // namespace

CallbackScope::CallbackScope(const void* owner, Kind kind)
    : owner_(owner), kind_(kind), outer_(innermost) {
  innermost = this;
}
CallbackScope::~CallbackScope() { innermost = outer_; }

bool CallbackScope::IsWithin(const void* owner, Kind kind) {
  for (const CallbackScope* scope = innermost; scope != nullptr; scope = scope->outer_) {
    if (scope->owner_ == owner && scope->kind_ == kind) return true;
  }
  return false;
}

bool CallbackScope::IsWithin(const void* owner) {
  return IsWithin(owner, Kind::kDelivery) || IsWithin(owner, Kind::kHandler);
}

}  // namespace daybook::inline v1
