#ifndef DAYBOOK_TOPIC_PARTITION_H_
#define DAYBOOK_TOPIC_PARTITION_H_

#include <compare>
#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>

namespace daybook::inline v1 {

// The name of a partition. In order of the topics' names, then of the numbers; as a text it is
// "orders-0", as its directory is called.
struct TopicPartition {
  std::string topic;
  int partition = 0;

  std::string ToString() const { return topic + '-' + std::to_string(partition); }

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;

  // For streams and for Abseil (StrCat, StrFormat's %v, LOG).
  template <typename Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                      const TopicPartition& name) {
    return out << name.topic << '-' << name.partition;
  }
  template <typename Sink>
  friend void AbslStringify(Sink& sink, const TopicPartition& name) {
    sink.Append(std::string_view(name.ToString()));
  }
  // For Abseil's containers; std::hash is below.
  template <typename State>
  friend State AbslHashValue(State state, const TopicPartition& name) {
    return State::combine(std::move(state), name.topic, name.partition);
  }
};

}  // namespace daybook::inline v1

template <>
struct std::hash<daybook::TopicPartition> {
  std::size_t operator()(const daybook::TopicPartition& name) const noexcept {
    // The numbers of a topic's partitions lie close together: an odd factor spreads them.
    constexpr auto kSpread = static_cast<std::size_t>(0x9e37'79b9'7f4a'7c15);
    return std::hash<std::string>()(name.topic) +
           static_cast<std::size_t>(name.partition) * kSpread;
  }
};

#endif  // DAYBOOK_TOPIC_PARTITION_H_
