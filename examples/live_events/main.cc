// Daybook at work: the real events of examples/data, replayed from four threads into eight topics
// and checked by three members of a group, in a process that is killed part way and started
// again. At the end every event is accounted for, or the exit status is not 0.
//
//   main.cc        options
//   source.cc      the events, their topics, keys and numbers
//   supervisor.cc  starts and kills the worker and shows how it goes
//   worker.cc      the application: producers and consumers (start reading here)
//   replay.cc      reads the log from its beginning
//   scoreboard.cc  the account of deliveries, which survives the kill
//   audit.cc       the tables and the verdict
//   timeline.cc    rates and graphs

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "absl/status/statusor.h"
#include "options.h"
#include "supervisor.h"
#include "worker.h"

#ifndef DAYBOOK_EXAMPLE_DATA_DIR
#define DAYBOOK_EXAMPLE_DATA_DIR "examples/data"
#endif

int main(int argc, char** argv) {
  live_events::Options options;
  options.data = DAYBOOK_EXAMPLE_DATA_DIR;

  CLI::App app{
      "Replays real events through Daybook, kills the process part way, starts it again, and\n"
      "checks that every event arrived.\n"};
  app.get_formatter()->column_width(20);
  app.add_option("--events", options.events, "How many, 2.2 KB each on average")
      ->type_name("N")
      ->check(CLI::Range(1000, 20'000'000))
      ->capture_default_str();
  app.add_option("--kill-at", options.kill_at, "Kill when so many percent are delivered, 1 to 95")
      ->type_name("P")
      ->check(CLI::Range(1, 95))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Moves the kill by up to 2% of the events and 1 ms")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--directory", options.directory, "Where to work; an earlier run's log is removed")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--data", options.data, "Folder of the real events")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_flag("--keep", options.keep, "Leave the log there; after a failure it stays anyway");
  app.add_option("--worker-run", options.worker_run)->group("");  // for the supervisor's use
  app.footer("Exit status: 0 everything as promised, 1 not, 2 bad options.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  absl::Status status;
  bool kept = true;
  if (options.worker_run > 0) {
    status = live_events::RunWorker(options);
  } else {
    const absl::StatusOr<bool> result = live_events::RunSupervisor(options);
    status = result.status();
    kept = result.ok() && *result;
  }
  if (!status.ok()) {
    std::fprintf(stderr, "live_events: %s\n", status.ToString().c_str());
    return 1;
  }
  return kept ? 0 : 1;
}
