#include "format/properties.h"

#include "catch.h"
#include "support/earlier_format.h"

namespace daybook {

TEST_CASE("Properties come back as they were written") {
  const Properties properties = {{"a", "1"}, {"b.c", "x=y"}, {"empty", ""}};
  const auto decoded = DecodeProperties(EncodeProperties(properties));
  REQUIRE(decoded.ok());
  CHECK(*decoded == properties);
}

TEST_CASE("A properties file has the bytes that the format describes", "[golden]") {
  CHECK(EncodeProperties({{"num.partitions", "4"}}) ==
        "# Daybook\nformat.version=2\nnum.partitions=4\nchecksum=eb5f2e2587a8b15a\n");
}

TEST_CASE("Every flipped bit of a properties file is found") {
  const std::string text = EncodeProperties({{"num.partitions", "4"}, {"durability", "disk"}});
  for (std::size_t byte = 0; byte < text.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      CHECK_FALSE(DecodeProperties(flipped).ok());
    }
  }
}

TEST_CASE("Every truncation of a properties file is found") {
  const std::string text = EncodeProperties({{"num.partitions", "4"}});
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_FALSE(DecodeProperties(text.substr(0, size)).ok());
  }
}

TEST_CASE("A newer version of a properties file is refused before its checksum is looked at") {
  std::string text = EncodeProperties({});
  text.replace(text.find("version=2"), 9, "version=7");
  CHECK(absl::IsFailedPrecondition(DecodeProperties(text).status()));
  CHECK(CheckPropertiesVersion(text).ok());  // it may be a flipped bit
}

TEST_CASE("An earlier version of a properties file is refused, and damaged it is damage") {
  std::string text = EarlierProperties({{"a", "1"}});
  CHECK(absl::IsFailedPrecondition(DecodeProperties(text).status()));
  CHECK(absl::IsFailedPrecondition(CheckPropertiesVersion(text)));
  text.replace(text.find("a=1"), 3, "a=2");
  CHECK(absl::IsDataLoss(DecodeProperties(text).status()));
  CHECK(CheckPropertiesVersion(text).ok());
  CHECK(CheckPropertiesVersion(EncodeProperties({})).ok());
  CHECK(CheckPropertiesVersion("").ok());
}

}  // namespace daybook
