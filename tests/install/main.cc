#include <daybook/daybook.h>

// Sends one record and reads it back, in the directory that is named.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto broker = daybook::Broker::Open(argv[1]);
  if (!broker.ok() || !(*broker)->CreateTopic("orders").ok()) return 1;
  daybook::Producer producer(**broker);
  if (!producer.Send("orders", {.key = "user-42", .value = "hello"}).ok()) return 1;
  daybook::ConsumerGroup group(**broker, "service");
  auto consumer = group.Join({"orders"});
  if (!consumer.ok()) return 1;
  const auto batch = (*consumer)->Poll(std::chrono::seconds(10));
  return batch.ok() && batch->size() == 1 && batch->begin()->value == "hello" ? 0 : 1;
}
