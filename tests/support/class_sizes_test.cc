#include "support/class_sizes.h"

#include <string>
#include <string_view>
#include <vector>

#include "catch.h"

namespace daybook::inline v1 {
namespace {

// Of a class with this body.
int MembersOf(std::string_view body) {
  const std::vector<ClassSize> sizes = ClassSizes("struct S {" + std::string(body) + "};");
  REQUIRE_FALSE(sizes.empty());
  return sizes.front().members;
}

std::string NamesIn(std::string_view source) {
  std::string names;
  for (const ClassSize& size : ClassSizes(source)) names += size.name + " ";
  return names;
}

}  // namespace

TEST_CASE("Each name of a declaration of data is a member") {
  struct Sample {
    std::string_view body;
    int members;
  };
  const auto [body, members] = GENERATE(values<Sample>({
      {"", 0},
      {"int a;", 1},
      {"int a, *b = nullptr, c[3], d{4};", 4},
      {"public: int a; private: const int b = 1; protected: mutable int c{};", 3},
      {"std::map<int, std::pair<A, B>> a;", 1},
      {"std::vector<std::vector<int>> a = std::vector<std::vector<int>>{}, b;", 2},
      {"std::array<int, (1 << 4)> a; std::array<int, 1 << 4> b;", 2},
      {"std::function<void(int, int)> a; std::function<int()> b = nullptr;", 2},
      {"std::function<int()> a = [](auto x) { return x < 1, x > 2; };", 1},
      {"void (*a)(int, int); int (S::*b)() = nullptr;", 2},
      {"int a ABSL_GUARDED_BY(mutex_); std::vector<int> b ABSL_GUARDED_BY(x(1)) = {1, 2};", 2},
      {"[[no_unique_address]] A a; alignas(64) std::atomic<int> b{0};", 2},
      {"unsigned a : 3, b : 5;", 2},
      {"bool a = 1 < 2, b = 3 > 2;", 2},
      {"bool a = x < 2, b = x > 2;", 2},
      {"long a = 1'000'000; char b = '\"'; char c = '{';", 3},
      {"decltype(x.y()) a;", 1},
      {"union { int a; char b[4]; };", 2},
      {"struct { int a, b; } c;", 1},
      {"struct Inner { int a, b; } c, d;", 2},
      {"struct Inner* a; enum class Kind : int { kA, kB };", 1},
      {"enum class Kind : int { kA = 3, kB } a = Kind::kA, b; enum Other { kC } c;", 3},
  }));
  CAPTURE(body);
  CHECK(MembersOf(body) == members);
}

TEST_CASE("What is not of each object is no member") {
  const std::string_view body = GENERATE(
      as<std::string_view>(),  //
      "S();", "~S() = default;", "S(const S&) = delete;",
      "explicit S(int a) : a_(a), b_{1, 2}, c_<int>(3) { f(); }",
      "explicit(true) S(int a = 3, std::map<int, int> b = {});",
      "virtual int F(int a, int b) const noexcept(true) = 0;", "auto F() -> std::map<int, int>;",
      "int F() { int a, b; }", "int F() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(m) { }",
      "bool operator==(const S&) const = default;", "auto operator<=>(const S&) const = default;",
      "operator bool() const { return true; }", "int operator()(int a) { return a; }",
      "bool operator<(const S& o) const { return a < o.a; }",
      "template <typename T, int N = 3> T F(T a) { T b; }",
      "template <class T> requires(N > 1) void F(T);",
      "friend class T; friend bool operator==(S a, S b) { }",
      "using A = std::map<int, int>; typedef int B;",
      "enum Kind { kA, kB }; enum class Other { kC = 1 };",
      "static constexpr int a = 1, b = 2; static int c;",
      "static constexpr std::array<int, 2> a = {1, 2};",
      "static_assert(sizeof(int) == 4, \"a; b\");", "struct T;", "struct T { int a, b; };",
      "class T { class U { int a; }; };", "// int a;\n/* int b; */",
      "\n#define X(a) \\\n int a;\n");
  CAPTURE(body);
  CHECK(MembersOf(body) == 0);
  CHECK(MembersOf("int x;" + std::string(body) + "int y = 1;") == 2);  // and is passed as a whole
}

TEST_CASE("Text in quotes and comments declares nothing") {
  CHECK(MembersOf("const char* a = \"; int b; \\\" int c;\";") == 1);
  CHECK(MembersOf("const char* a = R\"(}; int \" b;)\"; int c;") == 2);
  CHECK(NamesIn("// class A {};\nconst char* a = \"class B {};\"; /* class C {}; */").empty());
}

TEST_CASE("Classes are found wherever they are defined, by their whole name") {
  CHECK(NamesIn("namespace n { class A { struct B { }; class C; }; class D; }") == "A A::B ");
  CHECK(NamesIn("class A::B final : public C<D>, E { };") == "A::B ");
  CHECK(NamesIn("class DAYBOOK_EXPORT A { }; struct ABSL_ATTRIBUTE(x) [[y]] alignas(8) B { };") ==
        "A B ");
  CHECK(NamesIn("void F() { struct A { int a; }; { class B { }; } }") == "A B ");
  CHECK(NamesIn("template <> struct hash<A> { };") == "hash ");
  CHECK(NamesIn("enum class A { kA }; enum struct B : int { kB }; class C;").empty());
  CHECK(NamesIn("template <class A, class B = int> void F(struct C* c) { }").empty());
  CHECK(NamesIn("struct A a = { 1 }; struct A F() { }").empty());
}

TEST_CASE("A class is as long as its text, with what is inside") {
  const auto sizes =
      ClassSizes("\n\nclass A\n    : public B {\n  // \"\n  struct C { };\n  int d;\n};\n");
  REQUIRE(sizes.size() == 2);
  CHECK(sizes[0].lines == 6);
  CHECK(sizes[0].members == 1);
  CHECK(sizes[1].lines == 1);
}

TEST_CASE("What is not closed ends with its file") {
  CHECK(ClassSizes("class A { int a; void F(").size() == 1);
  CHECK(ClassSizes("class A").empty());
  CHECK(ClassSizes("class A { const char* a = \"").size() == 1);
  CHECK(ClassSizes("class A { int a; /*").front().members == 1);
}

}  // namespace daybook::inline v1
