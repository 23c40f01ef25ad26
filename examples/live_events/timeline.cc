#include "timeline.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>

namespace live_events {
namespace {

double ValueAt(const std::vector<Sample>& samples, std::int64_t Sample::*member, double seconds) {
  const auto after =
      std::lower_bound(samples.begin(), samples.end(), seconds,
                       [](const Sample& sample, double at) { return sample.seconds < at; });
  if (after == samples.begin()) return static_cast<double>(samples.front().*member);
  if (after == samples.end()) return static_cast<double>(samples.back().*member);
  const Sample& before = *(after - 1);
  const double share = (seconds - before.seconds) / (after->seconds - before.seconds);
  return static_cast<double>(before.*member) +
         share * static_cast<double>(*after.*member - before.*member);
}

}  // namespace

Rate RateBetween(const Sample& from, const Sample& to) {
  const double seconds = std::max(to.seconds - from.seconds, 1e-6);
  const auto per_second = [seconds](std::int64_t before, std::int64_t after) {
    return static_cast<double>(after - before) / seconds;
  };
  return {.events_in = per_second(from.appended, to.appended),
          .events_out = per_second(from.deliveries, to.deliveries),
          .megabytes_in = per_second(from.appended_bytes, to.appended_bytes) / 1e6,
          .megabytes_out = per_second(from.delivered_bytes, to.delivered_bytes) / 1e6};
}

std::string Grouped(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string grouped;
  for (std::size_t at = 0; at < digits.size(); ++at) {
    const bool follows_digit = at > 0 && digits[at - 1] != '-';
    if (follows_digit && (digits.size() - at) % 3 == 0) grouped += ',';
    grouped += digits[at];
  }
  return grouped;
}

std::string Bar(std::int64_t delivered, std::int64_t appended, std::int64_t events, int width) {
  const auto columns = [events, width](std::int64_t count) {
    return static_cast<std::size_t>(std::clamp<std::int64_t>(count * width / events, 0, width));
  };
  const std::size_t done = columns(delivered);
  const std::size_t waiting = std::max(columns(appended), done) - done;
  const std::size_t rest = static_cast<std::size_t>(width) - done - waiting;
  std::string bar = "[";
  bar.append(done, '#').append(waiting, '-').append(rest, ' ').append("]");
  return bar;
}

std::string Graph(const std::vector<Sample>& samples, std::int64_t Sample::*member, int width) {
  constexpr std::string_view kLevels = " .:-=+*#";
  if (samples.size() < 2) return std::string(static_cast<std::size_t>(width), ' ');
  std::vector<double> growth;
  for (int column = 0; column < width; ++column) {
    const double begin = samples.front().seconds;
    const double step = (samples.back().seconds - begin) / width;
    // A counter steps back when it is made exact again after a kill: no growth.
    growth.push_back(std::max(0.0, ValueAt(samples, member, begin + (column + 1) * step) -
                                       ValueAt(samples, member, begin + column * step)));
  }
  const double most = std::max(*std::max_element(growth.begin(), growth.end()), 1e-9);
  std::string graph;
  for (const double value : growth) {
    // Whatever is not nothing is to be seen.
    const double level = std::ceil(value / most * static_cast<double>(kLevels.size() - 1));
    graph += kLevels[static_cast<std::size_t>(level)];
  }
  return graph;
}

}  // namespace live_events
