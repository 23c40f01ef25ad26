#ifndef DAYBOOK_TOOLS_INTERRUPTS_H_
#define DAYBOOK_TOOLS_INTERRUPTS_H_

namespace daybook::tools {

// From now on the first SIGINT or SIGTERM does not end the process: it sets IsInterrupted() and
// ends waits, so that the command can finish what it has begun. The second one, of either, ends
// the process, in case that takes too long.
void CatchInterrupts();

bool IsInterrupted();

// Waits until `descriptor` is ready for `events`, POLLIN or POLLOUT, or has an error that the next
// call on it will tell. False: it is not, and the process was interrupted.
bool WaitUntilReady(int descriptor, short events);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_INTERRUPTS_H_
