#ifndef DAYBOOK_BROKER_H_
#define DAYBOOK_BROKER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/export.h"
#include "daybook/system/clock.h"
#include "daybook/topic.h"

namespace daybook::inline v1 {

class FileSystem;
class ThreadFactory;

// Who does the work that nobody waits for: syncs at kInterval and for asynchronous sends, whose
// callbacks are then told; and, ahead of the appends to busy partitions, the next segment's file
// and the page faults.
enum class Background {
  kThread,  // four threads of the broker, which Open starts: syncs, callbacks, work ahead,
            // retention
  kCaller,  // nobody, until RunBackgroundWork is called; appends do what was not done ahead
};

enum class BrokerAccess {
  kReadWrite,  // one process at a time: it holds the directory's lock
  kReadOnly,   // any number of processes, also while another one writes: they follow it
};

struct BrokerOptions {
  BrokerAccess access = BrokerAccess::kReadWrite;
  // offsets.directory, for kReadOnly: a directory of this process's own, made (its last component)
  // when it is not there, for the committed offsets of its groups. Without it there are no groups,
  // and those of the process that writes can be looked at. With it groups do here all that they do
  // there, but for what writes to topics (transactions, dead letters); neither process sees the
  // other's groups, and offsets survive here what they survive there.
  //
  // It belongs to that one data directory, or to copies of it, and is for nothing else. What was
  // committed in a topic is forgotten when the topic is deleted, or deleted and made again, also
  // while this process does not run. While it takes no writes, topics that the writer makes are not
  // found here; all else goes on. A power cut can take records that a group has read: it goes on at
  // the partition's end then. But what the writer appends in their place before this process opens
  // again, up to where the group was, the group does not read.
  std::string offsets_directory = {};
  Background background = Background::kThread;
  // Seams, for tests above all: file_system.h, clock.h and thread_factory.h. Null: the system's.
  // All of them must outlive the broker and all that comes from it.
  FileSystem* file_system = nullptr;
  Clock* clock = nullptr;
  ThreadFactory* threads = nullptr;  // of the broker, its producers and its groups
};

// What was found and done when the directory was opened. For logs and tests.
struct RecoveryReport {
  std::int64_t partitions_opened = 0;  // so far: a partition is opened when it is first used
  std::int64_t bytes_scanned = 0;      // past the last checkpoints
  std::int64_t claims_padded = 0;      // never committed: their threads died
  std::int64_t torn_tail_bytes = 0;    // cut off, none of them acknowledged as durable
  // Of __consumer_offsets: none of ours, or of a later version. They are passed over.
  std::int64_t foreign_records = 0;
};

class BrokerCore;
class GroupRegistry;

// One data directory, opened by one process: its topics, its groups, the offset store. Several
// brokers may live in one process, each with a directory of its own. Thread-safe.
//
// After fork(2) a broker and everything that came from it are the parent's: in the child calls
// that answer a status answer FailedPrecondition, claims commit nothing, and destructors do
// nothing. Close releases the directory's lock, whatever children there are. A process that ends
// without it leaves the directory locked for as long as a child with a copy of its descriptor
// lives: exec, or end, soon.
//
// The directory is the broker's alone. Whoever removes files below it (rm -rf) is not noticed at
// once: what is mapped stays readable and takes appends, which are acknowledged and go with the
// last handle. Only when a file has to be made, grown or synced, a call answers NotFound.
class DAYBOOK_EXPORT Broker {
 public:
  // Opens `directory`, making it (its last component) when it is not there.
  //   FailedPrecondition  another process has it open (the message names the process id); or it
  //                       is not empty and not ours; or a version with another format wrote it
  //   NotFound            the parent is not there, or for kReadOnly: the directory
  //   DataLoss            its own file (daybook.properties) is damaged
  //   ResourceExhausted   the system starts no more threads (Background::kThread)
  //   InvalidArgument     an option has none of its values; or there is an offsets_directory with
  //                       kReadWrite, or it is `directory`, however it is spelled
  // Errors of offsets_directory are those of a directory that is opened for writing;
  // FailedPrecondition, too: there are topics in it, or it belongs to another data directory.
  static absl::StatusOr<std::unique_ptr<Broker>> Open(std::string_view directory,
                                                      BrokerOptions options = {});

  // Closes. Producers, consumers, transactions and the handles of topics may be destroyed before or
  // after it, in any order; after it they answer as after Close. Not from a callback of its own.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // Syncs what is promised at kInterval, stops the background threads, writes checkpoints, and
  // releases the directory's lock, in this order. From then on this broker and all that came from
  // it answer FailedPrecondition, and who waits in Poll or Run is woken; batches stay valid.
  // Nothing of it writes to the directory any more: that may be another process's.
  //
  // Claims that are open (RecordClaim), appends of other threads and syncs under way are waited
  // for, one second. What is not done then keeps the directory locked, and a claim may still be
  // committed and counts, until Close is called again and finds it settled, or the last handle is
  // gone:
  //   DeadlineExceeded    that is so
  // Of threads that call it at the same time each waits until it is done. What could not be synced
  // is the answer of all calls, later ones, too. It waits for callbacks that are running, too:
  //   FailedPrecondition  one of its own callbacks, or a handler of ConsumerGroup::Run, called it,
  //                       and nothing was closed: tell another thread to
  absl::Status Close();

  // When it returns OK, the topic survives a power cut.
  //   InvalidArgument     the name is not [A-Za-z0-9._-]{1,249}, is "." or "..", or begins with
  //                       "__"; or an option is out of its range
  //   AlreadyExists       there is a topic of that name
  absl::Status CreateTopic(std::string_view name, TopicOptions options = {});

  // NotFound: there is no such topic; the message names the nearest one.
  absl::StatusOr<Topic> OpenTopic(std::string_view name);

  // Removes the topic, its files, and every group's place in it. Batches that readers hold stay
  // valid. NotFound as above.
  absl::Status DeleteTopic(std::string_view name);

  // In alphabetical order; without internal ones (they begin with "__").
  absl::StatusOr<std::vector<std::string>> ListTopics();

  // Does what is due and returns. For Background::kCaller; harmless otherwise.
  absl::Status RunBackgroundWork();

  RecoveryReport recovery_report() const;
  const std::string& directory() const;

 private:
  friend class Access;  // of the library
  Broker(std::shared_ptr<BrokerCore> core, GroupRegistry* groups);
  std::shared_ptr<BrokerCore> core_;
  GroupRegistry* groups_;  // which the core owns
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_H_
