#include <cstdlib>
#include <new>

#include "torture/disk/allocation.h"

// The operators new of the torture program, and not of the tests, which want the sanitizers'.

namespace {

daybook::torture::AllocationControl control;
[[maybe_unused]] const bool is_installed = [] {
  daybook::torture::allocation_control = &control;
  return true;
}();

bool Fails() {
  const std::int64_t number = control.count.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t from = control.fail_at.load(std::memory_order_relaxed);
  return from >= 0 && ((number >= from && number - from < control.failures.load()) ||
                       number == control.also_at.load());
}

void* Allocate(std::size_t size) {
  void* memory = Fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return Fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return Fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
