#ifndef DAYBOOK_TOOLS_STANDARD_STREAMS_H_
#define DAYBOOK_TOOLS_STANDARD_STREAMS_H_

namespace daybook::tools {

// Takes those of the descriptors 0 to 2 that the process was started without, before a file that is
// opened gets their numbers and what is printed. Reading from one of these, and writing to one, is
// an error (EBADF), as if it were still closed. False if they cannot be taken.
bool TakeStandardDescriptors();

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_STANDARD_STREAMS_H_
