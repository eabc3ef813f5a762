// Damaged and hostile files: whatever the bytes, opening either gives a cloud or throws an Error; nothing crashes,
// hangs or asks for memory that the file cannot fill. Run under AddressSanitizer these tests are worth twice as much.

#include <cstdlib>
#include <random>

#include "tests/core/io/own/files.h"
#include "tests/core/io/own/made_files.h"

namespace erwin::test {
namespace {

// A machine on which an allocation from a lying header would be refused loudly.
class Hostile : public testing::Test {
protected:
  Hostile() { setenv("ERWINSCOPE_MEMORY_LIMIT", "4000000", 1); }
  ~Hostile() override { unsetenv("ERWINSCOPE_MEMORY_LIMIT"); }

  // True where it opened.
  bool survives(std::string_view bytes) {
    write_bytes(path_, bytes);
    try {
      return io::open(path_)->size() > 0;
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::Internal) << error.what();
      EXPECT_FALSE(error.message().empty());
      return false;
    }
  }

private:
  ScratchFolder folder_;
  std::filesystem::path path_ = folder_.path() / "hostile";
};

TEST_F(Hostile, TheFilesAreWholeToBeginWith) {
  for (const auto& [name, bytes] : one_of_each()) {
    SCOPED_TRACE(name);
    EXPECT_EQ(open_bytes(bytes)->size(), 8);
  }
}

TEST_F(Hostile, TruncatedAtEveryLength) {
  for (const auto& [name, bytes] : one_of_each()) {
    SCOPED_TRACE(name);
    // Tables and the last digits of text may lose bytes and stay legal; binary formats may not.
    const bool binary = name.find("npy") != std::string::npos || name.find("npz") != std::string::npos ||
                        name.find("las") != std::string::npos || name == "little.ply" || name == "binary.pcd" ||
                        name == "packed.pcd";
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const bool opened = survives(std::string_view(bytes).substr(0, length));
      EXPECT_FALSE(binary && opened) << "cut after " << length << " of " << bytes.size() << " bytes";
    }
  }
}

TEST_F(Hostile, BitsFlippedAnywhere) {
  std::mt19937 random(20261123);
  for (const auto& [name, bytes] : one_of_each()) {
    SCOPED_TRACE(name);
    for (int round = 0; round < 200; ++round) {
      std::string damaged = bytes;
      for (int flips = 1 + round % 4; flips > 0; --flips)
        damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
      survives(damaged);
    }
  }
}

TEST_F(Hostile, BytesReplacedInTheHeader) {
  std::mt19937 random(7);
  for (const auto& [name, bytes] : one_of_each()) {
    SCOPED_TRACE(name);
    for (int round = 0; round < 200; ++round) {
      std::string damaged = bytes;
      const std::size_t at = random() % std::min<std::size_t>(damaged.size(), 256);
      damaged.replace(at, 1 + random() % 8, std::string(random() % 10, "\xff\0 9-,:\n"[random() % 8]));
      survives(damaged);
    }
  }
}

// Counts that no file can fill are refused by size, not by failing to allocate: kind Format, not Memory.
TEST_F(Hostile, HugeCountsInHeaders) {
  const std::string huge = "1000000000000000";
  expect_refused(make_npy("'<f4'", "(" + huge + ", 3)", ""), "needs 12000000000000000 bytes");
  expect_refused(make_npy("'<f4'", "(4294967296, 4294967296, 4294967296, 3)", ""), "cut off");
  expect_refused(make_npy("'<f8'", "(18446744073709551615, 3)", ""), "cut off");
  expect_refused("ply\nformat binary_little_endian 1.0\nelement vertex " + huge +
                     "\nproperty float x\nproperty float y\nproperty float z\nend_header\n",
                 "cut off");
  expect_refused("ply\nformat ascii 1.0\nelement vertex " + huge +
                     "\nproperty float x\nproperty float y\nproperty float z\nend_header\n0 0 0\n",
                 "cut off");
  const std::string one_vertex = "element vertex 1\nproperty float x\nproperty float y\nproperty float z\n",
                    zeros(12, '\0');
  expect_refused("ply\nformat binary_little_endian 1.0\n" + one_vertex + "element face " + huge +
                     "\nproperty list uchar int vertex_indices\nend_header\n" + zeros,
                 "cut off");
  expect_refused("ply\nformat binary_little_endian 1.0\n" + one_vertex +
                     "element face 1\nproperty list uint int vertex_indices\nend_header\n" + zeros + "\xff\xff\xff\x7f",
                 "longer than the file");
  const std::string pcd = "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH " + huge +
                          "\nHEIGHT 1\nPOINTS " + huge + "\nDATA ";
  expect_refused(pcd + "ascii\n0 0 0\n", "cut off");
  expect_refused(pcd + "binary\n", "cut off");
  expect_refused(pcd + "binary_compressed\n" + bytes_of<std::uint32_t>({4, 0xffffffff}), "the points need");
  std::string las = make_las({});
  las.replace(107, 4, "\xff\xff\xff\xff");
  expect_refused(las, "4294967295 points of 20 bytes need 85899345900");
  std::string new_las = make_las({.minor = 4, .format = 6});
  new_las.replace(247, 8, std::string(8, '\xff'));
  expect_refused(new_las, "cut off");
  expect_refused(huge + "\ncomment\nH 0 0 0\n", "cannot fit");
  expect_refused("ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n" + huge +
                     "\nITEM: BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\nITEM: ATOMS id x y z\n1 0 0 0\n",
                 "cannot fit");
}

TEST_F(Hostile, RowsThatTakeNoRoomTakeNoTime) {
  // A trillion rows of nothing: legal, and skipped at once.
  const std::string file =
      "ply\nformat ascii 1.0\nelement nothing 1000000000000\nelement vertex 1\nproperty float x\nproperty float "
      "y\nproperty float z\nend_header\n1 2 3\n";
  EXPECT_EQ(positions_of(*open_bytes(file)), (std::vector<double>{1, 2, 3}));
}

TEST_F(Hostile, ArchivesThatPromiseMoreThanTheyHold) {
  const std::string npy = make_npy("'<f4'", "(1, 3)", std::string(12, '\0'));
  std::string zip = make_zip({{"positions.npy", npy}}, true);
  // Size when unpacked, in the directory: 24 bytes behind its signature.
  std::string bomb = zip;
  bomb.replace(bomb.find("PK\x01\x02") + 24, 4, "\xfe\xff\xff\xff");
  expect_refused(bomb, "");
  std::string wrong = zip;
  wrong.replace(wrong.find("PK\x01\x02") + 16, 4, "abcd");
  expect_refused(wrong, "checksum");
}

TEST_F(Hostile, PlainMemoryLimitIsNamed) {
  const std::string row = "0.5 0.5 0.5\n";
  std::string table;
  for (int i = 0; i < 100000; ++i) table += row;  // 1.2 MB of text: 5.6 MB of numbers
  expect_refused(table, "", ErrorKind::Memory);
}

TEST_F(Hostile, DeepNestingInAnArrayHeaderEnds) {
  expect_refused(make_npy(std::string(60000, '['), "(1,)", ""), "header of the array is broken");
}

}  // namespace
}  // namespace erwin::test
