#ifndef DAYBOOK_FUZZ_FORGERY_H_
#define DAYBOOK_FUZZ_FORGERY_H_

#include <set>
#include <string>

#include "fuzz/directory_image.h"

namespace daybook::fuzz {

// The partitions ("t-0") in which a frame with a right checksum stands where, by the frames before
// it, none can be, or has offsets that the next segment has, too, or a checkpoint counts others
// than there are. Damage makes no such; who forges them gets the one or the other, since readers
// look for a place without walking to it.
std::set<std::string> ForgedPartitions(const DirectoryImage& image);

}  // namespace daybook::fuzz

#endif  // DAYBOOK_FUZZ_FORGERY_H_
