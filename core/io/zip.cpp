#include "core/io/internal/zip.h"

#include <zlib.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/memory.h"

namespace erwin::io {

namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr std::size_t kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20, kCentralBytes = 46, kLocalBytes = 30;
// No deflate stream grows further (RFC 1951: 258 bytes of a match from a little more than 2 bits).
constexpr std::uint64_t kMostGrowth = 1032;
constexpr std::uint64_t kMostMembers = 1 << 20;

[[noreturn]] void damaged(const std::string& detail) {
  throw Error(ErrorKind::Format, "the zip archive is damaged or cut off", detail, "Copy or download the file again");
}

// Little-endian numbers at checked places of a piece of the file.
class Bytes {
public:
  Bytes(const InputFile& file, std::uint64_t offset, std::uint64_t length) {
    if (offset > file.size() || length > file.size() - offset)
      damaged("bytes " + std::to_string(offset) + " to " + std::to_string(offset) + " + " + std::to_string(length) +
              " of " + std::to_string(file.size()));
    require_memory(length, "reading a zip archive");
    bytes_ = file.text_at(offset, length);
    if (bytes_.size() != length) damaged("the file has become shorter");
  }
  std::uint64_t number(std::uint64_t offset, int width) const {
    const std::string_view raw = part(offset, static_cast<std::uint64_t>(width));
    std::uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i)
      value = value << 8 | static_cast<unsigned char>(raw[static_cast<std::size_t>(i)]);
    return value;
  }
  std::string_view part(std::uint64_t offset, std::uint64_t length) const {
    if (offset > bytes_.size() || length > bytes_.size() - offset) damaged("a record passes its end");
    return std::string_view(bytes_).substr(offset, length);
  }
  std::uint64_t size() const { return bytes_.size(); }
  std::string take() && { return std::move(bytes_); }

private:
  std::string bytes_;
};

struct Directory {
  std::uint64_t offset = 0, size = 0, members = 0;
};

Directory find_directory(const InputFile& file) {
  if (file.size() < kEndBytes) damaged("no end record");
  // The end record is followed by a comment of at most 65535 bytes and preceded by the locator of zip64.
  const std::uint64_t tail_bytes = std::min<std::uint64_t>(file.size(), kEndBytes + 65535 + kLocatorBytes);
  const Bytes tail(file, file.size() - tail_bytes, tail_bytes);
  std::uint64_t end = tail_bytes - kEndBytes;
  while (tail.number(end, 4) != kEnd) {
    if (end == 0) damaged("no end record");
    --end;
  }
  if (tail.number(end + 4, 2) != 0 && tail.number(end + 4, 2) != 0xffff)
    throw Error(ErrorKind::Format, "the zip archive is split over several files", {}, "Write it as one file");
  Directory directory{tail.number(end + 16, 4), tail.number(end + 12, 4), tail.number(end + 10, 2)};
  const bool large = directory.offset == 0xffffffff || directory.size == 0xffffffff || directory.members == 0xffff;
  if (large && end >= kLocatorBytes && tail.number(end - kLocatorBytes, 4) == kEnd64Locator) {
    const Bytes end64(file, tail.number(end - kLocatorBytes + 8, 8), kEnd64Bytes);
    if (end64.number(0, 4) != kEnd64) damaged("the zip64 end record is missing");
    directory = {end64.number(48, 8), end64.number(40, 8), end64.number(32, 8)};
  }
  if (directory.members > kMostMembers || directory.members > directory.size / kCentralBytes)
    damaged(std::to_string(directory.members) + " members in a directory of " + std::to_string(directory.size) +
            " bytes");
  return directory;
}

// Sizes beyond 32 bits stand in an extra field, in this order, each only where its 32-bit field is full.
void read_zip64(const Bytes& bytes, std::uint64_t extra, std::uint64_t length, ZipMember& member) {
  const std::uint64_t end = extra + length;
  while (extra + 4 <= end) {
    const std::uint64_t id = bytes.number(extra, 2), size = bytes.number(extra + 2, 2);
    if (id == 1) {
      std::uint64_t at = extra + 4;
      for (std::uint64_t* field : {&member.bytes, &member.stored, &member.header}) {
        if (*field != 0xffffffff) continue;
        if (at + 8 > extra + 4 + size) damaged("zip64 sizes of " + member.name);
        *field = bytes.number(at, 8);
        at += 8;
      }
    }
    extra += 4 + size;
  }
}

Bytes stored_bytes(const InputFile& file, const ZipMember& member) {
  const Bytes header(file, member.header, kLocalBytes);
  if (header.number(0, 4) != kLocalHeader) damaged("header of " + member.name);
  // The local name and extra field may be longer than the directory's (NumPy and PyTorch pad for alignment).
  return {file, member.header + kLocalBytes + header.number(26, 2) + header.number(28, 2), member.stored};
}

}  // namespace

std::vector<ZipMember> zip_members(const InputFile& file) {
  const Directory directory = find_directory(file);
  const Bytes all(file, directory.offset, directory.size);
  std::vector<ZipMember> members;
  std::set<std::string_view> names;
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < directory.members; ++i) {
    if (all.number(at, 4) != kCentralHeader) damaged("entry " + std::to_string(i) + " of the directory");
    const std::uint64_t name = all.number(at + 28, 2), extra = all.number(at + 30, 2), comment = all.number(at + 32, 2);
    ZipMember member;
    member.name = std::string(all.part(at + kCentralBytes, name));
    if (!names.insert(all.part(at + kCentralBytes, name)).second) damaged("two members are named " + member.name);
    if (all.number(at + 8, 2) & 1)
      throw Error(ErrorKind::Format, "the zip archive is encrypted", member.name, "Write it without a password");
    member.method = static_cast<std::uint16_t>(all.number(at + 10, 2));
    member.checksum = static_cast<std::uint32_t>(all.number(at + 16, 4));
    member.stored = all.number(at + 20, 4);
    member.bytes = all.number(at + 24, 4);
    member.header = all.number(at + 42, 4);
    all.part(at + kCentralBytes + name, extra + comment);
    read_zip64(all, at + kCentralBytes + name, extra, member);
    if (member.header > file.size()) damaged("header of " + member.name);
    members.push_back(std::move(member));
    at += kCentralBytes + name + extra + comment;
  }
  return members;
}

std::string unzip(const InputFile& file, const ZipMember& member, const Job& job) {
  if (member.method != 0 && member.method != 8)
    throw Error(ErrorKind::Format, "the zip archive uses a compression that is not supported",
                member.name + ", method " + std::to_string(member.method), "Write it stored or with deflate");
  const bool plausible =
      member.method == 0 ? member.bytes == member.stored : member.bytes / kMostGrowth <= member.stored;
  if (!plausible)
    damaged(member.name + ": " + std::to_string(member.stored) + " bytes cannot hold " + std::to_string(member.bytes));
  require_memory(member.bytes, "reading " + member.name);
  Bytes packed = stored_bytes(file, member);
  std::string result;
  if (member.method == 0) {
    result = std::move(packed).take();
  } else {
    const std::string_view stored = packed.part(0, packed.size());
    result.resize(member.bytes);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw Error(ErrorKind::Internal, "zlib cannot start");
    struct End {
      z_stream* stream;
      ~End() { inflateEnd(stream); }
    } end{&stream};
    constexpr std::size_t step = 8 << 20;
    std::size_t read = 0, written = 0;
    int status = Z_OK;
    while (status == Z_OK) {
      job.check();
      const std::size_t in = std::min(step, stored.size() - read), out = std::min(step, result.size() - written);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(stored.data() + read));
      stream.avail_in = static_cast<uInt>(in);
      stream.next_out = reinterpret_cast<Bytef*>(result.data() + written);
      stream.avail_out = static_cast<uInt>(out);
      status = inflate(&stream, Z_NO_FLUSH);
      read += in - stream.avail_in;
      written += out - stream.avail_out;
    }
    if (status != Z_STREAM_END || written != result.size()) damaged(member.name + " does not unpack to its size");
  }
  uLong sum = crc32_z(0, nullptr, 0);
  sum = crc32_z(sum, reinterpret_cast<const Bytef*>(result.data()), result.size());
  if (sum != member.checksum) damaged(member.name + " does not match its checksum");
  return result;
}

}  // namespace erwin::io
