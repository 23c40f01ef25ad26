#include "torture/hostile.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "format/compression.h"
#include "format/frame_codec.h"

namespace daybook::torture {
namespace {

using Random = std::mt19937_64;

constexpr std::size_t kMostMade = std::size_t{256} << 10;
// What the records of a topic with each shape's settings may have, less what a head may take.
constexpr std::size_t kMostOfSmall = 6'000;
constexpr std::size_t kMostOfDefault = (std::size_t{1} << 20) - 1024;

// Random enough, and as good as free: for what is asked once a record.
class FastRandom {
 public:
  explicit FastRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() {
    std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

template <typename T>
void Put(std::string* bytes, const T& value) {
  bytes->append(reinterpret_cast<const char*>(&value), sizeof value);
}

frame::FrameHeader HeadOfLength(std::uint32_t length, std::uint32_t delta, Random& random) {
  return {.length_word = frame::LengthWord(frame::Kind::kRecord, length),
          .checksum = static_cast<std::uint32_t>(random()),
          .append_time = static_cast<std::int64_t>(random() >> 2),
          .offset_delta = delta,
          .attributes = 0};
}

std::string FrameHeads(std::size_t bytes, Random& random) {
  std::string out;
  for (std::uint32_t delta = 1; out.size() < bytes; ++delta) {
    // A multiple of a head, so that most lead to another one.
    const auto most = static_cast<std::uint32_t>(std::max<std::size_t>(bytes / 48, 1));
    Put(&out, HeadOfLength(24 * (1 + static_cast<std::uint32_t>(random()) % most), delta, random));
  }
  return out;
}

std::string Integers(std::size_t bytes, Random& random) {
  std::string out;
  while (out.size() < bytes) Put(&out, std::int64_t{1 << 28} + std::int64_t(random() % 1'000'000));
  return out;
}

std::string Floats(std::size_t bytes, Random& random) {
  std::string out;
  std::normal_distribution<double> normal(0, 1000);
  while (out.size() < bytes) Put(&out, normal(random));
  return out;
}

std::string Random64(std::size_t bytes, Random& random) {
  std::string out;
  while (out.size() < bytes) Put(&out, random());
  return out;
}

std::string Compressed(std::size_t bytes, Random& random) {
  std::string text;
  while (text.size() < 4 * bytes) text += std::to_string(random() % 1'000'000'007) + ", ";
  std::string packed;
  Compressor compressor;
  if (!compressor.Compress(std::as_bytes(std::span(text)), nullptr, 1, &packed).ok()) return text;
  while (packed.size() < bytes) packed += packed;
  return packed;
}

std::string Executable(std::size_t bytes, Random& random) {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  file.seekg(0, std::ios::end);
  const auto size = static_cast<std::uint64_t>(file.tellg());
  std::string out(bytes, '\0');
  file.seekg(static_cast<std::streamoff>(size > bytes ? random() % (size - bytes) / 8 * 8 : 0));
  file.read(out.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(bytes, size)));
  for (std::size_t have = size; have != 0 && have < bytes; have *= 2) {
    std::copy_n(out.begin(), std::min(have, bytes - have),
                out.begin() + static_cast<std::ptrdiff_t>(have));
  }
  return out;
}

std::string OtherSegment(std::size_t bytes, Random& random) {
  const std::uint64_t id = random();
  std::string out;
  for (std::uint32_t delta = 0; out.size() < bytes; ++delta) {
    const std::uint64_t position = frame::kSegmentHeaderBytes + out.size();
    const std::string value(random() % 400, 'v');
    const frame::RecordParts parts{.key = {},
                                   .headers = {},
                                   .event_time = {},
                                   .value_bytes = value.size(),
                                   .tombstone = false};
    const frame::RecordLayout layout = frame::LayoutOf(parts);
    std::vector<std::uint64_t> frame(frame::AlignedLength(layout.length) / 8);
    auto* const at = reinterpret_cast<std::byte*>(frame.data());
    std::byte* const to = frame::FillRecord(at, layout, parts, Timestamp(), delta);
    if (!value.empty()) std::memcpy(to, value.data(), value.size());
    frame::FinishFrame(at, frame::LengthWord(frame::Kind::kRecord, layout.length), position, id);
    out.append(reinterpret_cast<const char*>(at), frame.size() * 8);
  }
  return out;
}

std::string ZeroRuns(std::size_t bytes, Random& random) {
  std::string out;
  while (out.size() < bytes) {
    const auto length = static_cast<std::uint32_t>(24 + random() % 100'000);
    Put(&out, HeadOfLength(length, static_cast<std::uint32_t>(random() % 1000), random));
    out.append(random() % 8192 / 8 * 8, '\0');
  }
  return out;
}

}  // namespace

std::string HostileBytes(Hostile kind, std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  std::string out;
  switch (kind) {
    case Hostile::kFrameHeads:
      out = FrameHeads(bytes, random);
      break;
    case Hostile::kIntegers:
      out = Integers(bytes, random);
      break;
    case Hostile::kFloats:
      out = Floats(bytes, random);
      break;
    case Hostile::kCompressed:
      out = Compressed(bytes, random);
      break;
    case Hostile::kExecutable:
      out = Executable(bytes, random);
      break;
    case Hostile::kSegment:
      out = OtherSegment(bytes, random);
      break;
    case Hostile::kZeroRuns:
      out = ZeroRuns(bytes, random);
      break;
    case Hostile::kRandom:
      out = Random64(bytes, random);
      break;
  }
  out.resize(bytes);
  return out;
}

HostilePool::HostilePool(std::size_t bytes, std::uint64_t seed) {
  for (int kind = 0; kind < kHostileKinds; ++kind) {
    // Making more takes long; the same again is as hostile.
    std::string part = HostileBytes(static_cast<Hostile>(kind), std::min(bytes, kMostMade), seed);
    std::string& all = kinds_.emplace_back();
    while (all.size() < bytes) all.append(part, 0, bytes - all.size());
  }
}

std::string_view HostilePool::Payload(std::size_t bytes, std::uint64_t seed) const {
  FastRandom random(seed);
  const std::string& kind = kinds_[random() % kinds_.size()];
  return std::string_view(kind).substr(random() % (kind.size() - bytes + 1) / 8 * 8, bytes);
}

const HostilePool& SmallHostilePool() {
  static const HostilePool pool(64 << 10, 23);
  return pool;
}

const HostilePool& LargeHostilePool() {
  static const HostilePool pool(1 << 20, 23);
  return pool;
}

HostileValues::HostileValues(Shape shape)
    : most_(shape == Shape::kSmall ? kMostOfSmall : kMostOfDefault),
      pool_(shape == Shape::kSmall ? SmallHostilePool() : LargeHostilePool()) {}

std::size_t HostileValues::BytesOf(std::uint64_t seed) const {
  FastRandom random(seed);
  const std::uint64_t choice = random();
  if (choice % 16 != 0) return 10 + choice / 16 % 290;
  std::size_t bytes = 300;
  while (2 * bytes <= most_ && random() % 8 != 0) bytes *= 2;
  return std::min(most_, bytes + random() % bytes);
}

std::string HostileValues::ValueOf(std::string head, std::size_t bytes, std::uint64_t seed) const {
  if (bytes > head.size()) head += pool_.Payload(bytes - head.size(), seed);
  return head;
}

}  // namespace daybook::torture
