#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/directory_check.h"
#include "log/verify.h"
#include "tools/command.h"
#include "tools/table.h"

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

void PrintContent(const DumpedFrame& dumped, Offset base) {
  const frame::FrameHeader& header = dumped.header;
  RecordView record;
  switch (frame::KindOf(header.length_word)) {
    case frame::Kind::kRecord:
      if (!frame::DecodeRecord(dumped.frame, header, base, &record)) return;
      std::printf(" CreateTime: %lld keySize: %lld valueSize: %lld",
                  static_cast<long long>(record.timestamp.time_since_epoch().count() / 1'000'000),
                  record.key ? static_cast<long long>(record.key->size()) : -1,
                  record.is_tombstone ? -1 : static_cast<long long>(record.value.size()));
      if (header.attributes & frame::kHasProducer) {
        const frame::ProducerSequence from = frame::ProducerOf(dumped.frame);
        std::printf(" producerId: %016llx sequence: %lld",
                    static_cast<unsigned long long>(from.producer),
                    static_cast<long long>(from.sequence));
      }
      break;
    case frame::Kind::kBatch:
    case frame::Kind::kTransactional:
      std::printf(" batch count: %u", frame::OffsetCount(header));
      if (frame::KindOf(header.length_word) == frame::Kind::kTransactional) {
        std::printf(" transaction: %016llx",
                    static_cast<unsigned long long>(frame::TransactionOf(dumped.frame)));
      }
      if (header.attributes & frame::kBatchCompressed) {
        std::printf(" compresscodec: zstd dictionary: %u",
                    header.attributes >> frame::kBatchDictionaryShift);
      }
      break;
    case frame::Kind::kPadding:
      std::printf(" padding");
      break;
    case frame::Kind::kSeal:
      std::printf(" seal");
      break;
  }
}

// One frame as a line of JSON.
void PrintJson(const std::string& partition, const DumpedFrame& dumped) {
  const frame::FrameHeader& header = dumped.header;
  const Offset base(dumped.segment->header.base_offset);
  nlohmann::ordered_json line = {{"partition", partition},
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
      if (!record.is_tombstone) line["value_size"] = record.value.size();
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
      line["dictionary"] = header.attributes >> frame::kBatchDictionaryShift;
      break;
    case frame::Kind::kPadding:
      line["kind"] = "padding";
      break;
    case frame::Kind::kSeal:
      line["kind"] = "seal";
      break;
  }
  std::puts(line.dump().c_str());
}

void PrintJson(const std::string& partition, const VerifyIssue& issue) {
  const nlohmann::ordered_json line = {
      {"partition", partition},           {"file", issue.file},
      {"position", issue.begin_position}, {"size", issue.end_position - issue.begin_position},
      {"valid", !issue.is_damage},        {"cause", issue.cause}};
  std::puts(line.dump().c_str());
}

absl::Status Dump(const Global& global, const Arguments& arguments) {
  const bool is_json = global.format == Format::kJson;
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
          const SegmentSummary& segment = *dumped.segment;
          if (is_json) {
            PrintJson(name, dumped);
            return;
          }
          if (segment.file != current) {
            current = segment.file;
            std::printf(
                "Dumping %s/%s\nbaseOffset: %lld formatVersion: %u segmentId: %016llx "
                "capacity: %llu\n",
                name.c_str(), current.c_str(), static_cast<long long>(segment.header.base_offset),
                segment.header.format_version,
                static_cast<unsigned long long>(segment.header.segment_id),
                static_cast<unsigned long long>(segment.header.capacity));
          }
          const Offset base(segment.header.base_offset);
          std::printf("offset: %lld position: %llu size: %u",
                      static_cast<long long>((base + dumped.header.offset_delta).value()),
                      static_cast<unsigned long long>(dumped.position),
                      frame::LengthOf(dumped.header.length_word));
          PrintContent(dumped, base);
          std::printf(" checksum: %08x isvalid: true\n", dumped.header.checksum);
        });
    if (!verified.ok()) return verified.status();
    has_damage = has_damage || verified->has_damage();
    for (const VerifyIssue& issue : verified->issues) {
      if (is_json) {
        PrintJson(name, issue);
        continue;
      }
      std::printf("isvalid: false file: %s position: %llu end: %llu cause: %s\n",
                  issue.file.c_str(), static_cast<unsigned long long>(issue.begin_position),
                  static_cast<unsigned long long>(issue.end_position), issue.cause.c_str());
    }
  }
  return has_damage ? DamageFound() : absl::OkStatus();
}

absl::Status Verify(const Global& global, const Arguments& arguments) {
  const auto root = OpenDirectory(global);
  if (!root.ok()) return root.status();
  const auto found = VerifyDirectory(**root, FileSystem::Posix().BootId(), arguments.topics);
  if (!found.ok()) return found.status();
  Table partitions({"partition", "segments", "records", "bytes", "padding", "issues"});
  Table issues({"partition", "file", "begin_position", "end_position", "begin_offset", "end_offset",
                "is_damage", "cause"});
  std::size_t count = 0;
  const auto add = [&](const std::string& partition, const VerifyIssue& issue) {
    const auto offset_of = [](const std::optional<Offset>& offset) {
      return offset ? nlohmann::json(offset->value()) : nlohmann::json(nullptr);
    };
    ++count;
    issues.Add({partition, issue.file, issue.begin_position, issue.end_position,
                offset_of(issue.begin_offset), offset_of(issue.end_offset), issue.is_damage,
                issue.cause});
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
    partitions.Add({partition.directory, partition.segments.size(), records, bytes, padding,
                    partition.issues.size()});
    for (const VerifyIssue& issue : partition.issues) add(partition.directory, issue);
  }
  if (global.format == Format::kJson) {
    const nlohmann::json json = {{"partitions", partitions.ToJson()}, {"issues", issues.ToJson()}};
    std::puts(json.dump(2).c_str());
  } else {
    partitions.Print(global.format);
    if (count != 0) {
      std::puts("");
      issues.Print(global.format);
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
      ->check(CLI::NonNegativeNumber);
  dump->callback([&global, arguments] {
    global.run = [&global, arguments] { return Dump(global, *arguments); };
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
