#include "tools/text/suggestion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "broker/topics/topic_settings.h"

namespace daybook::tools {
namespace {

std::string DidYouMean(const std::string& word, const std::vector<std::string>& names) {
  const std::string nearest = NearestName(word, names);
  return nearest.empty() ? absl::StrCat("; there are ", absl::StrJoin(names, ", "))
                         : absl::StrCat("; did you mean ", nearest, "?");
}

}  // namespace

std::string UnknownWord(const CLI::App& app) {
  const CLI::App* command = &app;
  std::vector<const CLI::App*> path = {command};
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path.push_back(command);
  }
  const std::vector<std::string> words = app.remaining(/*recurse=*/true);
  const bool needs_command = command->get_require_subcommand_min() != 0;
  for (const std::string& word : words) {
    if (word.size() > 1 && word.front() == '-') {
      std::vector<std::string> names;
      for (const CLI::App* at : path) {
        for (const CLI::Option* option : at->get_options()) {
          for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
        }
      }
      return absl::StrCat("there is no option ", word, DidYouMean(word, names));
    }
  }
  if (needs_command && !words.empty()) {
    std::vector<std::string> names;
    for (const CLI::App* known : command->get_subcommands({})) names.push_back(known->get_name());
    return absl::StrCat("there is no command ", words.front(), DidYouMean(words.front(), names));
  }
  return "";
}

}  // namespace daybook::tools
