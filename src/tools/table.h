#ifndef DAYBOOK_TOOLS_TABLE_H_
#define DAYBOOK_TOOLS_TABLE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/command.h"

namespace daybook::tools {

// Rows of values under named columns, printed as a table for people or as JSON for programs: an
// array with an object for each row, the columns' names as keys.
class Table {
 public:
  explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  // As many cells as columns. Numbers stand to the right.
  void Add(std::vector<nlohmann::json> cells) { rows_.push_back(std::move(cells)); }

  std::string ToText() const;
  nlohmann::json ToJson() const;
  void Print(Format format) const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<nlohmann::json>> rows_;
};

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TABLE_H_
