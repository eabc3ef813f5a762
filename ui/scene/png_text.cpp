#include "ui/scene/png_text.h"

#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string_view>

#include "core/base/error.h"

namespace erwin::ui {

namespace {

constexpr std::string_view signature("\x89PNG\r\n\x1a\n", 8);
constexpr std::uint32_t most_words = 16u << 20;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::Format, "this PNG file cannot be read", path.string() + ": " + why,
              "Give a picture that erwinscope has written");
}

std::uint32_t big_endian(const char* bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

// The chunk's text behind its type, its checksum looked at.
std::string read_body(std::ifstream& in, const char* type, std::uint32_t length, const std::filesystem::path& path) {
  std::string body(length, '\0');
  std::array<char, 4> sum;
  if (!in.read(body.data(), static_cast<std::streamsize>(length)) || !in.read(sum.data(), 4))
    refuse(path, "it is cut off");
  uLong found = crc32(0, reinterpret_cast<const Bytef*>(type), 4);
  found = crc32(found, reinterpret_cast<const Bytef*>(body.data()), length);
  if (static_cast<std::uint32_t>(found) != big_endian(sum.data())) refuse(path, "a checksum is wrong");
  return body;
}

}  // namespace

PngTexts read_png_texts(const std::filesystem::path& path) {
  std::error_code failure;
  const bool regular = std::filesystem::is_regular_file(path, failure);
  const std::uint64_t size = regular ? std::filesystem::file_size(path, failure) : 0;
  std::ifstream in(path, std::ios::binary);
  if (!regular || failure || !in)
    throw Error(ErrorKind::Io, "this file cannot be opened", path.string(), "Check the name and the permissions");
  std::array<char, 8> head;
  if (!in.read(head.data(), 8) || std::string_view(head.data(), 8) != signature) refuse(path, "it is no PNG file");
  PngTexts texts;
  std::uint32_t words = 0;
  for (std::uint64_t at = 8;;) {
    if (!in.read(head.data(), 8)) refuse(path, "it is cut off");
    const std::uint32_t length = big_endian(head.data());
    const std::string_view type(head.data() + 4, 4);
    at += 12 + std::uint64_t{length};
    if (at > size) refuse(path, "it is cut off");
    if (type == "IEND") return texts;
    if (type != "tEXt") {
      in.seekg(static_cast<std::streamoff>(at));
      continue;
    }
    if (length > most_words - words) refuse(path, "it holds too many words");
    words += length;
    const std::string body = read_body(in, head.data() + 4, length, path);
    const std::size_t end = body.find('\0');
    if (end == std::string::npos || end == 0) refuse(path, "a text has no keyword");
    texts[body.substr(0, end)] = body.substr(end + 1);
  }
}

}  // namespace erwin::ui
