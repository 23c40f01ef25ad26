#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "catch.h"
#include "daybook/broker.h"
#include "support/command_fixture.h"
#include "support/running_command.h"

namespace daybook {
namespace {

struct DamagedTopic : CommandFixture {
  DamagedTopic() {
    Output("topic create t");
    Output("produce t", "aaaa\nbbbb\ncccc\n");
    Flip(segment(), 4096 + 32 + 25);
  }
  std::filesystem::path segment() const { return data() / "t-0" / "00000000000000000000.log"; }
};

}  // namespace

TEST_CASE("Repair says what it would do, and does it when it is told to") {
  DamagedTopic daybook;
  const std::string before = CommandFixture::Get(daybook.segment());
  const std::string plan = daybook.Output("repair");
  CHECK(plan.find("--execute") != std::string::npos);
  CHECK(CommandFixture::Get(daybook.segment()) == before);
  CHECK(daybook.Run("verify").status == 1);

  const auto json = nlohmann::json::parse(daybook.Output("repair t --execute --format json"));
  CHECK(json["executed"] == true);
  CHECK(json["lost"][0]["begin_offset"] == 1);
  CHECK(json["lost"][0]["end_offset"] == 2);
  CHECK(json["quarantine"] == "quarantine/1");
  CHECK(CommandFixture::Get(daybook.data() / "quarantine" / "1" / "t-0" /
                            "00000000000000000000.log") == before);
  CHECK(daybook.Run("verify").status == 0);
  CHECK(daybook.Output("consume t -o beginning -e") == "aaaa\ncccc\n");
  CHECK(daybook.Output("repair") == "Nothing is to be repaired.\n");
}

TEST_CASE("Repair of a topic that is not there is refused") {
  DamagedTopic daybook;
  CHECK(daybook.Run("repair nothing").status == 1);
}

TEST_CASE("What only looks works on a file system that is mounted read-only") {
  if (std::system("unshare -Urm true 2>/dev/null") != 0) {
    WARN("namespaces of mounts are not to be had here: nothing was tested");
    return;
  }
  DamagedTopic daybook;
  daybook.Output("consume t -G g -c 1");
  const auto read_only = [&](const std::string& arguments) {
    const std::string data = daybook.data().string();
    RunningCommand command("unshare -Urm sh -c 'mount --bind " + data + " " + data +
                           " && mount -o remount,ro,bind " + data + " && exec " +
                           daybook.Command(arguments) + "'");
    const std::string out = command.ReadToEnd();
    return CommandFixture::Result{.status = command.Wait(), .out = out, .error = daybook.error()};
  };
  const auto planned = read_only("repair --format json");
  INFO(planned.error);
  CHECK(planned.status == 0);
  CHECK(nlohmann::json::parse(planned.out)["lost"][0]["begin_offset"] == 1);
  CHECK(read_only("verify").status == 1);  // there is damage
  CHECK(read_only("consume t -c 1").out == "aaaa\n");
  CHECK(read_only("group describe g").status == 0);
  CHECK(read_only("topic describe t").status == 0);
  const auto refused = read_only("repair --execute");
  CHECK(refused.status == 1);
  CHECK(refused.error.find("read-only") != std::string::npos);
}

TEST_CASE("A dry repair is refused while another process has the directory") {
  DamagedTopic daybook;
  const auto broker = Broker::Open(daybook.data().string()).value();
  const auto refused = daybook.Run("repair");
  CHECK(refused.status == 1);
  CHECK(refused.error.find(std::to_string(getpid())) != std::string::npos);
}

}  // namespace daybook
