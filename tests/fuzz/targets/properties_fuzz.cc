#include <cstring>
#include <string>

#include "broker/topics/topic_settings.h"
#include "format/properties.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/repair.h"

// The text files of a data directory, and the settings of a topic that are in one.

namespace daybook::fuzz {
namespace {

void CheckSettings(const Properties& properties) {
  TopicOptions options;
  for (const auto& [key, value] : properties) {
    ExpectTyped(CheckTopicName(key));
    if (const auto status = SetOption(options, key, value); !status.ok()) {
      Expect(absl::IsInvalidArgument(status), "a bad setting is an invalid argument");
    }
  }
  options = Resolve(options);
  if (const auto status = CheckTopicOptions(options); !status.ok()) return ExpectTyped(status);
  // Good settings come back from their own text.
  TopicOptions again;
  for (const auto& [key, value] : ToProperties(options)) {
    ExpectOk(SetOption(again, key, value), key);
  }
  Expect(ToProperties(again) == ToProperties(options), "settings change when they are written");
}

}  // namespace

void FuzzProperties(Input input) {
  const auto properties = DecodeProperties(TextOf(input));
  if (!properties.ok()) {
    Expect(absl::IsDataLoss(properties.status()) || absl::IsFailedPrecondition(properties.status()),
           "a bad settings file is damage, or of a newer version");
    return ExpectTyped(properties.status());
  }
  const auto again = DecodeProperties(EncodeProperties(*properties));
  ExpectOk(again.status(), "a settings file does not read what it wrote");
  Expect(*again == *properties, "a settings file changes when it is written again");
  CheckSettings(*properties);
}

std::size_t MutateProperties(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t seed,
                             Mutate mutate) {
  size = mutate(buffer.data(), size, buffer.size());
  if (seed % 8 == 0) return size;
  std::string text(TextOf(buffer.first(size)));
  RepairPropertiesFile(&text);
  if (text.size() > buffer.size()) return size;
  if (!text.empty()) std::memcpy(buffer.data(), text.data(), text.size());
  return text.size();
}

}  // namespace daybook::fuzz
