#include "segment/replace/segment_writer.h"

#include <string>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"
#include "log/check/segment_verifier.h"
#include "support/segment_bytes.h"

namespace daybook {
namespace {

struct WriterFixture {
  SimulatedFileSystem disk;
  std::unique_ptr<Directory> directory =
      disk.OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();
  SegmentInMemory source;
  std::unique_ptr<SegmentWriter> writer =
      SegmentWriter::Create(*directory, {.file = "new",
                                         .base_offset = Offset(100),
                                         .segment_id = 9,
                                         .max_frame_bytes = 1 << 20,
                                         .created = Timestamp(),
                                         .boot = disk.BootId()})
          .value();

  absl::Status Add(std::string_view value, std::int64_t offset) {
    const std::uint64_t position = source.Write(value);
    return writer->Add({source.at(position), frame::kFrameHeaderBytes + value.size()},
                       Offset(offset));
  }
  std::string Bytes() {
    const auto file = directory->OpenFile("new", FileMode::kRead).value();
    std::string bytes(file->Size().value(), '\0');
    REQUIRE(file->ReadAt(0, std::as_writable_bytes(std::span(bytes))).ok());
    return bytes;
  }
  // As verify sees the file. Bytes of another alignment than a mapping's would be misread.
  SegmentVerification Verify() {
    const auto file = directory->OpenFile("new", FileMode::kRead).value();
    const auto mapped = file->Map(file->Size().value(), MapAccess::kRead).value();
    SegmentToVerify segment;
    segment.file = "new";
    segment.name_base = Offset(100);
    segment.bytes = {mapped->data(), mapped->size()};
    return VerifySegment(segment, disk.BootId(), nullptr);
  }
};

}  // namespace

TEST_CASE_METHOD(WriterFixture, "Frames keep their offsets, and what is left out is no damage") {
  REQUIRE(Add("a", 100).ok());
  REQUIRE(Add("b", 101).ok());
  REQUIRE(Add("c", 5'000'000).ok());
  REQUIRE(writer->Finish(Offset(6'000'000), Timestamp()).ok());
  const SegmentVerification verified = Verify();
  for (const VerifyIssue& issue : verified.issues) UNSCOPED_INFO(issue.cause);
  CHECK(verified.issues.empty());
  CHECK(verified.summary.is_sealed);
  CHECK(verified.summary.end_offset == Offset(6'000'000));
  CHECK(verified.summary.records == 3);
  CHECK(verified.summary.checkpoint.durable_offset == 6'000'000);
}

TEST_CASE_METHOD(WriterFixture, "A segment of many megabytes is written as it is filled") {
  const std::string value(100'000, 'x');
  SegmentInMemory large(1 << 20);
  const std::uint64_t position = large.Write(value);
  for (int i = 0; i < 50; ++i) {
    REQUIRE(writer
                ->Add({large.at(position), frame::kFrameHeaderBytes + value.size()},
                      Offset(100 + 2 * i))
                .ok());
  }
  REQUIRE(writer->Finish(Offset(200), Timestamp()).ok());
  CHECK(Bytes().size() == writer->bytes());
  const SegmentVerification verified = Verify();
  CHECK(verified.issues.empty());
  CHECK(verified.summary.records == 50);
}

TEST_CASE_METHOD(WriterFixture, "Offsets never go back, nor over what a segment can hold") {
  REQUIRE(Add("a", 200).ok());
  CHECK(absl::IsInvalidArgument(Add("b", 200)));
  CHECK(absl::IsOutOfRange(Add("b", 99)));
  CHECK(absl::IsOutOfRange(Add("b", 100 + (std::int64_t{1} << 32))));
  CHECK(Add("b", 201).ok());
}

TEST_CASE_METHOD(WriterFixture, "A frame that is too short or too long is refused") {
  const std::uint64_t position = source.Write("a");
  CHECK(absl::IsInvalidArgument(writer->Add({source.at(position), 8}, Offset(100))));
  const std::vector<std::byte> huge((1 << 20) + 8);
  CHECK(absl::IsInvalidArgument(writer->Add(huge, Offset(100))));
}

TEST_CASE_METHOD(WriterFixture, "What was not finished leaves no file") {
  REQUIRE(Add("a", 100).ok());
  writer.reset();
  CHECK(directory->List()->empty());
}

}  // namespace daybook
