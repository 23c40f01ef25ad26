#include "harness.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"

namespace daybook::bench {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Quantile(std::vector<double>& values, double quantile) {
  const auto rank =
      static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

bool Row::holds() const {
  return std::any_of(name.bars.begin(), name.bars.end(), [this](const Bar& bar) {
    if (bar.of == Bar::Of::kRatio && !limit) return false;
    const double figure = bar.of == Bar::Of::kValue ? value : value / *limit;
    return bar.side == Bar::Side::kAtLeast ? figure >= bar.bound : figure <= bar.bound;
  });
}

namespace {

// "ratio >= 0.8 or value >= 40"
std::string BarText(const RowName& name) {
  std::string text;
  for (const Bar& bar : name.bars) {
    absl::StrAppendFormat(&text, "%s%s %s %g", text.empty() ? "" : " or ",
                          bar.of == Bar::Of::kValue ? "value" : "ratio",
                          bar.side == Bar::Side::kAtLeast ? ">=" : "<=", bar.bound);
  }
  return text;
}

}  // namespace

std::vector<Row> Run(const Suite& suite, const Settings& settings, const Progress& progress) {
  std::vector<std::vector<double>> values(suite.rows.size());
  std::vector<std::vector<double>> limits(suite.rows.size());
  const auto add = [](const std::vector<double>& figures, std::vector<std::vector<double>>& to) {
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (!std::isnan(figures.at(i))) to[i].push_back(figures[i]);
    }
  };
  const std::unique_ptr<Contest> contest = suite.open(settings);
  for (int round = 0; round < settings.rounds; ++round) {
    progress(round, settings.rounds);
    add(contest->Measure(), values);
    add(contest->MeasureLimit(), limits);
  }
  std::vector<Row> rows;
  for (std::size_t i = 0; i < suite.rows.size(); ++i) {
    Row row{.name = suite.rows[i], .value = Median(values[i]), .limit = std::nullopt};
    if (!limits[i].empty()) row.limit = Median(limits[i]);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string ToJson(const std::vector<Row>& rows) {
  auto array = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    nlohmann::ordered_json entry{{"name", row.name.name},
                                 {"value", row.value},
                                 {"unit", row.name.unit},
                                 {"limit", nullptr},
                                 {"ratio", nullptr}};
    if (row.limit) {
      entry["limit"] = *row.limit;
      entry["ratio"] = row.value / *row.limit;
    }
    if (!row.name.bars.empty()) {
      entry["bar"] = BarText(row.name);
      entry["held"] = row.holds();
    }
    if (!row.name.note.empty()) entry["note"] = row.name.note;
    array.push_back(std::move(entry));
  }
  return array.dump(1) + "\n";
}

std::string ToTable(const std::vector<Row>& rows) {
  constexpr char kHead[] = "%-28s %12s %12s %7s  %-8s %-6s %s\n";
  std::string table = absl::StrFormat(kHead, "", "value", "limit", "ratio", "unit", "bar", "");
  int held = 0;
  int missed = 0;
  for (const Row& row : rows) {
    const auto figure = [](double value) {
      return absl::StrFormat(std::abs(value) < 10'000 ? "%.2f" : "%.0f", value);
    };
    const std::string limit = row.limit ? figure(*row.limit) : "";
    const std::string ratio = row.limit ? absl::StrFormat("%.2f", row.value / *row.limit) : "";
    std::string bar;
    std::string note = row.name.note;
    if (!row.name.bars.empty()) {
      bar = row.holds() ? "held" : "MISSED";
      ++(row.holds() ? held : missed);
      note = BarText(row.name) + (note.empty() ? "" : "; " + note);
    }
    absl::StrAppendFormat(&table, kHead, row.name.name, figure(row.value), limit, ratio,
                          row.name.unit, bar, note);
  }
  absl::StrAppendFormat(&table, "%d bars held, %d missed\n", held, missed);
  return table;
}

}  // namespace daybook::bench
