#include "tools/text/table.h"

#include <algorithm>

#include "segment/partition_name.h"
#include "tools/text/bytes.h"

namespace daybook::tools {
namespace {

std::string TextOf(const nlohmann::json& cell) {
  if (cell.is_string()) return ToPrintable(cell.get_ref<const std::string&>());
  if (cell.is_null()) return "-";
  return cell.dump();
}

}  // namespace

std::string Table::ToText() const {
  std::vector<std::size_t> widths;
  for (const std::string& column : columns_) widths.push_back(column.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], TextOf(row[i]).size());
    }
  }
  std::string text;
  const auto add_line = [&](const auto& cell_at) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const auto [cell, is_number] = cell_at(i);
      const std::string space(widths[i] - cell.size(), ' ');
      if (i != 0) line += "  ";
      line += is_number ? space + cell : cell + space;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  // A heading stands over its column as the numbers below do.
  const auto is_number = [&](std::size_t i) { return !rows_.empty() && rows_[0][i].is_number(); };
  add_line([&](std::size_t i) { return std::pair(columns_[i], is_number(i)); });
  for (const auto& row : rows_) {
    add_line([&](std::size_t i) { return std::pair(TextOf(row[i]), row[i].is_number()); });
  }
  return text;
}

nlohmann::json Table::ToJson() const {
  nlohmann::json array = nlohmann::json::array();
  for (const auto& row : rows_) {
    nlohmann::json object;
    for (std::size_t i = 0; i < row.size(); ++i) object[columns_[i]] = row[i];
    array.push_back(std::move(object));
  }
  return array;
}

void Table::Print(const Global& global) const {
  global.output->Print(global.format == Format::kJson ? DumpJson(ToJson(), 2) + "\n" : ToText());
}

std::array<nlohmann::json, 2> PartitionCells(std::string_view directory) {
  const auto name = PartitionName::Parse(directory);
  if (!name) return {nullptr, nullptr};
  return {name->topic(), name->partition()};
}

}  // namespace daybook::tools
