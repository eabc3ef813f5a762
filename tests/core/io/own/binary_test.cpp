// PLY, PCD and LAS.

#include <cmath>

#include "tests/core/io/own/files.h"
#include "tests/core/io/own/made_files.h"

namespace erwin::test {
namespace {

using Numbers = std::vector<double>;

// Five vertices, a triangle, a quad, a pentagon, a face of two corners and an edge; properties of every type.
std::string ply_file(const std::string& format, const std::string& end = "\n") {
  std::string header =
      "ply" + end + "format " + format + " 1.0" + end + "comment made by a test" + end + "obj_info nothing" + end;
  for (const char* line :
       {"element vertex 5", "property double X", "property float Y", "property short Z", "property char a",
        "property uchar b", "property ushort c", "property int32 d", "property uint e", "element face 4",
        "property uchar flags", "property list uchar int vertex_indices", "property list uint float extra",
        "element material 1", "property list ushort uchar name", "element edge 1", "property int vertex1",
        "property int vertex2", "end_header"})
    header += line + end;
  const bool big = format == "binary_big_endian";
  if (format == "ascii") {
    for (int i = 0; i < 5; ++i) {
      const std::string n = std::to_string(i);
      header += n + ".5 " + n + " -" + n + " -" + n + " " + n + " 40000 -70000 3000000000" + end;
    }
    return header + "1 3 0 1 2 0" + end + "1 4 0 1 2 3 1 0.5" + end + "1 5 0 1 2 3 4 0" + end + "1 2 0 1 0" + end +
           "2 65 66" + end + "3 4";
  }
  for (int i = 0; i < 5; ++i)
    header += bytes_of(i + 0.5, big) + bytes_of(static_cast<float>(i), big) +
              bytes_of(static_cast<std::int16_t>(-i), big) + bytes_of(static_cast<std::int8_t>(-i)) +
              bytes_of(static_cast<std::uint8_t>(i)) + bytes_of<std::uint16_t>(40000, big) +
              bytes_of<std::int32_t>(-70000, big) + bytes_of<std::uint32_t>(3000000000u, big);
  const auto face = [big](std::initializer_list<std::int32_t> corners, std::initializer_list<float> extra) {
    return bytes_of<std::uint8_t>(1) + bytes_of(static_cast<std::uint8_t>(corners.size())) +
           bytes_of<std::int32_t>(corners, big) + bytes_of(static_cast<std::uint32_t>(extra.size()), big) +
           bytes_of<float>(extra, big);
  };
  return header + face({0, 1, 2}, {}) + face({0, 1, 2, 3}, {0.5f}) + face({0, 1, 2, 3, 4}, {}) + face({0, 1}, {}) +
         bytes_of<std::uint16_t>(2, big) + "AB" + bytes_of<std::int32_t>({3, 4}, big);
}

TEST(Ply, AllStoragesSayTheSame) {
  for (const char* format : {"ascii", "binary_little_endian", "binary_big_endian"})
    for (const char* end : {"\n", "\r\n"}) {
      SCOPED_TRACE(std::string(format) + (end[0] == '\r' ? " CRLF" : ""));
      const auto cloud = open_bytes(ply_file(format, end));
      EXPECT_EQ(cloud->source().format, std::string("PLY ") + format);
      EXPECT_EQ(positions_of(*cloud), (Numbers{0.5, 0, 0, 1.5, 1, -1, 2.5, 2, -2, 3.5, 3, -3, 4.5, 4, -4}));
      EXPECT_EQ(values_of(*cloud, "a"), (Numbers{0, -1, -2, -3, -4}));
      EXPECT_EQ(values_of(*cloud, "b"), (Numbers{0, 1, 2, 3, 4}));
      EXPECT_EQ(values_of(*cloud, "c"), Numbers(5, 40000));
      EXPECT_EQ(values_of(*cloud, "d"), Numbers(5, -70000));
      EXPECT_EQ(values_of(*cloud, "e"), Numbers(5, 3000000000));
      // The triangle, then the pentagon as a fan.
      EXPECT_EQ(cloud->cells().triangles, (std::vector<std::uint32_t>{0, 1, 2, 0, 1, 2, 0, 2, 3, 0, 3, 4}));
      EXPECT_EQ(cloud->cells().quads, (std::vector<std::uint32_t>{0, 1, 2, 3}));
      EXPECT_EQ(cloud->cells().lines, (std::vector<std::uint32_t>{3, 4}));
      EXPECT_TRUE(any_remark(*cloud, "1 faces of more than four corners"));
      EXPECT_TRUE(any_remark(*cloud, "1 faces of fewer than three corners"));
      EXPECT_TRUE(any_remark(*cloud, "'material'"));
    }
}

const std::string kVertices = "element vertex 2\nproperty float x\nproperty float y\nproperty float z\n";

TEST(Ply, ListsOfVerticesAreLeftOut) {
  const auto cloud = open_bytes(
      "ply\nformat ascii 1.0\nelement vertex 2\nproperty list uchar int n\nproperty float x\nproperty float "
      "y\nproperty float z\nend_header\n2 7 7 1 2 3\n0 4 5 6\n");
  EXPECT_EQ(positions_of(*cloud), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(any_remark(*cloud, "list 'n'"));
}

TEST(Ply, CellsGoWithPointsThatWereDropped) {
  const std::string file =
      "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\nelement face "
      "2\nproperty list uchar int vertex_index\nend_header\n"
      "nan 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 1 2 3\n";
  expect_refused(file, "row 0");
  const auto cloud = open_bytes(file, dropping_nonfinite());
  EXPECT_EQ(cloud->cells().triangles, (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(cloud->row_id(0), 1);
  EXPECT_TRUE(any_remark(*cloud, "1 cells touch a point"));
}

TEST(Ply, BrokenFilesAreRefused) {
  const std::string begin = "ply\nformat ascii 1.0\n";
  expect_refused(begin + kVertices + "end_header\n1 2 3\n", "cut off");
  expect_refused(begin + kVertices + "end_header\n1 2 3\n40 50\n", "too few numbers");
  expect_refused(begin + kVertices + "end_header\n1 2 3\n4 5 6 7\n", "more numbers");
  expect_refused(begin + kVertices + "end_header\n1 2 3\n4 five 6\n", "'five' is no number");
  expect_refused(begin + kVertices, "end_header is missing");
  expect_refused("ply\n" + kVertices + "end_header\n1 2 3\n4 5 6\n", "format is missing");
  expect_refused("ply\nformat middle_endian 1.0\n" + kVertices + "end_header\n", "'middle_endian'");
  expect_refused(begin + "element vertex two\nend_header\n", "line 3");
  expect_refused(begin + "element vertex -1\nend_header\n", "line 3");
  expect_refused(begin + "property float x\nend_header\n", "before any element");
  expect_refused(begin + "element vertex 1\nproperty quaternion q\nend_header\n", "'quaternion'");
  expect_refused(begin + "element vertex 1\nproperty float x\nproperty float y\nend_header\n1 2\n", "no x, y and z");
  expect_refused(begin + "element vertex 0\nproperty float x\nproperty float y\nproperty float z\nend_header\n",
                 "no points");
  expect_refused(
      begin + kVertices + "element face 1\nproperty list uchar int vertex_indices\nend_header\n1 2 3\n4 5 6\n3 0 1 2\n",
      "point that does not exist");
  expect_refused(begin + kVertices +
                     "element face 1\nproperty list uchar int vertex_indices\nend_header\n1 2 3\n4 5 6\n3 0 1 -1\n",
                 "point that does not exist");
  expect_refused(
      begin + kVertices + "element face 1\nproperty list char int vertex_indices\nend_header\n1 2 3\n4 5 6\n-3 0 1 1\n",
      "no valid length");
}

std::string pcd_header(const std::string& fields, const std::string& sizes, const std::string& types,
                       const std::string& counts, int points, const std::string& data) {
  const std::string n = std::to_string(points);
  return "# .PCD v0.7\nVERSION 0.7\nFIELDS " + fields + "\nSIZE " + sizes + "\nTYPE " + types + "\nCOUNT " + counts +
         "\nWIDTH " + n + "\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS " + n + "\nDATA " + data + "\n";
}

TEST(Pcd, FieldsPaddingVectorsAndColours) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // Alpha 0xff makes the packed colour a NaN when read as a float: its bits must survive.
  const auto point = [](float x, float y, double z, std::uint32_t colour, std::int16_t a, std::int16_t b) {
    return bytes_of(x) + bytes_of(y) + "pad" + bytes_of(z) + bytes_of(colour) + bytes_of<std::int16_t>({a, b});
  };
  const auto cloud =
      open_bytes(pcd_header("x y _ z rgb v", "4 4 1 8 4 2", "F F U F F I", "1 1 3 1 1 2", 3, "binary") +
                 point(1, 2, 3, 0xff0a1b2c, 5, -6) + point(nan, 2, 3, 0, 0, 0) + point(4, 5, 6, 0x00ffffff, 7, -8));
  EXPECT_EQ(positions_of(*cloud), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(cloud->source().dropped_points, 1);
  EXPECT_EQ(cloud->row_id(1), 2);
  EXPECT_EQ(values_of(*cloud, "rgb"), (Numbers{0x0a, 0x1b, 0x2c, 255, 255, 255}));
  EXPECT_EQ(values_of(*cloud, "v"), (Numbers{5, -6, 7, -8}));
  EXPECT_EQ(cloud->fields().size(), 2u);
}

TEST(Pcd, AsciiWithPackedColours) {
  // The packed colour is the bits of a float: 0x00404040 is 5.900520311252652e-39 (Python's struct).
  const auto cloud = open_bytes(pcd_header("x y z rgb", "4 4 4 4", "F F F F", "1 1 1 1", 2, "ascii") +
                                "1 2 3 5.9005203e-39\nnan nan nan 0\n");
  EXPECT_EQ(cloud->size(), 1);
  EXPECT_EQ(values_of(*cloud, "rgb"), (Numbers{0x40, 0x40, 0x40}));
  const auto whole =
      open_bytes(pcd_header("x y z rgba", "4 4 4 4", "F F F U", "1 1 1 1", 1, "ascii") + "1 2 3 4278190335\n");
  EXPECT_EQ(values_of(*whole, "rgba"), (Numbers{0, 0, 255, 255}));
}

TEST(Pcd, PackedWithCopies) {
  // x = 1 1 1 1, y and z the same: 4 plain bytes, then copies from 4 bytes before (length 7: the long form).
  const std::string one = bytes_of(1.0f);
  const std::string packed =
      std::string("\x03", 1) + one + std::string("\xe0\x23\x03", 3);  // copy 7 + 35 + 2 = 44 bytes, distance 4
  const auto cloud = open_bytes(pcd_header("x y z", "4 4 4", "F F F", "1 1 1", 4, "binary_compressed") +
                                bytes_of<std::uint32_t>({static_cast<std::uint32_t>(packed.size()), 48}) + packed);
  EXPECT_EQ(positions_of(*cloud), Numbers(12, 1));
  std::string far = packed;
  far.back() = '\x04';  // reaches before the beginning
  expect_refused(pcd_header("x y z", "4 4 4", "F F F", "1 1 1", 4, "binary_compressed") +
                     bytes_of<std::uint32_t>({static_cast<std::uint32_t>(far.size()), 48}) + far,
                 "do not unpack");
}

TEST(Pcd, BrokenFilesAreRefused) {
  expect_refused(pcd_header("x y z", "4 4 4", "F F F", "1 1 1", 2, "ascii") + "1 2 3\n", "cannot fit");
  expect_refused(pcd_header("x y z", "4 4 4", "F F F", "1 1 1", 1, "ascii") + "1 2 three\n", "line 12");
  expect_refused(pcd_header("x y z", "4 4 4", "F F F", "1 1 1", 1, "ascii") + "1 2 3 4\n", "more numbers");
  expect_refused(pcd_header("x y z", "4 4 4", "F F F", "1 1 1", 2, "binary") + std::string(23, '\0'), "need 24");
  expect_refused(pcd_header("x y z", "4 4 3", "F F F", "1 1 1", 1, "ascii") + "1 2 3\n", "'F3'");
  expect_refused(pcd_header("x y z", "4 4", "F F F", "1 1 1", 1, "ascii") + "1 2 3\n", "different lengths");
  expect_refused(pcd_header("a b c", "4 4 4", "F F F", "1 1 1", 1, "ascii") + "1 2 3\n", "no positions");
  expect_refused(pcd_header("x y z", "4 4 4", "F F F", "1 1 1", 0, "ascii"), "no points");
  expect_refused(pcd_header("x y z", "4 4 4", "F F F", "1 1 1", 1, "ascii") + "nan nan nan\n", "no points");
  expect_refused(pcd_header("x y z", "4 4 4", "F F F", "1 1 1", 1, "parchment") + "1 2 3\n", "'parchment'");
  expect_refused("VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\n", "DATA is missing");
  expect_refused("VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 2\nHEIGHT 2\nPOINTS 3\nDATA ascii\n1 2 3\n",
                 "WIDTH x HEIGHT is 4");
}

std::string vlr(std::uint16_t record, const std::string& payload) {
  std::string user = "LASF_Spec";
  user.resize(16, '\0');
  return bytes_of<std::uint16_t>(0) + user +
         bytes_of<std::uint16_t>({record, static_cast<std::uint16_t>(payload.size())}) + std::string(32, '\0') +
         payload;
}

TEST(Las, EveryPointFormat) {
  const std::vector<std::size_t> fields = {12, 13, 15, 16, 20, 23,
                                           15, 18, 19, 22, 26};  // counted in tables 7 to 17 of the specification
  for (int format = 0; format <= 10; ++format) {
    SCOPED_TRACE(format);
    const auto cloud = open_bytes(make_las({.minor = 4, .format = format}));
    EXPECT_EQ(cloud->size(), 4);
    EXPECT_FLOAT_EQ(static_cast<float>(cloud->position(3)[2]), 3000.09f);
    EXPECT_EQ(cloud->fields().size(), fields[static_cast<std::size_t>(format)]);
    EXPECT_EQ(cloud->field("gps_time") != nullptr, format == 1 || format >= 3);
    EXPECT_EQ(cloud->field("red") != nullptr,
              format == 2 || format == 3 || format == 5 || format == 7 || format == 8 || format == 10);
    EXPECT_EQ(cloud->field("nir") != nullptr, format == 8 || format == 10);
    EXPECT_EQ(cloud->field("x_t") != nullptr, format == 4 || format == 5 || format == 9 || format == 10);
  }
}

TEST(Las, BitsOfOldAndNewRecords) {
  std::string old = make_las({.format = 3, .points = 1});
  const std::size_t at = las_points_offset({.format = 3});
  old.replace(at + 12, 8, bytes_of<std::uint16_t>(500) + "\xd1\xa5" + "\xf6" + "\x07" + bytes_of<std::uint16_t>(9));
  old.replace(at + 20, 14, bytes_of(1.25e9) + bytes_of<std::uint16_t>({1, 2, 3}));
  const auto a = open_bytes(old);
  // 0xd1 = 1 1 010 001, 0xa5 = 101 00101, 0xf6 = -10
  for (const auto& [name, value] : std::vector<std::pair<const char*, double>>{{"intensity", 500},
                                                                               {"return_number", 1},
                                                                               {"number_of_returns", 2},
                                                                               {"scan_direction_flag", 1},
                                                                               {"edge_of_flight_line", 1},
                                                                               {"classification", 5},
                                                                               {"synthetic", 1},
                                                                               {"key_point", 0},
                                                                               {"withheld", 1},
                                                                               {"scan_angle_rank", -10},
                                                                               {"user_data", 7},
                                                                               {"point_source_id", 9},
                                                                               {"gps_time", 1.25e9},
                                                                               {"red", 1},
                                                                               {"green", 2},
                                                                               {"blue", 3}})
    EXPECT_EQ(values_of(*a, name), Numbers{value}) << name;
  std::string young = make_las({.minor = 4, .format = 8, .points = 1});
  const std::size_t from = las_points_offset({.minor = 4});
  young.replace(from + 12, 26,
                bytes_of<std::uint16_t>(500) + "\xf3" + "\x9a" + "\x40" + "\x07" + bytes_of<std::int16_t>(-5000) +
                    bytes_of<std::uint16_t>(9) + bytes_of(2.5) + bytes_of<std::uint16_t>({1, 2, 3, 4}));
  const auto b = open_bytes(young);
  // 0xf3 = 1111 0011, 0x9a = 1 0 01 1010; the angle counts 0.006 degrees
  for (const auto& [name, value] : std::vector<std::pair<const char*, double>>{{"return_number", 3},
                                                                               {"number_of_returns", 15},
                                                                               {"synthetic", 0},
                                                                               {"key_point", 1},
                                                                               {"withheld", 0},
                                                                               {"overlap", 1},
                                                                               {"scanner_channel", 1},
                                                                               {"scan_direction_flag", 0},
                                                                               {"edge_of_flight_line", 1},
                                                                               {"classification", 64},
                                                                               {"user_data", 7},
                                                                               {"scan_angle", -30},
                                                                               {"point_source_id", 9},
                                                                               {"gps_time", 2.5},
                                                                               {"red", 1},
                                                                               {"green", 2},
                                                                               {"blue", 3},
                                                                               {"nir", 4}})
    EXPECT_EQ(values_of(*b, name), Numbers{value}) << name;
  EXPECT_EQ(b->require_field("scan_angle").unit(), "deg");
  EXPECT_EQ(b->require_field("classification").kind(), FieldKind::Label);
}

TEST(Las, ExtraBytesWithScaleOffsetAndNoData) {
  // One descriptor of 192 bytes: type i16, options no data + scale + offset.
  std::string descriptor(192, '\0');
  descriptor[2] = 4;
  descriptor[3] = 1 | 8 | 16;
  descriptor.replace(4, 6, "height");
  descriptor.replace(40, 8, bytes_of<std::int64_t>(-999));
  descriptor.replace(112, 8, bytes_of(0.5));
  descriptor.replace(136, 8, bytes_of(100.0));
  LasRecipe recipe{.points = 3, .extra = 5, .vlrs = vlr(7, "skipped") + vlr(4, descriptor), .vlr_count = 2};
  std::string file = make_las(recipe);
  const std::int16_t stored[] = {2, -999, -4};
  for (std::size_t i = 0; i < 3; ++i) file.replace(las_points_offset(recipe) + i * 25 + 20, 2, bytes_of(stored[i]));
  const auto cloud = open_bytes(file);
  const Field& height = cloud->require_field("height");
  EXPECT_EQ(height.value(0), 101);
  EXPECT_TRUE(std::isnan(height.value(1)));
  EXPECT_EQ(height.value(2), 98);
  EXPECT_EQ(height.nonfinite_count(), 1);
  EXPECT_TRUE(any_remark(*cloud, "3 bytes of each point record are not described"));
}

TEST(Las, MillimetresFarFromTheOrigin) {
  std::string file = make_las({.points = 2});
  file.replace(131, 48, bytes_of<double>({0.001, 0.001, 0.001, 500000, 5000000, 0}));
  const auto cloud = open_bytes(file);
  EXPECT_NEAR(cloud->position(1)[0] - cloud->position(0)[0], 0.001, 1e-9);
  EXPECT_NEAR(cloud->position(1)[1] - cloud->position(0)[1], 0.002, 1e-9);
}

TEST(Las, BrokenFilesAreRefused) {
  std::string laz = make_las({});
  laz[104] = static_cast<char>(0x80 | 1);
  expect_refused(laz, "LAZ file");
  EXPECT_EQ(io::detect(MadeFile(laz).path()), io::FileKind::Laz);
  std::string version = make_las({});
  version[25] = 9;
  expect_refused(version, "LAS 1.9 is not known");
  std::string format = make_las({});
  format[104] = 11;
  expect_refused(format, "point record format 11");
  std::string narrow = make_las({.format = 3});
  narrow.replace(105, 2, bytes_of<std::uint16_t>(20));
  expect_refused(narrow, "records are too short");
  std::string outside = make_las({});
  outside.replace(96, 4, bytes_of<std::uint32_t>(1 << 30));
  expect_refused(outside, "cannot begin at byte 1073741824");
  std::string scale = make_las({});
  scale.replace(131, 8, bytes_of(std::numeric_limits<double>::quiet_NaN()));
  expect_refused(scale, "not finite");
}

}  // namespace
}  // namespace erwin::test
