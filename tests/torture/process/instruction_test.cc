#include "torture/process/instruction.h"

#include <initializer_list>

#include "catch.h"

namespace daybook::torture {
namespace {

Instruction Of(std::initializer_list<unsigned> bytes) {
  std::uint64_t word = 0;
  int i = 0;
  for (const unsigned byte : bytes) word |= std::uint64_t{byte} << (8 * i++);
  return InstructionOf(word);
}

}  // namespace

TEST_CASE("What stores to memory is told from what writes registers alone") {
  CHECK(Of({0x48, 0x89, 0x45, 0xf8}) == Instruction::kMayStore);  // mov %rax,-8(%rbp)
  CHECK(Of({0x48, 0x89, 0xc3}) == Instruction::kHarmless);        // mov %rax,%rbx
  CHECK(Of({0x48, 0x8b, 0x45, 0xf8}) == Instruction::kHarmless);  // mov -8(%rbp),%rax
  CHECK(Of({0x01, 0x07}) == Instruction::kMayStore);              // add %eax,(%rdi)
  CHECK(Of({0x03, 0x07}) == Instruction::kHarmless);              // add (%rdi),%eax
  CHECK(Of({0x39, 0x07}) == Instruction::kHarmless);              // cmp %eax,(%rdi)
  CHECK(Of({0xc7, 0x07, 0, 0, 0, 0}) == Instruction::kMayStore);  // movl $0,(%rdi)
  CHECK(Of({0x0f, 0xb6, 0x07}) == Instruction::kHarmless);        // movzbl (%rdi),%eax
  CHECK(Of({0x0f, 0x94, 0x07}) == Instruction::kMayStore);        // sete (%rdi)
  CHECK(Of({0x0f, 0x94, 0xc0}) == Instruction::kHarmless);        // sete %al
  CHECK(Of({0x0f, 0x11, 0x07}) == Instruction::kMayStore);        // movups %xmm0,(%rdi)
  CHECK(Of({0xf3, 0xa4}) == Instruction::kMayStore);              // rep movsb
  CHECK(Of({0xf0, 0x0f, 0xb1, 0x0f}) == Instruction::kMayStore);  // lock cmpxchg %ecx,(%rdi)
  CHECK(Of({0x87, 0x07}) == Instruction::kMayStore);              // xchg %eax,(%rdi)
  CHECK(Of({0x0f, 0x05}) == Instruction::kSystemCall);
}

}  // namespace daybook::torture
