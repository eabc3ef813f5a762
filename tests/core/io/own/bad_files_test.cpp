// The malformed and awkward files of the shared data, each with the answer it must get and why.

#include <cmath>

#include "tests/core/io/own/files.h"

namespace erwin::test {
namespace {

struct Answer {
  const char* file;
  const char* fragment;  // of the Error{Format}; null where the file is legal by its content
  std::int64_t points;   // then: how many, with these bounds
  std::array<double, 3> minimum, maximum;
  const char* reason;
};

constexpr std::array<double, 3> kNone{};

const std::vector<Answer>& table() {
  static const std::vector<Answer> rows = {
      {"lammpstrj/atom-no-item.lammpstrj", "'ITEM: ATOMS' was expected, not 'DUMMY'", 0, kNone, kNone,
       "no header names the columns"},
      {"lammpstrj/atom-not-enough-lines.lammpstrj", "ends after 2 of 3 atoms", 0, kNone, kNone,
       "3 atoms are announced, 2 follow"},
      {"lammpstrj/box-not-numbers.lammpstrj", "'DUMMY' is no number of the box", 0, kNone, kNone,
       "the box of the first frame is no box"},
      {"lammpstrj/timestep-no-item.lammpstrj", "'ITEM: TIMESTEP' was expected, not 'DUMMY'", 0, kNone, kNone,
       "the lines 'ITEM: ' show a dump, but the frame does not begin"},
      {"las/bad_vlr_count.las",
       nullptr,
       10,
       {289814.15, 4320978.61, 170.58},
       {289818.5, 4320980.59, 170.76},
       "3 records are counted, 2 fit before the points; the points lie where the header says and are whole"},
      {"las/gps-time-nan.las",
       nullptr,
       1,
       {0, 0, 0},
       {0, 0, 0},
       "a NaN in a field is legal and counted; the position is finite"},
      {"las/no-points.las", "no points", 0, kNone, kNone, "valid, but without points"},
      {"lfs_pointer_points.ply", "Git LFS pointer", 0, kNone, kNone, "the data were never fetched"},
      {"pcd/missingheader.pcd",
       nullptr,
       10,
       {289814.15, 4320978.61, 170.58},
       {289818.5, 4320980.59, 170.76},
       "no PCD at all, but by content a table of three columns: ten points"},
      {"ply/empty.ply", "empty", 0, kNone, kNone, "0 bytes"},
      // The header is correct and the row has its four values: a legal file.
      {"ply/issue_2421.ply",
       nullptr,
       1,
       {1.23457, 12345.6789, 1234567890.12345},
       {1.23457, 12345.6789, 1234567890.12345},
       "legal, with large numbers"},
      {"ply/no_vertex.ply", "no points", 0, kNone, kNone, "the header names no vertices"},
      {"text/badheader.txt", "two columns are named x", 0, kNone, kNone,
       "X,Y,X: which column is z, which x, would be a guess"},
      {"text/missingheader.txt",
       nullptr,
       5,
       {1, 1, 1},
       {5, 5, 5},
       "four columns of numbers without names: x, y, z and one more"},
      {"xyz/extended-bad-properties.xyz", "line 3", 0, kNone, kNone,
       "Properties puts pos before species: 'H' would be a coordinate"},
      {"xyz/extended.xyz", "line 3", 0, kNone, kNone, "Properties announces five columns, the line has four"},
      {"xyz/helium.xyz", "ends after 4 of 8 atoms", 0, kNone, kNone, "8 atoms are announced, 4 follow"},
  };
  return rows;
}

class BadFile : public testing::TestWithParam<std::size_t> {};

TEST_P(BadFile, GetsItsAnswer) {
  const Answer& answer = table()[GetParam()];
  ERWIN_SHARED_OR_SKIP(path, std::filesystem::path("data/bad") / answer.file);
  SCOPED_TRACE(answer.reason);
  if (answer.fragment) {
    expect_error(ErrorKind::Format, answer.fragment, [&] { io::open(path); });
    expect_error(ErrorKind::Format, path.filename().string(), [&] { io::open(path); });
    return;
  }
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->size(), answer.points);
  const Bounds box = cloud->bounds();
  for (std::size_t a = 0; a < 3; ++a) {
    EXPECT_LE(std::abs(box.minimum[a] - answer.minimum[a]),
              6e-8 * std::abs(answer.minimum[a] - cloud->origin()[a]) + 1e-15 * std::abs(answer.minimum[a]));
    EXPECT_LE(std::abs(box.maximum[a] - answer.maximum[a]),
              6e-8 * std::abs(answer.maximum[a] - cloud->origin()[a]) + 1e-15 * std::abs(answer.maximum[a]));
  }
}

INSTANTIATE_TEST_SUITE_P(Every, BadFile, testing::Range(std::size_t{0}, table().size()), [](const auto& row) {
  std::string name = table()[row.param].file;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

TEST(BadFiles, TheTableHasThemAll) {
  ERWIN_SHARED_OR_SKIP(folder, "data/bad");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) files += entry.is_regular_file();
  EXPECT_EQ(files, table().size());
}

TEST(BadFiles, LegalOnesSayWhatWasAssumed) {
  ERWIN_SHARED_OR_SKIP(folder, "data/bad");
  EXPECT_TRUE(any_remark(*io::open(folder / "las/bad_vlr_count.las"), "counts 3 variable length records, but only 2"));
  EXPECT_TRUE(any_remark(*io::open(folder / "pcd/missingheader.pcd"), "name ends in .pcd, but the content is text"));
  const PointCloudPtr nameless = io::open(folder / "text/missingheader.txt");
  EXPECT_TRUE(any_remark(*nameless, "No line names the columns"));
  EXPECT_EQ(values_of(*nameless, "column_4"), (std::vector<double>{25, 30, 35, 40, 45}));
  const PointCloudPtr time = io::open(folder / "las/gps-time-nan.las");
  EXPECT_EQ(time->require_field("gps_time").nonfinite_count(), 1);
  EXPECT_FALSE(time->require_field("gps_time").range());
  EXPECT_EQ(io::open(folder / "ply/issue_2421.ply")->require_field("i").value(0), 1234567890);
}

// These files hold several malformed frames each: every one must be refused alone, too.
void expect_every_frame_refused(const std::filesystem::path& path, std::size_t lines_per_frame) {
  const std::string text = read_bytes(path);
  std::size_t begin = 0, frames = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    for (std::size_t line = 0; line < lines_per_frame; ++line) end = text.find('\n', end) + 1;
    SCOPED_TRACE(text.substr(begin, end - begin));
    expect_refused(text.substr(begin, end - begin), "");
    begin = end;
    ++frames;
  }
  EXPECT_GE(frames, 3u);
}

TEST(BadFiles, EveryFrameOfTheExtendedXyz) {
  ERWIN_SHARED_OR_SKIP(folder, "data/bad/xyz");
  expect_every_frame_refused(folder / "extended-bad-properties.xyz", 3);
  // The ninth frame, "missing string", is like the others: five columns announced, four there.
  expect_every_frame_refused(folder / "extended.xyz", 3);
}

TEST(BadFiles, EveryFrameOfTheBrokenBoxes) {
  ERWIN_SHARED_OR_SKIP(folder, "data/bad/lammpstrj");
  expect_every_frame_refused(folder / "box-not-numbers.lammpstrj", 11);
}

// Formats that are not supported are named, with what can be opened instead.
TEST(ForeignFiles, AreNamed) {
  const std::vector<std::pair<const char*, const char*>> expected = {
      {"chemfiles/water.dcd", "DCD"}, {"ngl/ala3.dcd", "DCD"}, {"chemfiles/water.nc", "NetCDF"},
      {"ngl/DPDP.nc", "NetCDF"},      {"ngl/md.xtc", "XTC"},   {"ngl/md.gro", "GRO"},
      {"ngl/DPDP.pdb", "PDB"},        {"ngl/ala3.pdb", "PDB"}, {"ngl/ala3.psf", "PSF"},
      {"ngl/DPDP.prmtop", "prmtop"}};
  ERWIN_SHARED_OR_SKIP(folder, "data/md");
  for (const auto& [file, name] : expected) {
    SCOPED_TRACE(file);
    EXPECT_EQ(io::detect(folder / file), io::FileKind::Unknown);
    expect_error(ErrorKind::Format, name, [&] { io::open(folder / file); });
    expect_error(ErrorKind::Format, "can be opened: HDF5", [&] { io::open(folder / file); });
  }
}

}  // namespace
}  // namespace erwin::test
