#ifndef DAYBOOK_SUPPORT_LOG_REPLACED_LOG_H_
#define DAYBOOK_SUPPORT_LOG_REPLACED_LOG_H_

#include <memory>
#include <string>
#include <vector>

#include "catch.h"
#include "log/check/verify.h"
#include "log/store/replace_segments.h"
#include "segment/replace/segment_writer.h"
#include "support/log_fixture.h"

namespace daybook {

// A log of many durable segments, whose values are their offsets, and of which every tenth record
// is kept when segments are replaced.
struct ReplacedLog : LogFixture {
  ReplacedLog() {
    for (int i = 0; i < 4'000; ++i) {
      std::string value = std::to_string(i);
      value.resize(100, '.');
      Write(value);
    }
    Sync();
    REQUIRE(Segments().size() > 6);
  }
  Offset Base(std::size_t n) const { return *ParseSegmentFileName(Segments().at(n)); }
  std::unique_ptr<Directory> directory() { return root().OpenDirectory("orders-0").value(); }

  // Writes what is to take the place of the n-th segment and those up to the m-th, without that.
  Replacement Prepare(std::size_t n, std::size_t m, std::uint64_t id = 0xfeed) {
    const Replacement replacement{.begin = Base(n), .end = Base(m), .segment_id = id};
    const auto opened = directory();
    auto writer = SegmentWriter::Create(*opened, {.file = replacement.file(),
                                                  .base_offset = replacement.begin,
                                                  .segment_id = id,
                                                  .max_frame_bytes = kSegmentBytes / 4,
                                                  .created = Timestamp(),
                                                  .boot = disk().BootId()});
    INFO(writer.status());
    REQUIRE(writer.ok());
    for (std::size_t i = n; i != m; ++i) CopySome(*opened, Segments().at(i), Base(i), **writer);
    REQUIRE((*writer)->Finish(replacement.end, Timestamp()).ok());
    return replacement;
  }
  static void CopySome(Directory& directory, const std::string& name, Offset base,
                       SegmentWriter& writer) {
    const auto file = directory.OpenFile(name, FileMode::kRead).value();
    const auto mapped = file->Map(file->Size().value(), MapAccess::kRead).value();
    for (std::uint64_t at = frame::kSegmentHeaderBytes;;) {
      const std::byte* const frame = mapped->data() + at;
      const frame::FrameHeader header =
          frame::LoadFrameHeader(frame, frame::AcquireLengthWord(frame));
      const frame::Kind kind = frame::KindOf(header.length_word);
      if (kind == frame::Kind::kSeal) return;
      const std::uint32_t length = frame::LengthOf(header.length_word);
      const Offset offset = base + header.offset_delta;
      const bool is_kept = kind == frame::Kind::kRecord && offset.value() % 10 == 0;
      if (is_kept) REQUIRE(writer.Add({frame, length}, offset).ok());
      at += frame::AlignedLength(length);
    }
  }
  void Replace(const Replacement& replacement) {
    const auto status = log().ReplaceSegments(replacement);
    INFO(status);
    REQUIRE(status.ok());
  }
  // All that is read from `from` on is what is left when that range was replaced.
  void CheckReads(PartitionLog& log, const Replacement& replaced, Offset from = Offset(0)) {
    Cursor cursor{.offset = from, .segment = nullptr, .position = 0};
    CheckReads(log, replaced, cursor);
  }
  void CheckReads(PartitionLog& log, const Replacement& replaced, Cursor& cursor) {
    std::int64_t next = cursor.offset.value();
    const auto skip = [&] {
      while (Offset(next) >= replaced.begin && Offset(next) < replaced.end && next % 10 != 0)
        ++next;
    };
    for (;;) {
      const auto batch = log.Read(cursor, {.max_records = 37});
      INFO(batch.status());
      REQUIRE(batch.ok());
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        skip();
        REQUIRE(record.offset == Offset(next));
        REQUIRE(record.value.substr(0, record.value.find('.')) == std::to_string(next));
        ++next;
      }
    }
    CHECK(next == 4'000);
  }
  // What verify finds of it, beside hints.
  std::vector<std::string> Issues() {
    const auto verified = VerifyPartition(*directory(), disk().BootId(), nullptr);
    REQUIRE(verified.ok());
    std::vector<std::string> issues;
    for (const VerifyIssue& issue : verified->issues) {
      if (issue.cause.find("it is a hint") == std::string::npos) issues.push_back(issue.cause);
    }
    return issues;
  }
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_LOG_REPLACED_LOG_H_
