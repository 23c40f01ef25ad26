#ifndef DAYBOOK_PRODUCER_RECORD_COPIES_H_
#define DAYBOOK_PRODUCER_RECORD_COPIES_H_

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/record.h"

namespace daybook::inline v1 {

// Copies of records, which stay where they are.
class RecordCopies {
 public:
  void Add(const Record& record) {
    Record copy = record;
    if (record.key) copy.key = Keep(*record.key);
    if (record.value) copy.value = Keep(*record.value);
    if (!record.headers.empty()) {
      std::vector<Header>& headers = headers_.emplace_back();
      for (const Header& header : record.headers) {
        headers.push_back({.name = Keep(header.name), .value = header.value});
        if (header.value) headers.back().value = Keep(*header.value);
      }
      copy.headers = headers;
    }
    records_.push_back(copy);
  }
  const std::vector<Record>& records() const { return records_; }

 private:
  std::string_view Keep(std::string_view text) { return texts_.emplace_back(text); }

  std::deque<std::string> texts_;
  std::deque<std::vector<Header>> headers_;
  std::vector<Record> records_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_PRODUCER_RECORD_COPIES_H_
