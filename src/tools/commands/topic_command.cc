#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "broker/topics/topic_settings.h"
#include "daybook/admin.h"
#include "tools/commands/command.h"
#include "tools/text/bytes.h"
#include "tools/text/table.h"

namespace daybook::tools {
namespace {

struct CreateArguments {
  std::string name;
  std::optional<int> partitions;
  std::vector<std::string> config;
  bool if_not_exists = false;
};

// Topics in memory are not made here.
bool IsOfMemory(const std::string& key) {
  return key == "storage" || key == "memory.bytes" || key == "memory.when.full" ||
         key == "max.block.ms";
}

// Sets what --config says, and adds the keys to those that are set.
absl::Status SetAll(const std::vector<std::string>& config, TopicOptions* options,
                    std::set<std::string>* set) {
  for (const std::string& setting : config) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("--config takes key=value, not ", setting));
    }
    const std::string key = setting.substr(0, equals);
    const auto status = SetOption(*options, key, setting.substr(equals + 1));
    if (!status.ok()) return status;
    if (!set->insert(key).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          key, " is given twice", key == "num.partitions" ? "; --partitions is the same" : ""));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TopicOptions> OptionsOf(const CreateArguments& arguments) {
  TopicOptions options;
  std::set<std::string> set;
  if (arguments.partitions) {
    options.partitions = *arguments.partitions;
    set.insert("num.partitions");
  }
  if (auto status = SetAll(arguments.config, &options, &set); !status.ok()) return status;
  if (options.storage == Storage::kMemory) {
    return absl::InvalidArgumentError(
        "a topic in memory is of no use here: its records are in the program that uses it; make it "
        "there");
  }
  if (auto status = CheckTopicOptions(Resolve(options)); !status.ok()) return status;
  return options;
}

// The keys of --config, and for those that take words, which.
std::string HelpOfConfig() {
  std::vector<std::string> keys;
  for (const auto& [key, unused] : ToProperties(TopicOptions())) {
    if (IsOfMemory(key)) continue;
    const std::vector<std::string> values = ValuesOfSetting(key);
    keys.push_back(values.empty() ? key
                                  : absl::StrCat(key, " (", absl::StrJoin(values, ", "), ")"));
  }
  return absl::StrCat("key=value; the keys are ", absl::StrJoin(keys, ", "));
}

absl::Status Create(const Global& global, const CreateArguments& arguments,
                    const TopicOptions& options) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadWrite);
  if (!broker.ok()) return broker.status();
  const absl::Status status = (*broker)->CreateTopic(arguments.name, options);
  return arguments.if_not_exists && absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status List(const Global& global) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadOnly);
  if (!broker.ok()) return broker.status();
  const auto names = (*broker)->ListTopics();
  if (!names.ok()) return names.status();
  Table table({"topic", "partitions", "durability"});
  for (const std::string& name : *names) {
    const auto topic = (*broker)->OpenTopic(name);
    if (!topic.ok()) return topic.status();
    table.Add({name, topic->partitions(), ToProperties(topic->options())["durability"]});
  }
  table.Print(global);
  return absl::OkStatus();
}

// Numbers as numbers.
nlohmann::json ToJson(const std::map<std::string, std::string>& settings) {
  nlohmann::json json;
  for (const auto& [key, value] : settings) {
    std::int64_t number = 0;
    json[key] = absl::SimpleAtoi(value, &number) ? nlohmann::json(number) : nlohmann::json(value);
  }
  return json;
}

absl::Status Describe(const Global& global, const std::string& name) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadOnly);
  if (!broker.ok()) return broker.status();
  const auto topic = (*broker)->OpenTopic(name);
  if (!topic.ok()) return topic.status();
  Table partitions(
      {"partition", "begin_offset", "end_offset", "durable_offset", "bytes", "segments"});
  if (topic->options().storage == Storage::kMemory) {  // and not in ours
    for (int id = 0; id < topic->partitions(); ++id) {
      partitions.Add({id, nullptr, nullptr, nullptr, nullptr, nullptr});
    }
  } else {
    const auto described = Admin(**broker).DescribeTopic(name);
    if (!described.ok()) return described.status();
    for (const PartitionDescription& partition : described->partitions) {
      partitions.Add({partition.partition, partition.begin.value(), partition.end.value(),
                      partition.durable.value(), partition.bytes, partition.segments});
    }
  }
  const auto settings = ToProperties(topic->options());
  if (global.format == Format::kJson) {
    const nlohmann::json json = {
        {"topic", name}, {"settings", ToJson(settings)}, {"partitions", partitions.ToJson()}};
    global.output->PrintLine(DumpJson(json, 2));
    return absl::OkStatus();
  }
  Table table({"setting", "value"});
  for (const auto& [key, value] : settings) table.Add({key, value});
  table.Print(global);
  global.output->PrintLine("");
  partitions.Print(global);
  return absl::OkStatus();
}

struct AlterArguments {
  std::string name;
  std::optional<int> partitions;
  std::vector<std::string> config;
};

absl::Status Alter(const Global& global, const AlterArguments& arguments) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadWrite);
  if (!broker.ok()) return broker.status();
  Admin admin(**broker);
  if (!arguments.config.empty()) {
    const auto topic = (*broker)->OpenTopic(arguments.name);
    if (!topic.ok()) return topic.status();
    TopicOptions options = topic->options();
    std::set<std::string> set;
    if (auto status = SetAll(arguments.config, &options, &set); !status.ok()) return status;
    if (auto status = admin.AlterTopic(arguments.name, options); !status.ok()) return status;
  }
  return arguments.partitions ? admin.CreatePartitions(arguments.name, *arguments.partitions)
                              : absl::OkStatus();
}

struct DeleteRecordsArguments {
  std::string name;
  int partition = 0;
  std::int64_t before = 0;
};

absl::Status DeleteRecords(const Global& global, const DeleteRecordsArguments& arguments) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadWrite);
  if (!broker.ok()) return broker.status();
  const auto begin = Admin(**broker).DeleteRecords({arguments.name, arguments.partition},
                                                   Offset(arguments.before));
  if (!begin.ok()) return begin.status();
  Table table({"partition", "begin_offset"});
  table.Add({arguments.partition, begin->value()});
  table.Print(global);
  return absl::OkStatus();
}

absl::Status Delete(const Global& global, const std::string& name) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadWrite);
  if (!broker.ok()) return broker.status();
  return (*broker)->DeleteTopic(name);
}

}  // namespace

void AddTopicCommands(CLI::App& app, Global& global) {
  CLI::App* topic = app.add_subcommand("topic", "Create, list, describe, alter and delete topics");
  topic->require_subcommand(1);
  topic->fallthrough();

  auto arguments = std::make_shared<CreateArguments>();
  CLI::App* create = topic->add_subcommand(
      "create", "Make a topic\n  daybook --dir D topic create orders --partitions 4");
  create->fallthrough();
  create->add_option("name", arguments->name, "The topic")->required();
  create->add_option("--partitions", arguments->partitions, "How many (default: 1)")
      ->type_name("INT");
  create->add_flag("--if-not-exists", arguments->if_not_exists,
                   "A topic of that name is no error, and is left as it is");
  create->add_option("--config", arguments->config, HelpOfConfig())->type_name("KEY=VALUE");
  create->callback([&global, arguments] {
    const auto options = OptionsOf(*arguments);
    RequireUsage(options.status());
    global.run = [&global, arguments, options = *options] {
      return Create(global, *arguments, options);
    };
  });

  topic->add_subcommand("list", "All topics")->fallthrough()->callback([&global] {
    global.run = [&global] { return List(global); };
  });

  auto name = std::make_shared<std::string>();
  CLI::App* describe = topic->add_subcommand("describe", "The settings and offsets of a topic");
  describe->fallthrough();
  describe->add_option("name", *name, "The topic")->required();
  describe->callback(
      [&global, name] { global.run = [&global, name] { return Describe(global, *name); }; });

  CLI::App* alter = topic->add_subcommand(
      "alter",
      "Change the retention of a topic, or add partitions\n"
      "  daybook --dir D topic alter orders --config retention.bytes=1073741824\n"
      "With more partitions most keys go to others than before.");
  auto altered = std::make_shared<AlterArguments>();
  alter->fallthrough();
  alter->add_option("name", altered->name, "The topic")->required();
  auto* const partitions =
      alter->add_option("--partitions", altered->partitions, "How many it is to have then");
  auto* const config = alter->add_option(
      "--config", altered->config,
      "key=value; the keys are retention.ms, retention.bytes, retention.unread (delete, keep) and "
      "retention.max.bytes");
  config->type_name("KEY=VALUE");
  alter->callback([&global, altered, partitions, config] {
    if (partitions->count() + config->count() == 0) {
      RequireUsage(absl::InvalidArgumentError("name --config or --partitions"));
    }
    global.run = [&global, altered] { return Alter(global, *altered); };
  });

  CLI::App* delete_records = topic->add_subcommand(
      "delete-records",
      "Delete the records of a partition before an offset\n"
      "  daybook --dir D topic delete-records orders --partition 0 --before 1000");
  auto records = std::make_shared<DeleteRecordsArguments>();
  delete_records->fallthrough();
  delete_records->add_option("name", records->name, "The topic")->required();
  delete_records->add_option("--partition", records->partition, "The partition")->required();
  delete_records->add_option("--before", records->before, "The first offset that stays")
      ->required()
      ->check(CLI::NonNegativeNumber);
  delete_records->callback([&global, records] {
    global.run = [&global, records] { return DeleteRecords(global, *records); };
  });

  CLI::App* remove =
      topic->add_subcommand("delete", "Remove a topic, its records, and all groups' places in it");
  remove->fallthrough();
  remove->add_option("name", *name, "The topic")->required();
  remove->callback(
      [&global, name] { global.run = [&global, name] { return Delete(global, *name); }; });
}

}  // namespace daybook::tools
