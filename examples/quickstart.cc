// The program of the README, word for word: tests/readme_test.cc compares the two and runs it.
// It makes or reuses the folder ./data.

// [quickstart]
#include <daybook/daybook.h>

#include <iostream>

int main() {
  auto broker = daybook::Broker::Open("./data").value();
  broker->CreateTopic("order_placed", {.partitions = 4}).IgnoreError();  // there already: fine

  daybook::Producer producer(*broker);
  producer.Send("order_placed", {.key = "user-42", .value = R"({"total":99})"}).value();

  daybook::ConsumerGroup group(*broker, "billing");
  auto consumer = group.Join({"order_placed"}).value();
  auto batch = consumer->Poll(std::chrono::seconds(1)).value();
  for (const daybook::RecordView& record : batch) std::cout << record.value << '\n';
  consumer->Commit().IgnoreError();
}
// [quickstart]
