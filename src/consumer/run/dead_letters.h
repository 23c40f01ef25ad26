#ifndef DAYBOOK_CONSUMER_RUN_DEAD_LETTERS_H_
#define DAYBOOK_CONSUMER_RUN_DEAD_LETTERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/damage.h"
#include "daybook/limits.h"
#include "daybook/record.h"
#include "daybook/transaction.h"

namespace daybook::inline v1 {

// A record that could not be handled, as it is kept: itself, and where it came from and why in
// headers behind its own (RunOptions::dead_letter_topic has their names). What does not fit is cut.
class DeadLetter {
 public:
  // `record` must outlive it. `most_bytes`: of key, headers and value.
  DeadLetter(const RecordView& record, const absl::Status& cause, int attempts,
             std::size_t most_bytes);
  DeadLetter(const DeadLetter&) = delete;
  DeadLetter& operator=(const DeadLetter&) = delete;

  // As long-lived as this.
  const Record& record() const { return letter_; }

 private:
  std::array<std::string, 5> texts_;
  std::vector<Header> headers_;
  Record letter_;
};

// The topic that they are kept in. Thread-safe.
class DeadLetters {
 public:
  // Creates the topic if it is not there, to suit what comes from `sources`.
  //   InvalidArgument     it is one of them: its records would come back to it; or it takes no
  //                       records of kLeastRecordBytes
  //   NotFound            a source is not there
  // and the errors of Broker::CreateTopic.
  static absl::StatusOr<DeadLetters> Open(BrokerCore& broker, std::string_view topic,
                                          const std::vector<std::string>& sources);

  // Returns when the record is acknowledged. Errors as for Partition::Append.
  absl::Status Append(const RecordView& record, const absl::Status& cause, int attempts) const;
  // What a transaction may have to hold for one.
  std::int64_t max_transaction_bytes() const;
  // Makes it a part of the transaction. Errors as for Transaction::Send.
  absl::Status Send(Transaction& transaction, const RecordView& record, const absl::Status& cause,
                    int attempts) const;

  // The same of what could not be read: a note of where that was.
  absl::Status AppendNote(const DamagedRange& range, const absl::Status& cause) const;
  absl::Status SendNote(Transaction& transaction, const DamagedRange& range,
                        const absl::Status& cause) const;

  // Enough for what is said of a record, without the record.
  static constexpr std::int64_t kLeastRecordBytes = limits::kMinDeadLetterBytes;

 private:
  explicit DeadLetters(Topic topic) : topic_(std::move(topic)) {}
  int PartitionFor(int partition) const { return partition % topic_.partitions(); }
  std::size_t most_bytes() const {
    return static_cast<std::size_t>(topic_.options().max_record_bytes);
  }

  Topic topic_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_DEAD_LETTERS_H_
