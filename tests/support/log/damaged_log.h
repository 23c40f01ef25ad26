#ifndef DAYBOOK_SUPPORT_LOG_DAMAGED_LOG_H_
#define DAYBOOK_SUPPORT_LOG_DAMAGED_LOG_H_

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "daybook/damage.h"
#include "log/check/repair.h"
#include "log/check/verify.h"
#include "support/log_fixture.h"

namespace daybook {

// A partition of three segments that an earlier process has closed, records 0 to 1399, and what one
// can do to its files. Each record holds its offset, so that it is known whether it is the one.
class DamagedLog : public LogFixture {
 public:
  static constexpr std::int64_t kRecords = 1400;

  explicit DamagedLog(Durability durability = Durability::kProcess) : LogFixture(durability) {
    WriteMany(kRecords);
    CloseCleanly();
    names = Segments();
    REQUIRE(names.size() == 3);
  }

  Offset BaseOf(std::size_t index) const { return *ParseSegmentFileName(names[index]); }
  std::unique_ptr<Directory> directory() { return root().OpenDirectory("orders-0").value(); }

  // --- Files ----------------------------------------------------------------------------------

  std::vector<std::byte> Get(const std::string& name) {
    const auto file = directory()->OpenFile(name, FileMode::kRead).value();
    std::vector<std::byte> bytes(file->Size().value());
    REQUIRE(file->ReadAt(0, bytes).value() == bytes.size());
    return bytes;
  }
  void Put(const std::string& name, const std::vector<std::byte>& bytes) {
    const auto where = directory();
    where->RemoveFile(name).IgnoreError();
    const auto file = where->OpenFile(name, FileMode::kCreate).value();
    REQUIRE(file->WriteAt(0, bytes).ok());
    REQUIRE(file->Sync().ok());
    REQUIRE(where->Sync().ok());
  }
  void Remove(const std::string& name) {
    REQUIRE(directory()->RemoveFile(name).ok());
    REQUIRE(directory()->Sync().ok());
  }
  void Rename(const std::string& from, const std::string& to) {
    REQUIRE(directory()->Rename(from, to).ok());
  }
  void Truncate(const std::string& name, std::size_t size) {
    std::vector<std::byte> bytes = Get(name);
    bytes.resize(size);
    Put(name, bytes);
  }
  void Fill(const std::string& name, std::uint64_t begin, std::uint64_t end, std::byte with) {
    std::vector<std::byte> bytes = Get(name);
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
              bytes.begin() + static_cast<std::ptrdiff_t>(end), with);
    Put(name, bytes);
  }
  // Of all files of the partition, by name.
  std::vector<std::pair<std::string, std::vector<std::byte>>> All() {
    std::vector<std::pair<std::string, std::vector<std::byte>>> all;
    const auto entries = directory()->List();
    REQUIRE(entries.ok());
    for (const DirectoryEntry& entry : *entries) {
      all.emplace_back(entry.name, Get(entry.name));
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  // --- Looking and repairing ------------------------------------------------------------------

  PartitionVerification Verify() {
    auto verified = VerifyPartition(*directory(), disk().BootId());
    INFO(verified.status());
    REQUIRE(verified.ok());
    return *std::move(verified);
  }
  PartitionPlan Plan() { return PlanRepair(Verify()); }
  absl::Status TryRepair() { return Execute(Plan(), *directory()); }
  absl::Status Execute(const PartitionPlan& plan, Directory& partition) {
    quarantined.clear();
    const RepairContext context{
        .clock = &clock(),
        .new_segment_id = [this] { return ++next_id_ * 0x9e3779b97f4a7c15; },
        .quarantine =
            [this](const std::string& file) {
              quarantined.insert(file);
              return absl::OkStatus();
            },
        .seal_quarantine = [] { return absl::OkStatus(); }};
    return ExecuteRepair(partition, plan, context);
  }
  // Repairs; afterwards nothing is wrong, and there is nothing to do.
  PartitionPlan Repair() {
    PartitionPlan plan = Plan();
    const auto status = TryRepair();
    INFO(status);
    REQUIRE(status.ok());
    const PartitionVerification after = Verify();
    for (const VerifyIssue& issue : after.issues) {
      INFO(issue.file << " [" << issue.begin_position << ", " << issue.end_position
                      << "): " << issue.cause);
      CHECK_FALSE(issue.is_damage);
    }
    CHECK(PlanRepair(after).steps.empty());
    return plan;
  }

  // What a reader gets: the offsets of the records, all of them right, and the damage on the way.
  struct Passage {
    std::set<std::int64_t> offsets;
    std::vector<DamagedRange> damage;
  };
  Passage ReadAll() {
    Passage passage;
    Cursor cursor{.offset = log().begin_offset().value(), .segment = nullptr, .position = 0};
    for (;;) {
      const auto batch = log().Read(cursor, ReadOptions{});
      if (const auto damage = DamageOf(batch.status())) {
        passage.damage.push_back(*damage);
        REQUIRE(passage.damage.size() < 1000);
        if (damage->end_offset == damage->begin_offset) return passage;
        cursor = Cursor{.offset = damage->end_offset, .segment = nullptr, .position = 0};
        continue;
      }
      INFO(batch.status());
      REQUIRE(batch.ok());
      if (batch->empty()) return passage;
      for (const RecordView& record : *batch) {
        const std::string number = std::to_string(record.offset.value());
        if (record.offset.value() < kRecords && record.value.substr(0, number.size()) != number) {
          FAIL("offset " << number << " holds " << record.value);
        }
        if (!passage.offsets.insert(record.offset.value()).second) FAIL("twice: " << number);
      }
    }
  }
  // All records but those of [begin, end).
  static std::set<std::int64_t> AllBut(std::int64_t begin, std::int64_t end) {
    std::set<std::int64_t> offsets;
    for (std::int64_t i = 0; i < kRecords; ++i) {
      if (i < begin || i >= end) offsets.insert(i);
    }
    return offsets;
  }

  std::vector<std::string> names;
  std::set<std::string> quarantined;

 private:
  std::uint64_t next_id_ = 1'000;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_LOG_DAMAGED_LOG_H_
