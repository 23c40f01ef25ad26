#ifndef DAYBOOK_BROKER_TRANSACTIONS_ID_SET_H_
#define DAYBOOK_BROKER_TRANSACTIONS_ID_SET_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daybook::inline v1 {

// A set of numbers that mostly come one after the other, as half-open ranges: of transactions that
// were committed there is one range for each time the directory was opened, and one more for each
// transaction that was not. One thread at a time.
class IdSet {
 public:
  void Add(std::uint64_t id) { AddRange(id, id + 1); }
  // Adds [begin, end).
  void AddRange(std::uint64_t begin, std::uint64_t end);
  void AddAll(const IdSet& other) {
    for (const auto& [begin, end] : other.ranges_) AddRange(begin, end);
  }
  bool Contains(std::uint64_t id) const;

  bool empty() const { return ranges_.empty(); }
  std::size_t ranges() const { return ranges_.size(); }

  // "begin-end,begin-end", in decimal, in order; empty for the empty set. In pieces of about so
  // many bytes; at least one.
  std::vector<std::string> Encode(std::size_t most_bytes) const;
  // Nothing when the text is not what Encode makes.
  static std::optional<IdSet> Decode(std::string_view text);

  friend bool operator==(const IdSet&, const IdSet&) = default;

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // begin to end; none touch each other
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TRANSACTIONS_ID_SET_H_
