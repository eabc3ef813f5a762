// Pictures that are not what they seem: whatever the bytes are, the recipe is read or the file is refused.

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

#include "app/render_recipe.h"
#include "core/base/error.h"
#include "tests/support/shared_data.h"
#include "ui/scene/png_text.h"

namespace erwin::app {
namespace {

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& body) {
  const std::string summed = type + body;
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(summed.data()), static_cast<uInt>(summed.size()));
  return big_endian(static_cast<std::uint32_t>(body.size())) + summed + big_endian(static_cast<std::uint32_t>(sum));
}

std::string picture_with(const std::string& words) {
  return std::string("\x89PNG\r\n\x1a\n", 8) +
         chunk("IHDR", big_endian(1) + big_endian(1) + std::string("\x08\x02\0\0\0", 5)) +
         chunk("tEXt", std::string(recipe_keyword) + '\0' + words) + chunk("tEXt", std::string("other\0words", 11)) +
         chunk("IDAT", std::string(40, 'x')) + chunk("IEND", "");
}

RenderRecipe example() {
  RenderRecipe recipe;
  recipe.program = "0.1.0";
  recipe.data = "cars/\"one\".h5";
  recipe.data_hash = std::string(64, 'a');
  recipe.options = {{"camera", "iso"}, {"level", "4"}};
  for (std::size_t i = 0; i < 16; ++i) recipe.camera_matrix[i] = 0.1 * static_cast<double>(i);
  return recipe;
}

class RecipeReader : public testing::Test {
protected:
  // What reading these bytes comes to: a recipe, or the kind of the refusal. Anything else fails the test.
  std::string read(const std::string& bytes) {
    const auto path = scratch_.path() / "hostile.png";
    std::ofstream(path, std::ios::binary) << bytes;
    try {
      return "read: " + read_recipe(path).data;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Format) << error.what();
      return "refused";
    }
  }
  test::ScratchFolder scratch_;
  const std::string good_ = picture_with(to_text(example()));
};

TEST_F(RecipeReader, ReadsWhatWasWritten) {
  EXPECT_EQ(read(good_), "read: cars/\"one\".h5");
}

TEST_F(RecipeReader, RefusesEveryCut) {
  for (std::size_t length = 0; length < good_.size(); ++length)
    ASSERT_EQ(read(good_.substr(0, length)), "refused") << length;
}

TEST_F(RecipeReader, SurvivesEveryChangedByte) {
  for (std::size_t at = 0; at < good_.size(); ++at)
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bytes = good_;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      read(bytes);
    }
}

TEST_F(RecipeReader, SurvivesManyChangesAtOnce) {
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = good_;
    for (int changes = 1 + static_cast<int>(random() % 6); changes > 0; --changes) {
      const std::size_t at = 8 + random() % (bytes.size() - 8);
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 20);
          break;
        default:
          bytes.insert(at, bytes.substr(8 + random() % (bytes.size() - 8), random() % 40));
      }
      if (bytes.size() < 64) break;
    }
    read(bytes);
  }
}

// The sums are right here: the words themselves are hostile.
TEST_F(RecipeReader, SurvivesHostileWords) {
  const std::string words = to_text(example());
  std::mt19937 random(6);
  for (int i = 0; i < 3000; ++i) {
    std::string changed = words;
    for (int changes = 1 + static_cast<int>(random() % 4); changes > 0; --changes) {
      const std::size_t at = random() % changed.size();
      if (random() % 2)
        changed[at] = static_cast<char>(random());
      else
        changed.erase(at, 1 + random() % 30);
      if (changed.size() < 8) break;
    }
    read(picture_with(changed));
  }
  EXPECT_EQ(read(picture_with(std::string(200'000, '['))), "refused");
  EXPECT_EQ(read(picture_with("{\"schema\":1e999}")), "refused");
  EXPECT_EQ(read(picture_with("")), "refused");
  EXPECT_EQ(read(picture_with(std::string(17u << 20, 'a'))), "refused");
}

}  // namespace
}  // namespace erwin::app
