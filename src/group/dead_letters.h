#ifndef DAYBOOK_GROUP_DEAD_LETTERS_H_
#define DAYBOOK_GROUP_DEAD_LETTERS_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/record.h"
#include "daybook/transaction.h"

namespace daybook::inline v1 {

// A record that could not be handled, as it is kept: itself, and where it came from and why in
// headers behind its own (RunOptions::dead_letter_topic has their names). Whoever appends it
// otherwise than DeadLetters can take it from here.
class DeadLetter {
 public:
  // `record` must outlive it.
  DeadLetter(const RecordView& record, const absl::Status& cause, int attempts);
  DeadLetter(const DeadLetter&) = delete;
  DeadLetter& operator=(const DeadLetter&) = delete;

  // As long-lived as this.
  Record record() const;

 private:
  const RecordView& record_;
  std::array<std::string, 4> texts_;
  std::vector<Header> headers_;
};

// The topic that they are kept in. Thread-safe.
class DeadLetters {
 public:
  // Creates the topic if it is not there, to suit what comes from `sources`.
  //   InvalidArgument     it is one of them: its records would come back to it
  //   NotFound            a source is not there
  // and the errors of Broker::CreateTopic.
  static absl::StatusOr<DeadLetters> Open(BrokerCore& broker, std::string_view topic,
                                          const std::vector<std::string>& sources);

  // Returns when the record is acknowledged. Errors as for Partition::Append.
  absl::Status Append(const RecordView& record, const absl::Status& cause, int attempts) const;
  // Makes it a part of the transaction. Errors as for Transaction::Send.
  absl::Status Send(Transaction& transaction, const RecordView& record, const absl::Status& cause,
                    int attempts) const;

 private:
  explicit DeadLetters(Topic topic) : topic_(std::move(topic)) {}
  int PartitionFor(const RecordView& record) const {
    return record.partition % topic_.partitions();
  }

  Topic topic_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_GROUP_DEAD_LETTERS_H_
