// Words in PNG files, and files that only look like PNG.

#include "ui/scene/png_text.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "core/base/error.h"
#include "tests/support/shared_data.h"
#include "ui/scene/offscreen_scene.h"

namespace erwin::ui {
namespace {

class PngText : public testing::Test {
protected:
  PngText() {
    Picture picture{20, 16, std::vector<std::uint8_t>(20 * 16 * 3, 77)};
    write_png(file, picture, {{"key", "a \"text\" of words"}, {"other", ""}});
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  ErrorKind kind_of(const std::string& content) {
    const auto path = scratch.path() / "hostile.png";
    std::ofstream(path, std::ios::binary) << content;
    try {
      read_png_texts(path);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::Internal;
  }
  erwin::test::ScratchFolder scratch;
  std::filesystem::path file = scratch.path() / "words.png";
  std::string bytes;
};

TEST_F(PngText, WhatIsWrittenReadsBack) {
  const PngTexts texts = read_png_texts(file);
  EXPECT_EQ(texts.at("key"), "a \"text\" of words");
  EXPECT_EQ(texts.at("other"), "");
}

TEST_F(PngText, EveryCutIsNoticed) {
  for (std::size_t length = 0; length < bytes.size(); ++length)
    ASSERT_EQ(kind_of(bytes.substr(0, length)), ErrorKind::Format) << length;
}

TEST_F(PngText, AWrongChecksumAHugeLengthAndNoKeywordAreRefused) {
  const std::size_t text = bytes.find("tEXt");
  ASSERT_NE(text, std::string::npos);
  std::string hostile = bytes;
  hostile[text + 6] ^= 1;
  EXPECT_EQ(kind_of(hostile), ErrorKind::Format);
  hostile = bytes;
  hostile[text - 4] = '\x7f';  // two thousand million bytes of words
  EXPECT_EQ(kind_of(hostile), ErrorKind::Format);
  EXPECT_EQ(kind_of("GIF89a and so on"), ErrorKind::Format);
  EXPECT_EQ(kind_of(""), ErrorKind::Format);
  EXPECT_THROW(read_png_texts(scratch.path() / "absent.png"), Error);
  EXPECT_THROW(read_png_texts(scratch.path()), Error);
}

}  // namespace
}  // namespace erwin::ui
