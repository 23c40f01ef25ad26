#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "admin/directory_check.h"
#include "base/random_id.h"
#include "broker/topics/topic_file.h"
#include "broker/topics/topic_settings.h"
#include "daybook/repair.h"
#include "daybook/system/file_system.h"
#include "format/properties.h"
#include "io/atomic_replace.h"
#include "io/copy_file.h"
#include "log/check/diagnosis.h"
#include "log/check/repair.h"
#include "log/store/directory_follower.h"
#include "log/topic_dictionaries.h"

namespace daybook::inline v1 {
namespace {

constexpr std::size_t kMaxKeptBytes = 2 << 20;
// One bit of a larger file is not looked for: that would take too long.
constexpr std::size_t kMostFlipped = 64 << 10;
constexpr std::string_view kReportFile = "report";

// Where the originals go: quarantine/<number>, made when the first one is kept.
class QuarantineBox {
 public:
  explicit QuarantineBox(Directory& root) : root_(root) {}

  // `partition` is empty for a file of the data directory.
  absl::Status Keep(Directory& from, const std::string& partition, const std::string& file) {
    if (const auto status = Open(); !status.ok()) return status;
    if (partition.empty()) return CopyFile(from, *box_, file);
    auto& below = below_[partition];
    if (below == nullptr) {
      auto made = box_->CreateDirectory(partition);
      if (!made.ok()) return made.status();
      below = *std::move(made);
    }
    return CopyFile(from, *below, file);
  }
  absl::Status Write(const std::string& report) {
    if (const auto status = Open(); !status.ok()) return status;
    return AtomicReplace(*box_, kReportFile, std::as_bytes(std::span(report)));
  }
  absl::Status Sync() {
    if (box_ == nullptr) return absl::OkStatus();
    for (const auto& [name, directory] : below_) {
      if (const auto status = directory->Sync(); !status.ok()) return status;
    }
    if (const auto status = box_->Sync(); !status.ok()) return status;
    if (const auto status = all_->Sync(); !status.ok()) return status;
    return root_.Sync();
  }
  const std::string& name() const { return name_; }

 private:
  absl::Status Open() {
    if (box_ != nullptr) return absl::OkStatus();
    auto all = root_.CreateDirectory(kQuarantineDirectory);
    if (!all.ok()) return all.status();
    all_ = *std::move(all);
    const auto entries = all_->List();
    if (!entries.ok()) return entries.status();
    std::int64_t highest = 0;
    for (const DirectoryEntry& entry : *entries) {
      std::int64_t number = 0;
      if (absl::SimpleAtoi(entry.name, &number)) highest = std::max(highest, number);
    }
    const std::string number = absl::StrCat(highest + 1);
    auto box = all_->CreateDirectory(number);
    if (!box.ok()) return box.status();
    box_ = *std::move(box);
    name_ = absl::StrCat(std::string(kQuarantineDirectory), "/", number);
    return absl::OkStatus();
  }

  Directory& root_;
  std::unique_ptr<Directory> all_;
  std::unique_ptr<Directory> box_;
  std::map<std::string, std::unique_ptr<Directory>> below_;
  std::string name_;
};

// A file of the data directory that gets a new content.
struct NewFile {
  std::string name;
  std::string content;
  bool was_there = true;
};

class DirectoryRepair {
 public:
  DirectoryRepair(Directory& root, const DirectoryVerification& found, const RepairOptions& options)
      : root_(root), found_(found), options_(options) {}

  absl::StatusOr<RepairReport> Run() && {
    for (const VerifyIssue& issue : found_.issues) {
      if (issue.is_damage) PlanFile(issue);
    }
    for (const PartitionVerification& partition : found_.partitions) PlanPartition(partition);
    if (options_.mode == RepairMode::kExecute && !report_.actions.empty()) {
      if (const auto status = Execute(); !status.ok()) return status;
      report_.quarantine = box_.name();
    }
    return std::move(report_);
  }

 private:
  void PlanFile(const VerifyIssue& issue) {
    const std::string& name = issue.file;
    const auto bytes = ReadFile(root_, name, kMaxKeptBytes);
    if (!bytes.ok() && !absl::IsNotFound(bytes.status())) {
      report_.not_repaired.push_back(absl::StrCat(name, ": ", issue.cause));
    } else if (name == kPropertiesFile) {
      PlanProperties(bytes.ok() ? *bytes : "", bytes.ok(), issue.cause);
    } else if (name.ends_with(kTopicFileSuffix)) {
      PlanTopic(name.substr(0, name.size() - kTopicFileSuffix.size()), bytes.ok() ? *bytes : "",
                bytes.ok(), issue.cause);
    } else {
      PlanDictionary(name, bytes.ok() ? *bytes : "", issue.cause);
    }
  }

  void Replace(NewFile file, std::string what, const std::string& why) {
    report_.actions.push_back(
        {.partition = "", .file = file.name, .what = std::move(what), .why = why});
    files_.push_back(std::move(file));
  }

  // `bytes` with one bit put back, if that makes `is_whole` true.
  static std::optional<std::string> PutBack(
      std::string bytes, const std::function<bool(const std::string&)>& is_whole) {
    if (bytes.size() > kMostFlipped) return std::nullopt;
    const auto all = std::as_writable_bytes(std::span(bytes));
    if (!FlipBack(all, [&] { return is_whole(bytes); })) return std::nullopt;
    return bytes;
  }

  void PlanProperties(const std::string& bytes, bool was_there, const std::string& why) {
    const auto restored =
        PutBack(bytes, [](const std::string& text) { return DecodeProperties(text).ok(); });
    if (restored) {
      Replace({std::string(kPropertiesFile), *restored}, "put one flipped bit back", why);
      return;
    }
    Replace({std::string(kPropertiesFile), NewProperties(), was_there},
            "make it anew, with a new id", why);
  }

  void PlanTopic(const std::string& topic, const std::string& bytes, bool was_there,
                 const std::string& why) {
    const std::string file = topic + std::string(kTopicFileSuffix);
    const auto restored =
        PutBack(bytes, [&](const std::string& text) { return DecodeTopicFile(text, topic).ok(); });
    if (restored) {
      Replace({file, *restored}, "put one flipped bit back", why);
      return;
    }
    TopicOptions options;
    std::uint64_t id = 0;  // a topic without one is the one that it was
    std::set<std::string> kept;
    const std::vector<std::string> lines = absl::StrSplit(bytes, '\n');
    for (const std::string& line : lines) {
      const std::size_t equals = line.find('=');
      if (equals == std::string::npos) continue;
      TopicOptions with = options;
      const std::string key = line.substr(0, equals);
      if (key == "id" && absl::SimpleAtoi(line.substr(equals + 1), &id)) continue;
      if (!SetOption(with, key, line.substr(equals + 1)).ok()) continue;
      if (!CheckTopicOptions(Resolve(with)).ok() && key != "max.message.bytes") continue;
      options = with;
      kept.insert(key);
    }
    AdaptTo(topic, kept, &options);
    options = Resolve(options);
    if (!CheckTopicOptions(options).ok()) {
      options.max_record_bytes = 0;
      options = Resolve(options);
    }
    std::string by_default;
    for (const auto& [key, value] : ToProperties(options)) {
      if (!kept.contains(key)) absl::StrAppend(&by_default, by_default.empty() ? "" : ", ", key);
    }
    Replace({file, EncodeTopicFile(options, topic, {.id = id}), was_there},
            absl::StrCat("make it anew; not read from it, but from the partitions or by default: ",
                         by_default.empty() ? "nothing" : by_default),
            why);
  }

  static PartitionName NameOf(const PartitionVerification& partition) {
    return *PartitionName::Parse(partition.directory);  // verified because that is its name
  }

  // What the partitions say of their topic.
  void AdaptTo(const std::string& topic, const std::set<std::string>& kept, TopicOptions* options) {
    for (const PartitionVerification& partition : found_.partitions) {
      const PartitionName name = NameOf(partition);
      if (name.topic() != topic) continue;
      options->partitions = std::max(options->partitions, name.partition() + 1);
      for (const SegmentSummary& segment : partition.segments) {
        if (!segment.is_readable() || kept.contains("segment.bytes")) continue;
        TopicOptions with = *options;
        with.segment_bytes = static_cast<std::int64_t>(segment.header.capacity);
        if (CheckTopicOptions(Resolve(with)).ok()) *options = with;
      }
    }
  }

  void PlanDictionary(const std::string& name, const std::string& bytes, const std::string& why) {
    const auto restored =
        PutBack(bytes, [](const std::string& text) { return IsWholeDictionary(text); });
    if (restored) {
      Replace({name, *restored}, "put one flipped bit back", why);
      restored_.insert(name);
    } else {
      report_.not_repaired.push_back(
          absl::StrCat(name, ": ", why, "; put a copy of it back if there is one"));
    }
  }

  void PlanPartition(const PartitionVerification& found) {
    const PartitionName name = NameOf(found);
    for (const VerifyIssue& issue : found.issues) {
      const bool is_dictionary = issue.file.find(".dictionary-") != std::string::npos;
      if (is_dictionary && issue.is_damage && !restored_.contains(issue.file)) {
        report_.not_repaired.push_back(
            absl::StrCat(found.directory, ": ", issue.file, ": ", issue.cause));
      }
    }
    PartitionPlan plan = PlanRepair(found);
    for (const std::string& what : plan.not_repaired) {
      report_.not_repaired.push_back(absl::StrCat(found.directory, ": ", what));
    }
    for (const LostRange& lost : plan.lost) {
      if (lost.end_offset == lost.begin_offset) continue;  // bytes that held no record
      report_.lost.push_back({.topic = name.topic(),
                              .partition = name.partition(),
                              .begin_offset = lost.begin_offset,
                              .end_offset = lost.end_offset,
                              .file = lost.file,
                              .bytes = lost.bytes,
                              .cause = lost.cause});
    }
    for (const SegmentStep& step : plan.steps) {
      report_.actions.push_back(
          {.partition = found.directory,
           .file = step.source.empty() ? SegmentFileName(step.base, ".log") : step.source,
           .what = Describe(step),
           .why = step.reason});
    }
    if (plan.changes_segments()) plans_.emplace_back(found.directory, std::move(plan));
  }

  static std::string Describe(const SegmentStep& step) {
    const std::string name = SegmentFileName(step.base, ".log");
    switch (step.action) {
      case SegmentStep::Action::kRewrite:
        return step.source == name ? "rewrite it, with padding for what is damaged"
                                   : "move it to " + name + ", where it belongs";
      case SegmentStep::Action::kMark:
        return absl::StrCat("make a segment that marks ", step.offsets, " offsets as lost");
      case SegmentStep::Action::kReindex:
        return "make its index anew";
      case SegmentStep::Action::kRemove:
        return "take it away";
    }
    return "";
  }

  std::string TextOfReport() const {
    std::string text = "What a repair did to the files of this data directory.\n";
    for (const RepairAction& action : report_.actions) {
      absl::StrAppend(&text, action.partition, action.partition.empty() ? "" : "/", action.file,
                      ": ", action.what, ": ", action.why, "\n");
    }
    for (const LostRecords& lost : report_.lost) {
      absl::StrAppend(&text, "lost: ", lost.topic, "-", lost.partition, " offsets [",
                      lost.begin_offset.value(), ", ",
                      lost.end_offset ? absl::StrCat(lost.end_offset->value()) : "?", "), ",
                      lost.bytes, " bytes of ", lost.file, ": ", lost.cause, "\n");
    }
    for (const std::string& what : report_.not_repaired) {
      absl::StrAppend(&text, "not repaired: ", what, "\n");
    }
    return text;
  }

  absl::Status Execute() {
    const bool changes_files = !files_.empty() || !report_.lost.empty();
    if (changes_files) {
      if (const auto status = box_.Write(TextOfReport()); !status.ok()) return status;
    }
    for (const NewFile& file : files_) {
      if (!file.was_there) continue;
      if (const auto status = box_.Keep(root_, "", file.name); !status.ok()) return status;
    }
    if (const auto status = box_.Sync(); !status.ok()) return status;
    for (const NewFile& file : files_) {
      if (const auto status =
              AtomicReplace(root_, file.name, std::as_bytes(std::span(file.content)));
          !status.ok()) {
        return status;
      }
    }
    for (const auto& [partition, plan] : plans_) {
      const std::string& name = partition;  // clang 14 captures no structured bindings
      const auto directory = root_.OpenDirectory(name);
      if (!directory.ok()) return directory.status();
      const RepairContext context{
          .clock = options_.clock,
          .new_segment_id = RandomId,
          .quarantine = [&](const std::string& file) { return box_.Keep(**directory, name, file); },
          .seal_quarantine = [&] { return box_.Sync(); }};
      if (const auto status = ExecuteRepair(**directory, plan, context); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  Directory& root_;
  const DirectoryVerification& found_;
  const RepairOptions& options_;
  RepairReport report_;
  std::vector<NewFile> files_;
  std::set<std::string> restored_;  // dictionaries
  std::vector<std::pair<std::string, PartitionPlan>> plans_;
  QuarantineBox box_{root_};
};

}  // namespace

absl::StatusOr<RepairReport> Repair(std::string_view directory, RepairOptions options) {
  if (options.mode != RepairMode::kDryRun && options.mode != RepairMode::kExecute) {
    return absl::InvalidArgumentError(absl::StrCat("RepairOptions::mode is ",
                                                   static_cast<int>(options.mode),
                                                   ", which is no value of its type"));
  }
  if (options.file_system == nullptr) options.file_system = &FileSystem::Posix();
  if (options.clock == nullptr) options.clock = &Clock::System();
  const auto root = options.file_system->OpenDirectory(directory, DirectoryMode::kMustExist);
  if (!root.ok()) return root.status();
  // Before anything is made in what may be somebody else's directory.
  if (auto status = CheckIsDataDirectory(**root); !status.ok()) return status;
  const auto lock = (*root)->Lock(kLockFile);
  // A dry run needs no lock where it may not write, on a file system that is mounted read-only say:
  // that no other process has the lock was looked at first.
  const bool goes_without =
      options.mode == RepairMode::kDryRun && absl::IsPermissionDenied(lock.status());
  if (!lock.ok() && !goes_without) return lock.status();
  const auto found = VerifyDirectory(**root, options.file_system->BootId(), options.topics);
  if (!found.ok()) return found.status();
  return DirectoryRepair(**root, *found, options).Run();
}

}  // namespace daybook::inline v1
