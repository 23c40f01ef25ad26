#include "support/class_sizes.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <utility>

namespace daybook::inline v1 {
namespace {

struct Token {
  std::string_view text;
  int line;
};
using Tokens = std::vector<Token>;

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Where the literal or comment that begins at `at` ends; `at` if there is none.
std::size_t EndOfText(std::string_view source, std::size_t at) {
  const auto behind = [&](std::string_view end, std::size_t from) {
    const std::size_t found = source.find(end, from);
    return found == std::string_view::npos ? source.size() : found + end.size();
  };
  const std::string_view rest = source.substr(at);
  if (rest.starts_with("//")) return std::min(source.find('\n', at), source.size());
  if (rest.starts_with("/*")) return behind("*/", at + 2);
  if (rest.starts_with("R\"")) {
    const std::size_t open = std::min(source.find('(', at), source.size() - 1);
    return behind(")" + std::string(source.substr(at + 2, open - at - 2)) + "\"", open);
  }
  if (rest.front() != '"' && rest.front() != '\'') return at;
  std::size_t end = at + 1;
  while (end < source.size() && source[end] != rest.front()) end += source[end] == '\\' ? 2 : 1;
  return std::min(end + 1, source.size());
}

// A directive with the lines that continue it.
std::size_t EndOfDirective(std::string_view source, std::size_t at) {
  while (at < source.size() && (source[at] != '\n' || source[at - 1] == '\\')) ++at;
  return at;
}

// Without comments and directives; a literal is "".
Tokens Tokenize(std::string_view source) {
  // What must not be taken for brackets or for a label; ">>" may be two of them.
  static constexpr std::string_view kLong[] = {"<=>", "::", "->", "<<", "<=", ">=", "=="};
  Tokens tokens;
  int line = 1;
  bool is_line_start = true;
  for (std::size_t at = 0; at < source.size();) {
    std::size_t end = EndOfText(source, at);
    const bool is_comment = end != at && source[at] == '/';
    const bool is_space = std::isspace(static_cast<unsigned char>(source[at])) != 0;
    if (end == at && source[at] == '#' && is_line_start) {
      end = EndOfDirective(source, at);
    } else if (end != at) {
      if (!is_comment) tokens.push_back({"\"\"", line});
    } else if (is_space) {
      end = at + 1;
    } else if (IsWord(source[at])) {
      const bool is_number = std::isdigit(static_cast<unsigned char>(source[at])) != 0;
      while (end < source.size() && (IsWord(source[end]) || (is_number && source[end] == '\''))) {
        ++end;
      }
      tokens.push_back({source.substr(at, end - at), line});
    } else {
      end = at + 1;
      for (const std::string_view text : kLong) {
        if (end == at + 1 && source.substr(at).starts_with(text)) end = at + text.size();
      }
      tokens.push_back({source.substr(at, end - at), line});
    }
    const std::string_view passed = source.substr(at, end - at);
    line += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
    is_line_start = source[at] == '\n' || (is_line_start && is_space);
    at = end;
  }
  return tokens;
}

bool IsIdentifier(std::string_view text) {
  return IsWord(text.front()) && std::isdigit(static_cast<unsigned char>(text.front())) == 0;
}

bool IsMacro(std::string_view text) {
  return text.find('_') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsWord(c) && std::islower(static_cast<unsigned char>(c)) == 0;
         });
}

bool IsClassKey(std::string_view text) {
  return text == "class" || text == "struct" || text == "union";
}

// Reads one file's tokens. All `at` and results are indexes of tokens; the end of the file is
// where everything ends that is not closed.
class Parser {
 public:
  explicit Parser(Tokens tokens) : tokens_(std::move(tokens)) {}

  std::vector<ClassSize> Classes() const {
    std::vector<ClassSize> classes;
    std::vector<std::pair<std::size_t, std::string>> around;  // by where they end
    for (std::size_t at = 0; at < tokens_.size(); ++at) {
      while (!around.empty() && around.back().first <= at) around.pop_back();
      const std::optional<Head> head = HeadAt(at);
      if (!head.has_value() || head->name.empty()) continue;
      const std::size_t end = Behind(head->body);
      const std::string name = (around.empty() ? "" : around.back().second + "::") + head->name;
      classes.push_back({.name = name,
                         .members = Members(head->body + 1, end - 1),
                         .lines = tokens_[end - 1].line - tokens_[at].line + 1});
      around.emplace_back(end, name);
    }
    return classes;
  }

 private:
  struct Head {
    std::string name;  // empty: anonymous
    std::size_t body;  // its brace
  };

  std::string_view At(std::size_t at) const {
    return at < tokens_.size() ? tokens_[at].text : std::string_view(";");
  }
  bool IsEnd(std::size_t at) const { return at >= tokens_.size(); }

  // Behind the bracket that closes the one at `at`; `<` is one where the caller says so.
  std::size_t Behind(std::size_t at) const {
    const bool is_angle = At(at) == "<";
    for (++at; !IsEnd(at);) {
      const std::string_view text = At(at);
      if (text == "(" || text == "[" || text == "{" || (is_angle && text == "<")) {
        at = Behind(at);
      } else if (text == ")" || text == "]" || text == "}" || (is_angle && text == ">")) {
        return at + 1;
      } else {
        ++at;
      }
    }
    return at;
  }

  // Behind attributes and macros with arguments, of which there may be none.
  std::size_t BehindAttributes(std::size_t at) const {
    for (;;) {
      if (At(at) == "[" && At(at + 1) == "[") {
        at = Behind(at);
      } else if ((At(at) == "alignas" || IsMacro(At(at))) && At(at + 1) == "(") {
        at = Behind(at + 1);
      } else {
        return at;
      }
    }
  }

  // If a class is defined from here on.
  std::optional<Head> HeadAt(std::size_t at) const {
    if (!IsClassKey(At(at))) return {};
    if (at > 0 && At(at - 1) == "enum") return {};
    Head head;
    for (at = BehindAttributes(at + 1); !IsEnd(at); at = BehindAttributes(at)) {
      const std::string_view text = At(at);
      if (text == "{" || text == ":") break;
      if (text == "<") {
        at = Behind(at);  // a specialisation
      } else if (text == "::" || IsIdentifier(text)) {
        if (text == "::" || head.name.ends_with("::")) {
          head.name += text;
        } else if (text != "final") {
          head.name = text;
        }
        ++at;
      } else {
        return {};
      }
    }
    while (!IsEnd(at) && At(at) != "{") at = At(at) == "<" ? Behind(at) : at + 1;  // bases
    if (IsEnd(at)) return {};
    head.body = at;
    return head;
  }

  // Of the declarations in [at, end).
  int Members(std::size_t at, std::size_t end) const {
    int members = 0;
    while (at < end) members += Declaration(&at);
    return members;
  }

  // Passes one of a class; how many data members it declares.
  int Declaration(std::size_t* at) const {
    const std::string_view text = At(*at);
    if (text == "public" || text == "private" || text == "protected") {
      *at += 2;
      return 0;
    }
    if (text == "using" || text == "typedef" || text == "static_assert") {
      while (!IsEnd(*at) && At(*at) != ";") ++*at;
      ++*at;
      return 0;
    }
    if (text == "enum") {
      while (!IsEnd(*at) && At(*at) != ";" && At(*at) != "{") ++*at;
      if (At(*at) == "{") *at = Behind(*at);
      return Declarators(at);
    }
    bool counts = true;
    for (;; ++*at) {
      *at = BehindAttributes(*at);
      if (At(*at) == "template" || At(*at) == "explicit") {
        if (At(*at + 1) == "<" || At(*at + 1) == "(") *at = Behind(*at + 1) - 1;
      } else if (At(*at) == "static" || At(*at) == "friend") {
        counts = false;
      } else if (At(*at) != "mutable" && At(*at) != "inline") {
        break;
      }
    }
    int members = 0;
    if (const std::optional<Head> head = HeadAt(*at)) {
      *at = Behind(head->body);
      const bool is_anonymous = head->name.empty() && At(*at) == ";";
      if (is_anonymous) members = Members(head->body + 1, *at - 1);
    } else if (IsClassKey(At(*at)) && At(*at + 2) == ";") {
      counts = false;  // declared alone
    }
    members += Declarators(at);
    return counts ? members : 0;
  }

  // From the type on to behind the declaration: the data that it names, 0 for a function.
  int Declarators(std::size_t* at) const {
    int members = 0;
    bool has_name = false;
    for (;;) {
      *at = BehindAttributes(*at);
      const std::string_view text = At(*at);
      if (IsEnd(*at) || text == ";" || text == ",") {
        members += has_name ? 1 : 0;
        has_name = false;
        ++*at;
        if (text != ",") return members;
      } else if (text == "operator" || (text == "(" && !IsPointerTo(*at))) {
        PassFunction(at);
        return 0;
      } else if (text == "decltype") {
        *at = Behind(*at + 1);
      } else if (text == "(") {  // a pointer to function: its name, then its parameters
        *at = Behind(*at);
        if (At(*at) == "(") *at = Behind(*at);
        has_name = true;
      } else if (text == "<" || text == "[" || text == "{") {
        *at = Behind(*at);
      } else if (text == "=" || text == ":") {
        PassInitializer(at);
      } else {
        has_name = has_name || IsIdentifier(text);
        ++*at;
      }
    }
  }

  // "(*" or "(Class::*".
  bool IsPointerTo(std::size_t at) const {
    ++at;
    while (IsIdentifier(At(at)) && At(at + 1) == "::") at += 2;
    return At(at) == "*" || At(at) == "&";
  }

  // To the comma or semicolon behind it.
  void PassInitializer(std::size_t* at) const {
    while (!IsEnd(*at) && At(*at) != "," && At(*at) != ";") {
      const std::string_view text = At(*at);
      const bool opens = text == "(" || text == "[" || text == "{";
      *at = opens || (text == "<" && IsTemplateArguments(*at)) ? Behind(*at) : *at + 1;
    }
  }

  // Or a comparison.
  bool IsTemplateArguments(std::size_t at) const {
    if (!IsIdentifier(At(at - 1))) return false;
    const std::size_t end = Behind(at);
    for (; at < end; ++at) {
      if (At(at) == ";" || At(at) == "=") return false;
    }
    return !IsEnd(end);
  }

  // From its parameters, or from `operator`.
  void PassFunction(std::size_t* at) const {
    while (!IsEnd(*at)) {
      const std::string_view text = At(*at);
      if (text == ";" || text == "{") {
        *at = text == ";" ? *at + 1 : Behind(*at);
        return;
      }
      if (text == ":") {
        PassMemberInitializers(at);
      } else {
        *at = text == "(" || text == "[" ? Behind(*at) : *at + 1;
      }
    }
  }

  // To the brace of the constructor's body, from the colon.
  void PassMemberInitializers(std::size_t* at) const {
    do {
      ++*at;
      while (!IsEnd(*at) && At(*at) != "(" && At(*at) != "{") {
        *at = At(*at) == "<" ? Behind(*at) : *at + 1;
      }
      *at = Behind(*at);
    } while (At(*at) == ",");
  }

  const Tokens tokens_;
};

}  // namespace

std::vector<ClassSize> ClassSizes(std::string_view source) {
  return Parser(Tokenize(source)).Classes();
}

}  // namespace daybook::inline v1
