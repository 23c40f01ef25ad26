#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "catch.h"
#include "daybook/daybook.h"
#include "support/child_process.h"
#include "support/guarded_directory.h"

// The rules on names, links, modes, owners and limits, through the public interface. Beside each
// data directory lies a canary tree, which nothing may touch.

namespace daybook {
namespace {

namespace fs = std::filesystem;

bool IsRoot() { return geteuid() == 0; }

}  // namespace

TEST_CASE("Names that could lead elsewhere are refused by every call that takes one") {
  Guarded guarded;
  const auto broker = guarded.Open().value();
  Producer producer(*broker);
  const std::vector<std::string> names = {"",
                                          ".",
                                          "..",
                                          "/",
                                          "a/b",
                                          "../canary",
                                          "../canary/file",
                                          "/etc/passwd",
                                          "a\\b",
                                          "a b",
                                          std::string("a\0b", 3),
                                          std::string("\0", 1),
                                          "a\n",
                                          "\xc3\xa4",
                                          "%2e%2e",
                                          "~",
                                          "~replace",
                                          "*",
                                          "a:b",
                                          std::string(250, 'x'),
                                          std::string(100'000, 'x')};
  for (const std::string& name : names) {
    INFO("name " << name.substr(0, 100));
    CHECK(absl::IsInvalidArgument(broker->CreateTopic(name)));
    CHECK_FALSE(broker->OpenTopic(name).ok());
    CHECK_FALSE(broker->DeleteTopic(name).ok());
    CHECK_FALSE(producer.Send(name, RecordOf("x")).ok());
    CHECK_FALSE(Reader::Open(*broker, name).ok());
    CHECK_FALSE(Repair(guarded.data().string(), {.topics = {name}}).ok());
    const auto reading = guarded.Open(BrokerAccess::kReadOnly).value();
    CHECK_FALSE(reading->OpenTopic(name).ok());
  }
  for (const std::string name : {"__consumer_offsets", "__x"}) {
    CHECK(absl::IsInvalidArgument(broker->CreateTopic(name)));
    CHECK(absl::IsInvalidArgument(broker->DeleteTopic(name)));
  }
  CHECK(broker->ListTopics().value() == std::vector<std::string>{"t"});
}

TEST_CASE("The longest name of a topic works in all that is named after it") {
  Guarded guarded;
  const std::string name(249, 'n');
  {
    const auto broker = guarded.Open().value();
    REQUIRE(broker->CreateTopic(name, {.partitions = 3}).ok());
    const auto topic = broker->OpenTopic(name);
    REQUIRE(topic->partition(2).Append(RecordOf("x")).ok());
  }
  std::fstream file(guarded.data() / (name + "-2") / "00000000000000000000.log",
                    std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(4096 + 24);
  file.put('y');
  file.close();
  CHECK(Repair(guarded.data().string(), {.mode = RepairMode::kExecute})->lost.size() == 1);
  const auto broker = guarded.Open().value();
  CHECK(broker->DeleteTopic(name).ok());
}

TEST_CASE("Whatever is planted in place of a file is refused, and nothing outside is touched") {
  const std::string segment = "t-0/00000000000000000000.log";
  for (const std::string where :
       {"daybook.properties", "daybook.lock", "t.topic", "t-0", segment.c_str(), "~replace",
        "t-0/00000000000000000000.index", "t-0/next.tmp", "t-0/00000000000000000000.log.tmp",
        "t-0/00000000000000000000.log.repair", "quarantine", "t.dictionary-1", "new.topic"}) {
    for (const Plant& plant : Plants()) {
      INFO(plant.name << " in place of " << where);
      Guarded guarded;
      fs::remove_all(guarded.data() / where);
      if (!plant.put(guarded, guarded.data() / where)) {
        CHECK_FALSE(IsRoot());
        continue;
      }
      const absl::Status status = guarded.UseAll();
      INFO(status);
      const bool is_needed = where == std::string("daybook.properties") || where == segment ||
                             where == std::string("t.topic") || where == std::string("t-0");
      const bool is_as_it_should_be =
          plant.name == "a file" || (plant.name == "a directory" && where == std::string("t-0"));
      if (is_needed && !is_as_it_should_be) CHECK_FALSE(status.ok());
      CHECK((status.code() == absl::StatusCode::kOk ||
             status.code() == absl::StatusCode::kFailedPrecondition ||
             status.code() == absl::StatusCode::kNotFound ||
             status.code() == absl::StatusCode::kAlreadyExists ||
             status.code() == absl::StatusCode::kDataLoss));
    }
  }
}

TEST_CASE(
    "A data directory that is a link is the user's own choice; one that is a file is refused") {
  Guarded guarded;
  fs::rename(guarded.data(), guarded.root() / "elsewhere");
  REQUIRE(symlink((guarded.root() / "elsewhere").c_str(), guarded.data().c_str()) == 0);
  CHECK(guarded.Open().ok());
  fs::remove(guarded.data());
  for (const Plant& plant : Plants()) {
    if (plant.name == "a directory" || plant.name == "a link to a directory" ||
        plant.name == "a link to nothing" || !plant.put(guarded, guarded.data())) {
      continue;
    }
    INFO(plant.name);
    CHECK(absl::IsFailedPrecondition(guarded.Open().status()));
    fs::remove(guarded.data());
  }
}

TEST_CASE("Somebody else's directory is not taken over") {
  Guarded guarded;
  CHECK(absl::IsFailedPrecondition(
      Broker::Open(guarded.canary().string(), BrokerOptions{}).status()));
  CHECK(absl::IsFailedPrecondition(
      Repair(guarded.canary().string(), {.mode = RepairMode::kExecute}).status()));
}

TEST_CASE("All that the library makes has modes 0700 and 0600, whatever the umask") {
  for (const mode_t mask : {0000U, 0022U, 0077U, 0277U, 0777U}) {
    INFO("umask " << mask);
    const int failed = InChild([&] {
      umask(mask);
      Guarded guarded;
      const auto broker = guarded.Open().value();
      if (!broker->CreateTopic("more", {.segment_bytes = 64 << 10}).ok()) return 1;
      const auto topic = broker->OpenTopic("more").value();
      const std::string value(1000, 'v');
      for (int i = 0; i < 200; ++i) {
        if (!topic.partition(0).Append(RecordOf(value)).ok()) return 2;
      }
      if (!broker->Close().ok()) return 3;
      std::fstream file(guarded.data() / "t-0" / "00000000000000000000.log",
                        std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(4096 + 30);
      file.put('!');
      file.close();
      if (!Repair(guarded.data().string(), {.mode = RepairMode::kExecute}).ok()) return 4;
      std::size_t files = 0;
      for (const auto& entry : fs::recursive_directory_iterator(guarded.data())) {
        struct stat status {};
        if (lstat(entry.path().c_str(), &status) != 0) return 5;
        const mode_t expected = S_ISDIR(status.st_mode) ? 0700 : 0600;
        if ((status.st_mode & 07777) != expected) return 6;
        ++files;
      }
      return files > 10 ? 0 : 7;
    });
    // Without root, a umask that takes the owner's own bits shuts the test out, not the library.
    if (!IsRoot() && (mask & 0700U) != 0) continue;
    CHECK(failed == 0);
  }
}

TEST_CASE("Another user is refused, and a directory that cannot be written can be read") {
  if (!IsRoot()) {
    WARN("skipped: only root can become another user");
    return;
  }
  constexpr uid_t kNobody = 65534;
  Guarded guarded;
  REQUIRE(chmod(guarded.root().c_str(), 0755) == 0);
  const auto as_nobody = [&](const std::function<int()>& body) {
    return InChild([&] {
      if (setresgid(kNobody, kNobody, kNobody) != 0 || setresuid(kNobody, kNobody, kNobody) != 0) {
        return 100;
      }
      return body();
    });
  };
  // Root's directory.
  CHECK(as_nobody([&] {
          if (!absl::IsPermissionDenied(guarded.Open().status())) return 1;
          if (!absl::IsPermissionDenied(guarded.Open(BrokerAccess::kReadOnly).status())) return 2;
          return absl::IsPermissionDenied(Repair(guarded.data().string()).status()) ? 0 : 3;
        }) == 0);
  // Their own, but the files may only be read, and no file may be made.
  for (const auto& entry : fs::recursive_directory_iterator(guarded.data())) {
    REQUIRE(chown(entry.path().c_str(), kNobody, kNobody) == 0);
    REQUIRE(chmod(entry.path().c_str(), entry.is_directory() ? 0500 : 0400) == 0);
  }
  REQUIRE(chown(guarded.data().c_str(), kNobody, kNobody) == 0);
  REQUIRE(chmod(guarded.data().c_str(), 0500) == 0);
  const auto names = [&] {
    std::vector<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(guarded.data())) {
      all.push_back(entry.path().string());
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto before = names();
  CHECK(as_nobody([&] {
          const auto refused = guarded.Open().status();
          if (!absl::IsPermissionDenied(refused)) return 1;
          const auto broker = guarded.Open(BrokerAccess::kReadOnly);
          if (!broker.ok()) return 2;
          return Guarded::Read(**broker).ok() ? 0 : 3;
        }) == 0);
  CHECK(names() == before);
}

TEST_CASE("A directory belongs to one process, the message names it, and its death frees it") {
  Guarded guarded;
  HoldingProcess holder([&] { return guarded.Open(); });
  for (const absl::Status& refused :
       {guarded.Open().status(), Repair(guarded.data().string()).status()}) {
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(std::string(refused.message()).find("process " + std::to_string(holder.id())) !=
          std::string::npos);
  }
  CHECK(guarded.Open(BrokerAccess::kReadOnly).ok());
  holder.Kill();
  CHECK(guarded.Open().ok());
}

TEST_CASE("Two brokers of one process do not share a directory either") {
  Guarded guarded;
  const auto first = guarded.Open().value();
  CHECK(absl::IsFailedPrecondition(guarded.Open().status()));
  CHECK(absl::IsFailedPrecondition(Repair(guarded.data().string()).status()));
}

TEST_CASE("With too few descriptors, calls fail with a typed error and work again later") {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  WARN("skipped: the sanitizer needs descriptors of its own");
  return;
#endif
#endif
  Guarded guarded;
  for (rlim_t limit = 3; limit < 40; ++limit) {
    INFO("limit " << limit);
    const int failed = InChild([&] {
      rlimit before{};
      if (getrlimit(RLIMIT_NOFILE, &before) != 0) return 1;
      const rlimit few{limit, before.rlim_max};
      if (setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
      auto broker = guarded.Open();
      absl::Status status = broker.status();
      if (broker.ok()) {
        status.Update(Guarded::Read(**broker));
        status.Update(Guarded::Append(**broker));
      }
      if (!status.ok() && !absl::IsResourceExhausted(status)) return 3;
      if (setrlimit(RLIMIT_NOFILE, &before) != 0) return 4;
      if (!broker.ok()) broker = guarded.Open();
      if (!broker.ok()) return 5;
      return Guarded::Append(**broker).ok() ? 0 : 6;
    });
    CHECK(failed == 0);
  }
}

TEST_CASE("Without address space for a segment, appends fail with a typed error") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("skipped: the sanitizers take all of the address space");
  return;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  WARN("skipped: the sanitizers take all of the address space");
  return;
#endif
#endif
  Guarded guarded;
  const int failed = InChild([&] {
    std::ifstream statm("/proc/self/statm");
    rlim_t pages = 0;
    statm >> pages;
    const rlimit limit{pages * 4096 + (16 << 20), RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 1;
    const auto broker = guarded.Open();
    if (!broker.ok()) return 2;
    const auto status = Guarded::Append(**broker);
    if (!absl::IsResourceExhausted(status)) return 3;
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &none) != 0) return 4;
    return Guarded::Append(**broker).ok() ? 0 : 5;
  });
  CHECK(failed == 0);
}

}  // namespace daybook
