#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "admin/directory_check.h"
#include "log/check/verify.h"
#include "tools/commands/command.h"
#include "tools/text/bytes.h"
#include "tools/text/table.h"

namespace daybook::tools {
namespace {

struct Arguments {
  std::vector<std::string> topics;
  int partition = -1;
};

// The partitions' directories that are meant, in order.
absl::StatusOr<std::vector<std::string>> Select(Directory& root, const Arguments& arguments) {
  auto directories = ListPartitionDirectories(root);
  if (!directories.ok()) return directories;
  std::erase_if(*directories, [&](const std::string& directory) {
    const auto name = PartitionName::Parse(directory);
    if (arguments.partition >= 0 && name->partition() != arguments.partition) return true;
    return !arguments.topics.empty() && std::find(arguments.topics.begin(), arguments.topics.end(),
                                                  name->topic()) == arguments.topics.end();
  });
  return directories;
}

// The data directory, whatever is wrong with it.
absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const Global& global) {
  if (auto status = CheckDirectory(global); !status.ok()) return status;
  return FileSystem::Posix().OpenDirectory(global.directory, DirectoryMode::kMustExist);
}

absl::StatusOr<std::unique_ptr<Directory>> OpenRoot(const Global& global,
                                                    const Arguments& arguments) {
  // Says what is wrong with the directory, if anything is, or with the topics' names.
  const auto broker = OpenBroker(global, BrokerAccess::kReadOnly);
  if (!broker.ok()) return broker.status();
  for (const std::string& name : arguments.topics) {
    const auto topic = (*broker)->OpenTopic(name);
    if (!topic.ok()) return topic.status();
    if (arguments.partition >= topic->partitions()) {
      return absl::InvalidArgumentError(absl::StrCat(name, " has no partition ",
                                                     arguments.partition, "; it has 0 to ",
                                                     topic->partitions() - 1));
    }
  }
  return FileSystem::Posix().OpenDirectory(global.directory, DirectoryMode::kMustExist);
}

absl::Status DamageFound() { return absl::DataLossError("damage was found; it is listed above"); }

void AppendContent(const DumpedFrame& dumped, Offset base, std::string* out) {
  const frame::FrameHeader& header = dumped.header;
  RecordView record;
  switch (frame::KindOf(header.length_word)) {
    case frame::Kind::kRecord:
      if (!frame::DecodeRecord(dumped.frame, header, base, &record)) return;
      absl::StrAppendFormat(out, " CreateTime: %lld keySize: %lld valueSize: %lld",
                            (record.timestamp.time_since_epoch().count() / 1'000'000),
                            record.key ? std::ssize(*record.key) : -1,
                            record.is_tombstone() ? -1 : std::ssize(record.value));
      if (header.attributes & frame::kHasProducer) {
        const frame::ProducerSequence from = frame::ProducerOf(dumped.frame);
        absl::StrAppendFormat(out, " producerId: %016llx sequence: %lld", (from.producer),
                              (from.sequence));
      }
      break;
    case frame::Kind::kBatch:
    case frame::Kind::kTransactional:
      absl::StrAppendFormat(out, " batch count: %u", frame::OffsetCount(header));
      if (frame::KindOf(header.length_word) == frame::Kind::kTransactional) {
        absl::StrAppendFormat(out, " transaction: %016llx", (frame::TransactionOf(dumped.frame)));
      }
      if (header.attributes & frame::kBatchCompressed) {
        absl::StrAppendFormat(out, " compresscodec: zstd dictionary: %u",
                              frame::DictionaryOf(header.attributes));
      }
      break;
    case frame::Kind::kPadding:
      absl::StrAppendFormat(out, " padding");
      break;
    case frame::Kind::kSeal:
      absl::StrAppendFormat(out, " seal");
      break;
  }
}

// One frame as a line of JSON.
std::string ToJson(const std::string& directory, const DumpedFrame& dumped) {
  const frame::FrameHeader& header = dumped.header;
  const Offset base(dumped.segment->header.base_offset);
  const auto [topic, partition] = PartitionCells(directory);
  nlohmann::ordered_json line = {{"topic", topic},
                                 {"partition", partition},
                                 {"file", dumped.segment->file},
                                 {"position", dumped.position},
                                 {"size", frame::LengthOf(header.length_word)},
                                 {"offset", (base + header.offset_delta).value()},
                                 {"append_time_ns", header.append_time},
                                 {"valid", true}};
  RecordView record;
  switch (frame::KindOf(header.length_word)) {
    case frame::Kind::kRecord:
      line["kind"] = "record";
      if (!frame::DecodeRecord(dumped.frame, header, base, &record)) break;
      if (record.key) line["key_size"] = record.key->size();
      if (!record.is_tombstone()) line["value_size"] = record.value.size();
      if (header.attributes & frame::kHasProducer) {
        line["producer"] = frame::ProducerOf(dumped.frame).producer;
        line["sequence"] = frame::ProducerOf(dumped.frame).sequence;
      }
      break;
    case frame::Kind::kBatch:
    case frame::Kind::kTransactional:
      line["kind"] = "batch";
      if (frame::KindOf(header.length_word) == frame::Kind::kTransactional) {
        line["transaction"] = frame::TransactionOf(dumped.frame);
      }
      line["count"] = frame::OffsetCount(header);
      line["compressed"] = (header.attributes & frame::kBatchCompressed) != 0;
      line["dictionary"] = frame::DictionaryOf(header.attributes);
      break;
    case frame::Kind::kPadding:
      line["kind"] = "padding";
      break;
    case frame::Kind::kSeal:
      line["kind"] = "seal";
      break;
  }
  return DumpJson(line);
}

// The same columns, or names in JSON, for dump and verify.
const std::vector<std::string> kIssueColumns = {"topic",          "partition",    "file",
                                                "begin_position", "end_position", "begin_offset",
                                                "end_offset",     "is_damage",    "cause"};

std::vector<nlohmann::json> IssueCells(const std::string& directory, const VerifyIssue& issue) {
  const auto offset_of = [](const std::optional<Offset>& offset) {
    return offset ? nlohmann::json(offset->value()) : nlohmann::json(nullptr);
  };
  const auto [topic, partition] = PartitionCells(directory);
  return {topic,
          partition,
          issue.file,
          issue.begin_position,
          issue.end_position,
          offset_of(issue.begin_offset),
          offset_of(issue.end_offset),
          issue.is_damage,
          issue.cause};
}

std::string ToJson(const std::string& directory, const VerifyIssue& issue) {
  const std::vector<nlohmann::json> cells = IssueCells(directory, issue);
  nlohmann::ordered_json line;
  for (std::size_t i = 0; i < cells.size(); ++i) line[kIssueColumns[i]] = cells[i];
  line["valid"] = !issue.is_damage;
  return DumpJson(line);
}

// Ends a dump, which could take long and is for nobody.
struct NobodyReads {};

absl::Status Dump(const Global& global, const Arguments& arguments) {
  const bool is_json = global.format == Format::kJson;
  Output& output = *global.output;
  bool has_damage = false;
  const auto root = OpenRoot(global, arguments);
  if (!root.ok()) return root.status();
  const auto directories = Select(**root, arguments);
  if (!directories.ok()) return directories.status();
  for (const std::string& name : *directories) {
    const auto directory = (*root)->OpenDirectory(name);
    if (!directory.ok()) return directory.status();
    std::string current;
    const auto verified =
        VerifyPartition(**directory, FileSystem::Posix().BootId(), [&](const DumpedFrame& dumped) {
          if (output.is_closed()) throw NobodyReads();
          const SegmentSummary& segment = *dumped.segment;
          if (is_json) {
            output.PrintLine(ToJson(name, dumped));
            return;
          }
          if (segment.file != current) {
            current = segment.file;
            output.Print(absl::StrFormat(
                "Dumping %s/%s\nbaseOffset: %d formatVersion: %d segmentId: %016x capacity: %d\n",
                name, current, segment.header.base_offset, segment.header.format_version,
                segment.header.segment_id, segment.header.capacity));
          }
          const Offset base(segment.header.base_offset);
          std::string line = absl::StrFormat(
              "offset: %d position: %d size: %d", (base + dumped.header.offset_delta).value(),
              dumped.position, frame::LengthOf(dumped.header.length_word));
          AppendContent(dumped, base, &line);
          absl::StrAppendFormat(&line, " checksum: %08x isvalid: true\n", dumped.header.checksum);
          output.Print(line);
        });
    if (!verified.ok()) return verified.status();
    has_damage = has_damage || verified->has_damage();
    for (const VerifyIssue& issue : verified->issues) {
      if (is_json) {
        output.PrintLine(ToJson(name, issue));
        continue;
      }
      output.Print(absl::StrFormat("isvalid: false file: %s position: %d end: %d cause: %s\n",
                                   ToPrintable(issue.file), issue.begin_position,
                                   issue.end_position, ToPrintable(issue.cause)));
    }
  }
  return has_damage ? DamageFound() : absl::OkStatus();
}

absl::Status Verify(const Global& global, const Arguments& arguments) {
  const auto root = OpenDirectory(global);
  if (!root.ok()) return root.status();
  const auto found = VerifyDirectory(**root, FileSystem::Posix().BootId(), arguments.topics);
  if (!found.ok()) return found.status();
  Table partitions({"topic", "partition", "segments", "records", "bytes", "padding", "issues"});
  Table issues(kIssueColumns);
  std::size_t count = 0;
  const auto add = [&](const std::string& directory, const VerifyIssue& issue) {
    ++count;
    issues.Add(IssueCells(directory, issue));
  };
  for (const VerifyIssue& issue : found->issues) add("", issue);
  for (const PartitionVerification& partition : found->partitions) {
    std::int64_t records = 0;
    std::uint64_t bytes = 0;
    std::uint64_t padding = 0;
    for (const SegmentSummary& segment : partition.segments) {
      records += segment.records;
      bytes += segment.frame_bytes;
      padding += segment.padding_bytes;
    }
    const auto [topic, id] = PartitionCells(partition.directory);
    partitions.Add(
        {topic, id, partition.segments.size(), records, bytes, padding, partition.issues.size()});
    for (const VerifyIssue& issue : partition.issues) add(partition.directory, issue);
  }
  if (global.format == Format::kJson) {
    const nlohmann::json json = {{"partitions", partitions.ToJson()}, {"issues", issues.ToJson()}};
    global.output->PrintLine(DumpJson(json, 2));
  } else {
    partitions.Print(global);
    if (count != 0) {
      global.output->PrintLine("");
      issues.Print(global);
    }
  }
  return found->has_damage() ? DamageFound() : absl::OkStatus();
}

}  // namespace

void AddInspectCommands(CLI::App& app, Global& global) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* dump = app.add_subcommand("dump", "Print every frame of a topic's segment files");
  dump->fallthrough();
  dump->add_option("topic", arguments->topics, "The topic")->required()->expected(1);
  dump->add_option("-p,--partition", arguments->partition, "Only this partition")
      ->check(AtLeast(0));
  dump->callback([&global, arguments] {
    global.run = [&global, arguments] {
      try {
        return Dump(global, *arguments);
      } catch (const NobodyReads&) {
        return absl::OkStatus();
      }
    };
  });

  auto verified = std::make_shared<Arguments>();
  CLI::App* verify = app.add_subcommand(
      "verify",
      "Check every byte of the topics' files, without changing any; exits with 1 on damage");
  verify->fallthrough();
  verify->add_option("topics", verified->topics, "These topics (default: all, internal ones too)");
  verify->callback([&global, verified] {
    global.run = [&global, verified] { return Verify(global, *verified); };
  });
}

}  // namespace daybook::tools
