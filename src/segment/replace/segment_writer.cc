#include "segment/replace/segment_writer.h"

#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "format/frame_codec.h"
#include "format/segment_header.h"

namespace daybook::inline v1 {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::uint64_t kMaxDelta = std::numeric_limits<std::uint32_t>::max();

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(
    Directory& directory, const SegmentWriterSettings& settings) {
  auto file = directory.OpenFile(settings.file, FileMode::kCreate);
  if (!file.ok()) return file.status();
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(directory, settings, *std::move(file)));
}

SegmentWriter::~SegmentWriter() {
  if (!is_finished_) directory_.RemoveFile(settings_.file).IgnoreError();
}

absl::StatusOr<std::byte*> SegmentWriter::Take(std::uint32_t length) {
  const std::uint64_t bytes = frame::AlignedLength(length);
  // With room for the seal.
  if (position_ + bytes + frame::kSealBytes > frame::kMaxSegmentBytes) {
    return absl::OutOfRangeError(absl::StrCat(settings_.file, " would be too large"));
  }
  if (!buffer_.empty() && buffer_.size() + bytes > kBufferBytes) {
    if (const auto status = Flush(); !status.ok()) return status;
  }
  const std::size_t at = buffer_.size();
  buffer_.resize(at + bytes);
  position_ += bytes;
  return &buffer_[at];
}

absl::Status SegmentWriter::Flush() {
  const auto status = file_->WriteAt(position_ - buffer_.size(), buffer_);
  buffer_.clear();
  return status;
}

absl::Status SegmentWriter::PadTo(Offset offset) {
  const auto delta = static_cast<std::uint64_t>(offset - settings_.base_offset);
  if (offset < settings_.base_offset || delta > kMaxDelta) {
    return absl::OutOfRangeError(
        absl::StrCat(settings_.file, " cannot hold offset ", offset.value()));
  }
  if (delta < next_delta_) {
    return absl::InvalidArgumentError(absl::StrCat(
        settings_.file, ": offset ", offset.value(), " is behind the end of the frame before it, ",
        settings_.base_offset.value() + static_cast<std::int64_t>(next_delta_)));
  }
  if (delta == next_delta_) return absl::OkStatus();
  const std::uint64_t position = position_;
  const auto at = Take(frame::kFrameHeaderBytes);
  if (!at.ok()) return at.status();
  frame::WritePadding(*at, frame::kFrameHeaderBytes, position, settings_.segment_id,
                      static_cast<std::uint32_t>(next_delta_),
                      static_cast<std::uint32_t>(delta - next_delta_));
  next_delta_ = delta;
  return absl::OkStatus();
}

absl::Status SegmentWriter::Add(std::span<const std::byte> frame, Offset offset) {
  if (frame.size() < frame::kFrameHeaderBytes || frame.size() > settings_.max_frame_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(settings_.file, ": a frame of ", frame.size(),
                                                   " bytes; there are at most ",
                                                   settings_.max_frame_bytes));
  }
  if (const auto status = PadTo(offset); !status.ok()) return status;
  std::uint32_t length_word = 0;
  std::memcpy(&length_word, frame.data(), sizeof length_word);
  const frame::FrameHeader header = frame::LoadFrameHeader(frame.data(), length_word);
  const std::uint64_t count = frame::OffsetCount(header);
  if (next_delta_ + count > kMaxDelta) {
    return absl::OutOfRangeError(absl::StrCat(settings_.file, " cannot hold so many offsets"));
  }
  const std::uint64_t position = position_;
  const auto at = Take(static_cast<std::uint32_t>(frame.size()));
  if (!at.ok()) return at.status();
  std::memcpy(*at, frame.data(), frame.size());
  const auto delta = static_cast<std::uint32_t>(next_delta_);
  std::memcpy(*at + offsetof(frame::FrameHeader, offset_delta), &delta, sizeof delta);
  frame::FinishFrame(*at, length_word, position, settings_.segment_id);
  next_delta_ += count;
  return absl::OkStatus();
}

absl::Status SegmentWriter::WriteHeaderPage(Offset end) {
  std::vector<std::byte> page(frame::kSegmentHeaderBytes);
  frame::EncodeSegmentHeader({.magic = {},
                              .format_version = 0,
                              .checksum = 0,
                              .segment_id = settings_.segment_id,
                              .base_offset = settings_.base_offset.value(),
                              .leader_epoch = settings_.leader_epoch,
                              .max_frame_bytes = settings_.max_frame_bytes,
                              .capacity = position_,
                              .created = settings_.created.time_since_epoch().count(),
                              .settled_before = 0},
                             page);
  frame::EncodeCheckpoint({.sequence = 1,
                           .durable_position = position_,
                           .durable_offset = end.value(),
                           .committed_position = position_,
                           .committed_offset = end.value(),
                           .boot_id = settings_.boot,
                           .flags = 0,
                           .checksum = 0},
                          settings_.segment_id, page);
  return file_->WriteAt(0, page);
}

absl::Status SegmentWriter::Finish(Offset end, Timestamp sealed) {
  if (const auto status = PadTo(end); !status.ok()) return status;
  const std::size_t seal = buffer_.size();
  buffer_.resize(seal + frame::kSealBytes);
  frame::WriteSeal(&buffer_[seal], position_, settings_.segment_id, sealed,
                   static_cast<std::uint32_t>(next_delta_));
  position_ += frame::kSealBytes;
  if (const auto status = Flush(); !status.ok()) return status;
  // What the header promises has to be there before it.
  if (const auto status = file_->Sync(); !status.ok()) return status;
  if (const auto status = WriteHeaderPage(end); !status.ok()) return status;
  if (const auto status = file_->Sync(); !status.ok()) return status;
  is_finished_ = true;
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
