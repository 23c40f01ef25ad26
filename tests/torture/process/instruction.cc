#include "torture/process/instruction.h"

#include <sys/ptrace.h>
#include <sys/user.h>

#include <cstddef>
#include <cstring>

namespace daybook::torture {
namespace {

// A second operand that is a register, and not memory.
bool IsRegister(std::uint8_t mod_rm) { return mod_rm >= 0xc0; }

bool IsHarmlessTwoByte(std::uint8_t code, std::uint8_t mod_rm) {
  return code == 0x1f                                                      // nop
         || (code >= 0x40 && code <= 0x4f)                                 // cmov
         || (code >= 0x80 && code <= 0x8f)                                 // jcc
         || (code >= 0x90 && code <= 0x9f && IsRegister(mod_rm))           // setcc
         || code == 0xaf                                                   // imul
         || code == 0xb6 || code == 0xb7 || code == 0xbe || code == 0xbf;  // movzx, movsx
}

bool IsHarmless(std::uint8_t code, std::uint8_t mod_rm) {
  if (code < 0x40) {
    // add, or, adc, sbb, and, sub, xor, cmp: what the low bits say is the destination.
    const int form = code & 7;
    if (form == 6 || form == 7) return false;  // prefixes and what is no more
    return form >= 2 || code >= 0x38 || IsRegister(mod_rm);
  }
  if (code >= 0x50 && code <= 0x5f) return true;  // push and pop of a register
  if (code >= 0x70 && code <= 0x7f) return true;  // jcc
  if (code >= 0xb0 && code <= 0xbf) return true;  // mov of a constant to a register
  switch (code) {
    case 0x63:  // movsxd
    case 0x84:  // test
    case 0x85:
    case 0x8a:  // mov to a register
    case 0x8b:
    case 0x8d:  // lea
    case 0x90:  // nop
    case 0xa8:  // test
    case 0xa9:
    case 0xc3:  // ret
    case 0xe8:  // call
    case 0xe9:  // jmp
    case 0xeb:
      return true;
    case 0x80:  // arithmetic with a constant, and mov, shifts, not, neg, inc, dec
    case 0x81:
    case 0x83:
    case 0x88:
    case 0x89:
    case 0xc0:
    case 0xc1:
    case 0xc6:
    case 0xc7:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xf6:
    case 0xf7:
    case 0xfe:
    case 0xff:
      return IsRegister(mod_rm);
    default:
      return false;
  }
}

}  // namespace

Instruction InstructionOf(std::uint64_t bytes) {
  const auto at = [&](int i) { return static_cast<std::uint8_t>(bytes >> (8 * i)); };
  if (at(0) == 0x0f && at(1) == 0x05) return Instruction::kSystemCall;
  const int i = at(0) >= 0x40 && at(0) <= 0x4f ? 1 : 0;  // the prefix of 64 bits
  const bool is_harmless =
      at(i) == 0x0f ? IsHarmlessTwoByte(at(i + 1), at(i + 2)) : IsHarmless(at(i), at(i + 1));
  return is_harmless ? Instruction::kHarmless : Instruction::kMayStore;
}

Instruction NextInstruction(pid_t child) {
#if defined(__x86_64__)
  const auto at = ptrace(PTRACE_PEEKUSER, child,
                         reinterpret_cast<void*>(offsetof(user_regs_struct, rip)), nullptr);
  std::uint64_t bytes;
  std::memcpy(&bytes, reinterpret_cast<const void*>(at), sizeof bytes);
  return InstructionOf(bytes);
#else
  static_cast<void>(child);
  return Instruction::kSystemCall;
#endif
}

}  // namespace daybook::torture
