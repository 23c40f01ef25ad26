#ifndef DAYBOOK_TOOLS_TEXT_TABLE_H_
#define DAYBOOK_TOOLS_TEXT_TABLE_H_

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/commands/command.h"

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
  // As `global` asks for; whatever bytes the cells hold, a terminal and JSON take it.
  void Print(const Global& global) const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<nlohmann::json>> rows_;
};

// The cells of the columns topic and partition for a partition's directory, "orders-0"; null and
// null for what is of no partition.
std::array<nlohmann::json, 2> PartitionCells(std::string_view directory);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_TABLE_H_
