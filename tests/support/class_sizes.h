#ifndef DAYBOOK_SUPPORT_CLASS_SIZES_H_
#define DAYBOOK_SUPPORT_CLASS_SIZES_H_

#include <string>
#include <string_view>
#include <vector>

namespace daybook::inline v1 {

struct ClassSize {
  std::string name;  // "Outer::Inner"; namespaces are left out
  int members = 0;   // data of each object, without what it inherits
  int lines = 0;     // from `class` to its last brace
};

// Every class, struct and named union that is defined in the text of a C++ file, local ones, too,
// in the order of their heads. Members of an anonymous union are those of the class around it;
// static ones are no object's.
//
// It knows as much of C++ as this project writes; above all, names of macros with arguments are
// capitals and have an underscore.
std::vector<ClassSize> ClassSizes(std::string_view source);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SUPPORT_CLASS_SIZES_H_
