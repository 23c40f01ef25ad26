#include "admin/directory_check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random_id.h"
#include "broker/topics/topic_file.h"
#include "broker/topics/topic_settings.h"
#include "format/properties.h"
#include "io/atomic_replace.h"
#include "log/store/directory_follower.h"
#include "log/topic_dictionaries.h"

namespace daybook::inline v1 {
namespace {

constexpr std::size_t kMaxFileBytes = 64 << 10;
constexpr std::string_view kDictionaryInfix = ".dictionary-";

// What comes before `suffix`; nothing if `name` does not end so, or that is no name of a topic.
std::optional<std::string> TopicBefore(std::string_view name, std::string_view suffix) {
  if (name.size() <= suffix.size() || name.substr(name.size() - suffix.size()) != suffix) {
    return std::nullopt;
  }
  name.remove_suffix(suffix.size());
  return CheckTopicName(name).ok() ? std::optional<std::string>(name) : std::nullopt;
}

bool IsDictionaryName(std::string_view name) {
  return name.find(kDictionaryInfix) != std::string_view::npos;
}

class DirectoryVerifier {
 public:
  DirectoryVerifier(Directory& root, const BootId& boot, const std::vector<std::string>& topics)
      : root_(root), boot_(boot), wanted_(topics.begin(), topics.end()) {}

  absl::StatusOr<DirectoryVerification> Run() && {
    if (auto status = CheckIsDataDirectory(root_); !status.ok()) return status;
    const auto entries = root_.List();
    if (!entries.ok()) return entries.status();
    CheckProperties();
    for (const DirectoryEntry& entry : *entries) CheckEntry(entry);
    for (const std::string& topic : wanted_) {
      if (!seen_.contains(topic)) {
        return absl::NotFoundError(absl::StrCat("there is no topic ", topic, " in ", root_.path()));
      }
    }
    std::sort(partitions_.begin(), partitions_.end());
    for (const std::string& name : partitions_) {
      if (const auto status = CheckPartition(name); !status.ok()) return status;
    }
    return std::move(result_);
  }

 private:
  bool IsWanted(const std::string& topic) {
    seen_.insert(topic);
    return wanted_.empty() || wanted_.contains(topic);
  }

  static VerifyIssue IssueOf(std::string file, std::string cause, bool is_damage) {
    return {.file = std::move(file),
            .begin_position = 0,
            .end_position = 0,
            .begin_offset = std::nullopt,
            .end_offset = std::nullopt,
            .cause = std::move(cause),
            .is_damage = is_damage};
  }
  void Report(std::string file, std::string cause, bool is_damage = true) {
    result_.issues.push_back(IssueOf(std::move(file), std::move(cause), is_damage));
  }

  void CheckProperties() {
    const auto text = ReadFile(root_, kPropertiesFile, kMaxFileBytes);
    const absl::Status status = text.ok() ? DecodeProperties(*text).status() : text.status();
    if (status.ok()) return;
    Report(std::string(kPropertiesFile),
           text.ok() ? std::string(status.message()) : "it cannot be read: " + status.ToString());
  }

  void CheckEntry(const DirectoryEntry& entry) {
    const std::string& name = entry.name;
    if (name == kPropertiesFile || name == kLockFile || name == kReplaceTemporary) return;
    if (entry.is_directory && name == kQuarantineDirectory) return;
    // The dictionary of one topic may have the name of another one's partition.
    const auto partition = PartitionName::Parse(name);
    if (partition && CheckTopicName(partition->topic()).ok() &&
        (entry.is_directory || !IsDictionaryName(name))) {
      // A topic's name may begin with a dot, too.
      if (IsOfVolume(name) && !HasSettings(partition->topic())) return;
      if (!IsWanted(partition->topic())) return;
      if (entry.is_directory) {
        partitions_.push_back(name);
      } else {
        Report(name, "it is no directory, though it has the name of a partition's");
      }
    } else if (const auto topic = TopicBefore(name, kTopicFileSuffix);
               topic && !entry.is_directory) {
      if (IsWanted(*topic)) CheckTopic(*topic, name);
    } else if (const auto gone = TopicBefore(name, kGoneFileSuffix); gone && !entry.is_directory) {
      gone_.insert(*gone);
    } else if (!CheckDictionary(name) && !IsOfVolume(name)) {
      Report(name, "it is no file of Daybook's, and is left alone", false);
    }
  }

  bool HasSettings(const std::string& topic) {
    const auto file = root_.OpenFile(topic + std::string(kTopicFileSuffix), FileMode::kRead);
    return !absl::IsNotFound(file.status());
  }

  void CheckTopic(const std::string& topic, const std::string& file) {
    has_settings_.insert(topic);
    const auto text = ReadFile(root_, file, kMaxFileBytes);
    const auto options =
        text.ok() ? DecodeTopicFile(*text, topic) : absl::StatusOr<TopicOptions>(text.status());
    if (!options.ok()) Report(file, std::string(options.status().message()));
  }

  bool CheckDictionary(const std::string& name) {
    const std::size_t infix = name.rfind(kDictionaryInfix);
    std::uint32_t number = 0;
    if (infix == std::string::npos) {
      return TopicBefore(name, ".dictionary.tmp").has_value();
    }
    const std::string topic = name.substr(0, infix);
    if (!absl::SimpleAtoi(name.substr(infix + kDictionaryInfix.size()), &number) || number == 0) {
      return false;
    }
    if (!IsWanted(topic)) return true;
    const auto status = VerifyDictionary(root_, topic, number);
    if (!status.ok()) Report(name, std::string(status.message()));
    return true;
  }

  absl::Status CheckPartition(const std::string& name) {
    const std::string topic = PartitionName::Parse(name)->topic();
    PartitionVerification verified;
    const auto directory = root_.OpenDirectory(name);
    if (absl::IsNotFound(directory.status())) return absl::OkStatus();  // its topic was deleted
    if (!directory.ok()) return directory.status();
    auto found = VerifyPartition(**directory, boot_);
    if (!found.ok()) return found.status();
    verified = *std::move(found);
    verified.directory = name;
    if (!has_settings_.contains(topic) && !gone_.contains(topic)) {
      has_settings_.insert(topic);  // say it once
      Report(topic + std::string(kTopicFileSuffix),
             absl::StrCat("the settings of the topic of ", name, " are missing"));
    }
    for (const auto& [number, offset] : verified.dictionaries) {
      const auto status = VerifyDictionary(root_, topic, number);
      if (status.ok()) continue;
      VerifyIssue issue =
          IssueOf(absl::StrCat(topic, std::string(kDictionaryInfix), number),
                  absl::StrCat("batches from offset ", offset.value(),
                               " on need this dictionary, and cannot be read: ",
                               absl::IsNotFound(status) ? "it is missing" : "it is damaged"),
                  true);
      issue.begin_offset = offset;
      verified.issues.push_back(std::move(issue));
    }
    result_.partitions.push_back(std::move(verified));
    return absl::OkStatus();
  }

  Directory& root_;
  const BootId& boot_;
  const std::set<std::string> wanted_;
  std::set<std::string> seen_;
  std::set<std::string> has_settings_;
  std::set<std::string> gone_;
  std::vector<std::string> partitions_;
  DirectoryVerification result_;
};

}  // namespace

absl::Status CheckIsDataDirectory(Directory& root) {
  const auto entries = root.List();
  if (!entries.ok()) return entries.status();
  const bool is_ours = std::any_of(entries->begin(), entries->end(), [](const auto& entry) {
    return entry.name == kPropertiesFile || TopicBefore(entry.name, kTopicFileSuffix).has_value();
  });
  if (is_ours) {
    // What cannot be read is damage, and not looked at here.
    const auto text = ReadFile(root, kPropertiesFile, kMaxFileBytes);
    const absl::Status status = text.ok() ? CheckPropertiesVersion(*text) : absl::OkStatus();
    return status.ok()
               ? status
               : absl::FailedPreconditionError(absl::StrCat(
                     root.path(), "/", std::string(kPropertiesFile), ": ", status.message()));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(root.path(), " is not a data directory of Daybook: it has no ",
                   std::string(kPropertiesFile)));
}

bool DirectoryVerification::has_damage() const {
  return std::any_of(issues.begin(), issues.end(),
                     [](const VerifyIssue& issue) { return issue.is_damage; }) ||
         std::any_of(partitions.begin(), partitions.end(),
                     [](const PartitionVerification& found) { return found.has_damage(); });
}

absl::StatusOr<DirectoryVerification> VerifyDirectory(Directory& root, const BootId& boot,
                                                      const std::vector<std::string>& topics) {
  return DirectoryVerifier(root, boot, topics).Run();
}

}  // namespace daybook::inline v1
