// A service that handles the events of a topic in several threads: ConsumerGroup::Run with retries
// and a dead-letter topic. It makes or reuses the folder ./data, sends a few orders, ships those
// that can be shipped, and shows what was put aside and why. tests/readme_test.cc runs it.

#include <daybook/daybook.h>

#include <atomic>
#include <iostream>

namespace {

constexpr int kAttempts = 3;

// An order without an address cannot be shipped, however often it is tried; and the carrier is not
// there at first.
absl::Status Ship(const daybook::RecordView& order, std::atomic<int>& calls_to_carrier) {
  if (order.value.empty()) return absl::InvalidArgumentError("the order has no address");
  if (calls_to_carrier++ == 0) return absl::UnavailableError("the carrier does not answer");
  return absl::OkStatus();
}

void ShowDeadLetters(daybook::Broker& broker) {
  auto reader = daybook::Reader::Open(broker, "orders.dead").value();
  for (;;) {
    const auto batch = reader.Poll({}).value();
    if (batch.empty()) return;
    for (const daybook::RecordView& order : batch) {
      std::cout << "put aside: the order of " << order.key.value_or("nobody") << ", after "
                << order.headers.Last("daybook.dead.attempts").value_or("no") << " attempts: "
                << order.headers.Last("daybook.dead.cause").value_or("for no reason") << '\n';
    }
  }
}

}  // namespace

int main() {
  auto broker = daybook::Broker::Open("./data").value();
  broker->CreateTopic("orders", {.partitions = 2}).IgnoreError();  // there already: fine

  daybook::Producer producer(*broker);
  std::atomic<int> open_orders = 0;
  for (const char* customer : {"anna", "ben", "carla", "dora", "emil"}) {
    const bool has_address = customer[0] != 'd';
    producer.Send("orders", {.key = customer, .value = has_address ? "12 Main Street" : ""})
        .value();
    ++open_orders;
  }

  // A real service would ask for the stop when it is told to end, by SIGTERM for one.
  std::stop_source stop;
  const auto settle = [&] {
    if (--open_orders == 0) stop.request_stop();
  };
  std::atomic<int> shipped = 0;
  std::atomic<int> calls_to_carrier = 0;
  daybook::ConsumerGroup group(*broker, "order-service");
  const absl::Status status = group.Run(
      {"orders"},
      {.threads = 4,
       .retries = {.max_attempts = kAttempts, .initial_backoff = std::chrono::milliseconds(1)},
       .on_failure =
           [&](const daybook::RecordView&, const absl::Status&, int attempt) {
             if (attempt == kAttempts) settle();  // it goes to the dead-letter topic
           },
       .dead_letter_topic = "orders.dead",
       .stop = stop.get_token()},
      [&](const daybook::RecordView& order) {
        absl::Status result = Ship(order, calls_to_carrier);
        if (!result.ok()) return result;
        ++shipped;
        settle();
        return absl::OkStatus();
      });
  if (!status.ok()) {
    std::cerr << status << '\n';
    return 1;
  }
  std::cout << "shipped: " << shipped << " orders\n";
  ShowDeadLetters(*broker);
}
