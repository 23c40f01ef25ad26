// Exactly once into a database: rows and the offset that they came from are in one transaction of
// SQLite, so that the place is what the table says, whatever ends the program. There is no group:
// its place would be committed before or after the rows. Makes or reuses the folder ./data and
// the file ./orders.sqlite. tests/readme_test.cc runs it, and kills it on the way.

#include <daybook/daybook.h>
#include <sqlite3.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <string>

namespace {

constexpr const char* kTopic = "orders";
constexpr int kPartitions = 3;

void Check(int code, sqlite3* database) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  std::cerr << "orders.sqlite: " << sqlite3_errmsg(database) << '\n';
  std::exit(1);
}

void Execute(sqlite3* database, const char* sql) {
  Check(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), database);
}

// A statement that is run many times.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) : database_(database) {
    Check(sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr), database);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(int index, std::int64_t value) {
    Check(sqlite3_bind_int64(statement_, index, value), database_);
    return *this;
  }
  Statement& Bind(int index, std::string_view text) {
    const int size = static_cast<int>(text.size());
    Check(sqlite3_bind_text(statement_, index, text.data(), size, SQLITE_TRANSIENT), database_);
    return *this;
  }
  // The first column of the first row, or `otherwise` when there is no row.
  std::int64_t Run(std::int64_t otherwise = 0) {
    const int code = sqlite3_step(statement_);
    Check(code, database_);
    if (code == SQLITE_ROW) otherwise = sqlite3_column_int64(statement_, 0);
    sqlite3_reset(statement_);
    return otherwise;
  }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  int send = 0;
  std::int64_t exit_after = 0;
  CLI::App app("Consumes a topic into a table of SQLite, each record once");
  app.add_option("--send", send, "Send so many orders first");
  app.add_option("--exit-after", exit_after, "End abruptly when so many rows are committed");
  CLI11_PARSE(app, argc, argv);

  auto broker = daybook::Broker::Open("./data").value();
  broker->CreateTopic(kTopic, {.partitions = kPartitions}).IgnoreError();  // there already: fine
  daybook::Producer producer(*broker);
  for (int i = 0; i < send; ++i) {
    producer.Send(kTopic, {.value = "order " + std::to_string(i)}).value();
  }

  sqlite3* database = nullptr;
  Check(sqlite3_open("orders.sqlite", &database), database);
  Execute(database, "CREATE TABLE IF NOT EXISTS orders (text TEXT)");
  Execute(database, "CREATE TABLE IF NOT EXISTS places (part INTEGER PRIMARY KEY, next INTEGER)");
  {
    Statement find_place(database, "SELECT next FROM places WHERE part = ?");
    Statement set_place(database, "REPLACE INTO places VALUES (?, ?)");
    Statement insert(database, "INSERT INTO orders VALUES (?)");
    auto reader = daybook::Reader::Open(*broker, kTopic).value();
    for (int i = 0; i < kPartitions; ++i) {
      const daybook::Offset place(find_place.Bind(1, i).Run());
      if (const auto status = reader.Seek(i, place); !status.ok()) {
        std::cerr << status << '\n';
        return 1;
      }
    }
    std::int64_t rows = 0;
    for (;;) {
      const auto batch = reader.Poll({}).value();
      if (batch.empty()) break;  // a service would wait for more
      Execute(database, "BEGIN IMMEDIATE");
      for (const daybook::RecordView& order : batch) insert.Bind(1, order.value).Run();
      set_place.Bind(1, batch.partition()).Bind(2, batch.next_offset().value()).Run();
      Execute(database, "COMMIT");
      rows += static_cast<std::int64_t>(batch.size());
      if (exit_after > 0 && rows >= exit_after) _exit(9);
    }
    const std::int64_t all = Statement(database, "SELECT COUNT(*) FROM orders").Run();
    const std::int64_t distinct =
        Statement(database, "SELECT COUNT(DISTINCT text) FROM orders").Run();
    std::cout << "rows: " << all << ", different: " << distinct << '\n';
  }
  sqlite3_close(database);
}
