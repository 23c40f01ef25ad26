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

absl::StatusOr<TopicOptions> OptionsOf(const CreateArguments& arguments) {
  TopicOptions options;
  std::set<std::string> set;
  if (arguments.partitions) {
    options.partitions = *arguments.partitions;
    set.insert("num.partitions");
  }
  for (const std::string& setting : arguments.config) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("--config takes key=value, not ", setting));
    }
    const std::string key = setting.substr(0, equals);
    const auto status = SetOption(options, key, setting.substr(equals + 1));
    if (!status.ok()) return status;
    if (!set.insert(key).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          key, " is given twice", key == "num.partitions" ? "; --partitions is the same" : ""));
    }
  }
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
  Table partitions({"partition", "begin_offset", "end_offset", "durable_offset"});
  const bool is_in_memory = topic->options().storage == Storage::kMemory;
  for (int id = 0; id < topic->partitions(); ++id) {
    if (is_in_memory) {  // and not in ours
      partitions.Add({id, nullptr, nullptr, nullptr});
      continue;
    }
    Partition& partition = topic->partition(id);
    const auto begin = partition.begin_offset();
    const auto end = partition.end_offset();
    const auto durable = partition.durable_offset();
    for (const auto* offset : {&begin, &end, &durable}) {
      if (!offset->ok()) return offset->status();
    }
    partitions.Add({id, begin->value(), end->value(), durable->value()});
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

absl::Status Alter(const Global& global, const std::string& name, int partitions) {
  const auto broker = OpenBroker(global, BrokerAccess::kReadWrite);
  if (!broker.ok()) return broker.status();
  return (*broker)->CreatePartitions(name, partitions);
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
      "alter", "Add partitions to a topic; most keys then go to other partitions than before");
  auto partitions = std::make_shared<int>(0);
  alter->fallthrough();
  alter->add_option("name", *name, "The topic")->required();
  alter->add_option("--partitions", *partitions, "How many it is to have then")->required();
  alter->callback([&global, name, partitions] {
    global.run = [&global, name, partitions] { return Alter(global, *name, *partitions); };
  });

  CLI::App* remove =
      topic->add_subcommand("delete", "Remove a topic, its records, and all groups' places in it");
  remove->fallthrough();
  remove->add_option("name", *name, "The topic")->required();
  remove->callback(
      [&global, name] { global.run = [&global, name] { return Delete(global, *name); }; });
}

}  // namespace daybook::tools
