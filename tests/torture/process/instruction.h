#ifndef DAYBOOK_TORTURE_PROCESS_INSTRUCTION_H_
#define DAYBOOK_TORTURE_PROCESS_INSTRUCTION_H_

#include <sys/types.h>

#include <cstdint>

namespace daybook::torture {

// What a machine instruction may do to files.
enum class Instruction {
  kHarmless,    // writes nothing but registers and the stack
  kMayStore,    // may write any memory, and so a mapped file
  kSystemCall,  // may do anything
};

// Of the first 8 bytes of an x86-64 instruction, the first of them lowest. The common ones that
// write no memory are known; all others may store.
Instruction InstructionOf(std::uint64_t bytes);

// Of the one that a child, stopped by its debugger, does next. It was forked off this process and
// executes what lies at the same place here. Where the processor is another one each counts as a
// system call.
Instruction NextInstruction(pid_t child);

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_PROCESS_INSTRUCTION_H_
