#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/base/atomic_file.h"
#include "core/base/csv.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/job.h"
#include "core/base/memory.h"
#include "core/base/svg.h"
#include "tests/support/shared_data.h"

namespace erwin {

// Digests of FIPS 180-4's examples and of a text that crosses a block.
TEST(Hash, Sha256OfKnownTexts) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Hash, PiecesDoNotMatter) {
  const std::string text(1000, 'x');
  Sha256 hash;
  for (std::size_t at = 0; at < text.size(); at += 37)
    hash.update(text.data() + at, std::min<std::size_t>(37, text.size() - at));
  EXPECT_EQ(hash.hex(), sha256_hex(text));
}

TEST(Errors, OneLineAndExitCodes) {
  const Error error(ErrorKind::Format, "the header is cut off", "byte 12", "Download it again");
  EXPECT_STREQ(error.what(), "the header is cut off (byte 12). Download it again");
  EXPECT_STREQ(error.at("a.ply").what(), "the header is cut off (a.ply: byte 12). Download it again");
  EXPECT_EQ(exit_code(ErrorKind::Format), 4);
  EXPECT_EQ(exit_code(ErrorKind::Cancelled), 130);
}

TEST(Jobs, AStopIsSeenAtTheNextCheck) {
  std::stop_source source;
  const Job job(source.get_token());
  EXPECT_NO_THROW(job.check());
  source.request_stop();
  try {
    job.check();
    FAIL() << "not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Cancelled);
  }
}

TEST(AtomicFile, AFailedWriteLeavesTheOldFile) {
  const test::ScratchFolder scratch;
  const auto path = scratch.path() / "a.txt";
  write_text_atomically(path, "old");
  EXPECT_THROW(write_file_atomically(path,
                                     [](const std::filesystem::path& temporary) {
                                       std::ofstream(temporary) << "half";
                                       throw Error(ErrorKind::Io, "disk full");
                                     }),
               Error);
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch.path()), {}), 1) << "a temporary file was left";
}

TEST(Memory, MoreThanThereIsIsRefusedWithBothSizes) {
  try {
    require_memory(std::uint64_t{1} << 60, "the positions");
    FAIL() << "an exbibyte was granted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Memory);
    EXPECT_NE(error.detail().find("1048576 TiB"), std::string::npos) << error.what();
  }
}

TEST(Csv, ACellHasQuotesWhereItNeedsThem) {
  EXPECT_EQ(csv_cell("block.0"), "block.0");
  EXPECT_EQ(csv_cell(""), "");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("the \"last\""), "\"the \"\"last\"\"\"");
  EXPECT_EQ(csv_cell("two\nlines"), "\"two\nlines\"");
}

TEST(Svg, AnAxisHasRoundEndsAroundWhatItShows) {
  const auto expect = [](const svg::Axis& axis, double low, double high, double step) {
    EXPECT_DOUBLE_EQ(axis.low, low);
    EXPECT_DOUBLE_EQ(axis.high, high);
    EXPECT_DOUBLE_EQ(axis.step, step);
    EXPECT_DOUBLE_EQ(axis.tick(axis.ticks()), high);
  };
  expect(svg::round_axis(0, 6.5, 5), 0, 8, 2);
  expect(svg::round_axis(-0.13, 0.31), -0.2, 0.4, 0.2);
  expect(svg::round_axis(3, 3), 2.6, 3.4, 0.2);
  EXPECT_EQ(svg::round_axis(-0.3, 0.3, 6).tick(3), 0);  // not 5.6e-17
}

}  // namespace erwin
