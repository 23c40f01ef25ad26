#ifndef DAYBOOK_EXPORT_H_
#define DAYBOOK_EXPORT_H_

// Marks what a shared library shows; everything else is hidden. Static libraries do not care.
#define DAYBOOK_EXPORT __attribute__((visibility("default")))

#endif  // DAYBOOK_EXPORT_H_
