// Every file of our own formats in the shared data opens with the right count, bounds and fields. The expected numbers
// were found without any reader of ours: with Python's struct and numpy.load, numpy.frombuffer at the offsets that each
// format's specification gives, str.split for text, and a ten-line LZF decoder for packed PCD; minima, maxima and sums
// in float64.

#include <cmath>

#include "tests/core/io/own/files.h"

namespace erwin::test {
namespace {

struct ExpectedField {
  const char* name;
  FieldKind kind;
  double minimum, maximum, sum;
  int components = 1;
  std::int64_t frames = 1;
};

struct Expected {
  const char* file;
  const char* format;
  std::int64_t points, frames;
  std::array<double, 3> minimum, maximum;  // over all frames
  std::vector<ExpectedField> fields;
  std::int64_t dropped = 0;
};

constexpr FieldKind kScalar = FieldKind::Scalar, kLabel = FieldKind::Label, kVector = FieldKind::Vector;

std::vector<ExpectedField> autzen_las_fields() {
  return {{"intensity", kScalar, 0, 254, 81361},
          {"return_number", kScalar, 1, 4, 1236},
          {"number_of_returns", kScalar, 1, 4, 1432},
          {"scan_direction_flag", kScalar, 0, 1, 567},
          {"edge_of_flight_line", kScalar, 0, 0, 0},
          {"classification", kLabel, 1, 2, 1341},
          {"synthetic", kScalar, 0, 0, 0},
          {"key_point", kScalar, 0, 0, 0},
          {"withheld", kScalar, 0, 0, 0},
          {"scan_angle_rank", kScalar, -19, 18, -807},
          {"user_data", kScalar, 117, 149, 134663},
          {"point_source_id", kScalar, 7326, 7334, 7806350},
          {"gps_time", kScalar, 245370.41706455982, 249783.16215837188, 263704809.3907848},
          {"red", kScalar, 39, 249, 129567},
          {"green", kScalar, 57, 239, 118582},
          {"blue", kScalar, 56, 249, 134764}};
}

std::vector<ExpectedField> autzen_las_fields_and_extra_bytes() {
  std::vector<ExpectedField> fields = autzen_las_fields();
  // numpy.frombuffer at byte 34 of each record: u2[3], 7 bytes without description, i1[2], u4, u8.
  fields.insert(fields.end(), {{"Colors", kVector, 39, 249, 382913, 3},
                               {"Flags", kVector, 1, 4, 2668, 2},
                               {"Intensity", kScalar, 0, 254, 81361},
                               {"Time", kScalar, 245370, 249783, 263704278}});
  return fields;
}

const std::vector<Expected>& table() {
  static const std::vector<Expected> rows = {
      {"md/ala2_cg/ala2_coordinates.npy",
       "NPY",
       5,
       10000,
       {-92.81558227539062, -148.0255126953125, -86.1556625366211},
       {221.1558074951172, 117.78981018066406, 137.72952270507812},
       {}},
      {"md/ala2_cg/ala2_forces.npy",
       "NPY",
       5,
       10000,
       {-139.05633544921875, -160.2042999267578, -117.65991973876953},
       {149.94187927246094, 123.26464080810547, 147.38185119628906},
       {}},
      {"pointclouds/pdal/1.2-with-color.npy",
       "NPY",
       1065,
       1,
       {63561985, 84889970, 40659},
       {63898255, 85353543, 58638},
       {{"intensity", kScalar, 0, 254, 81361},
        {"flag_byte", kScalar, 9, 100, 48980},
        {"raw_classification", kScalar, 1, 2, 1341},
        {"scan_angle_rank", kScalar, -19, 18, -807},
        {"user_data", kScalar, 117, 149, 134663},
        {"pt_src_id", kScalar, 7326, 7334, 7806350},
        {"gps_time", kScalar, 245370.41706455982, 249783.16215837188, 263704809.3907848},
        {"red", kScalar, 39, 249, 129567},
        {"green", kScalar, 57, 239, 118582},
        {"blue", kScalar, 56, 249, 134764}}},
      {"cosmology/corrfunc_mock/Mr19_mock_northonly.npz",
       "NPZ",
       84383,
       1,
       {-200.68307495117188, -187.53135681152344, -12.776921272277832},
       {-3.516375780105591, 172.28213500976562, 186.5605010986328},
       {{"ra", kScalar, 110.3721888, 266.1460971, 15992113.437398799},
        {"dec", kScalar, -3.736611778, 70.1622514, 2453444.0618820395},
        {"cz", kScalar, 5996.208655, 20086.55184, 1298185840.253581},
        {"weight", kScalar, 6.599400990126014e-07, 0.9999974966049194, 42145.67176630899}}},
      {"cosmology/abacus_mini_n64/halos_z0.csv",
       "CSV",
       381,
       1,
       {-15.9617, -15.9613, -15.9882},
       {15.9014, 15.9862, 15.935},
       {{"vx", kScalar, -633.299, 791.334, -5247.94789},
        {"vy", kScalar, -482.389, 774.993, 1033.35479},
        {"vz", kScalar, -631.599, 576.82, -5076.008915},
        {"mass", kScalar, 380884000000.0, 113373000000000.0, 924807906000000.0},
        {"n_particles", kScalar, 35, 10418, 84982}}},
      {"pointclouds/pdal/utm17_1.txt",
       "CSV",
       10,
       1,
       {289814.15, 4320978.61, 170.58},
       {289818.5, 4320980.59, 170.76},
       {}},
      // 99 O (8) and 198 H (1) atoms in every frame.
      {"md/chemfiles/water.xyz",
       "XYZ",
       297,
       100,
       {-0.297729, -0.58965, -0.27286},
       {15.46419, 15.485384, 15.514523},
       {{"species", kLabel, 1, 8, 990}}},
      // Type 1: 20 beads, 2: 1674, 3: 20; the same in every frame, as is mol. Sums of ix, iy, iz over all frames.
      {"md/polymer/polymer.lammpstrj",
       "LAMMPS dump",
       1714,
       42,
       {50.552, 75.537, 75.6085},
       {109.403, 134.378, 134.371},
       {{"id", kScalar, 1, 1714, 1469755},
        {"mol", kLabel, 1, 63, 54445},
        {"type", kLabel, 1, 3, 3428},
        {"ix", kScalar, -4, 3, -3506, 1, 42},
        {"iy", kScalar, -3, 4, -3330, 1, 42},
        {"iz", kScalar, -4, 3, -3049, 1, 42}}},
      {"pointclouds/pdal/simple_text.ply", "PLY ascii", 3, 1, {-1, 0, 0}, {1, 1, 0}, {}},
      {"pointclouds/pdal/simple_binary.ply", "PLY binary_little_endian", 3, 1, {-1, 0, 0}, {1, 1, 0}, {}},
      {"pointclouds/pcl/lamppost.pcd",
       "PCD ascii",
       1771,
       1,
       {-11.171875, -0.375, -5.447998},
       {-9.765625, 0.59375, 0.46699905},
       {}},
      // Packed colours: every point is 0x000000ff, blue.
      {"pointclouds/pcl/milk.pcd",
       "PCD binary_compressed",
       12575,
       1,
       {0.17866219580173492, -0.21077390015125275, -0.8268151879310608},
       {0.32538360357284546, 8.603929745731875e-05, -0.6361504197120667},
       {{"rgba", kVector, 0, 255, 3206625, 4}}},
      {"pointclouds/pcl/samp52-utm.pcd",
       "PCD binary_compressed",
       22474,
       1,
       {494198.53125, 5420456.5, 249.77000427246094},
       {494648.53125, 5420757.5, 347.1900024414062},
       {}},
      // 640 x 480 with 97920 NaN positions; red 0 to 254, green and blue to 255, sums 35454973 + 35504128 + 24300682.
      {"pointclouds/pcl/table_scene_mug_stereo_textured.pcd",
       "PCD binary_compressed",
       209280,
       1,
       {-0.45642998814582825, -0.5107399821281433, 0.6900100111961365},
       {0.715179979801178, 0.1792300045490265, 2.5927000045776367},
       {{"rgb", kVector, 0, 255, 95259783, 3}},
       97920},
      {"pointclouds/pdal/autzen-utm.pcd",
       "PCD binary",
       1065,
       1,
       {493994.87, 4877429.62, 123.93},
       {494993.68, 4878817.02, 178.73},
       {{"Intensity", kScalar, 0, 254, 81361},
        {"ReturnNumber", kScalar, 1, 4, 1236},
        {"NumberOfReturns", kScalar, 1, 4, 1432},
        {"ScanDirectionFlag", kScalar, 0, 1, 567},
        {"EdgeOfFlightLine", kScalar, 0, 0, 0},
        {"Classification", kLabel, 1, 2, 1341},
        {"ScanAngleRank", kScalar, -19, 18, -807},
        {"UserData", kScalar, 117, 149, 134663},
        {"PointSourceId", kScalar, 7326, 7334, 7806350},
        {"GpsTime", kScalar, 245370.41706455982, 249783.16215837188, 263704809.3907848},
        {"Red", kScalar, 39, 249, 129567},
        {"Green", kScalar, 57, 239, 118582},
        {"Blue", kScalar, 56, 249, 134764}}},
      {"pointclouds/pdal/1.2-with-color.las",
       "LAS 1.2 point format 3",
       1065,
       1,
       {635619.85, 848899.70, 406.59},
       {638982.55, 853535.43, 586.38},
       autzen_las_fields()},
      {"pointclouds/pdal/extrabytes.las",
       "LAS 1.4 point format 3",
       1065,
       1,
       {635619.85, 848899.70, 406.59},
       {638982.55, 853535.43, 586.38},
       autzen_las_fields_and_extra_bytes()},
      {"pointclouds/laspy/vegetation_1_3.las",
       "LAS 1.3 point format 1",
       10683,
       1,
       {-98451.205, -55975.417, -81460.091},
       {-98447.447, -55969.405, -81455.203},
       {{"intensity", kScalar, 0, 37522, 87645995},
        {"return_number", kScalar, 1, 1, 10683},
        {"number_of_returns", kScalar, 1, 1, 10683},
        {"scan_direction_flag", kScalar, 0, 0, 0},
        {"edge_of_flight_line", kScalar, 0, 0, 0},
        {"classification", kLabel, 11, 11, 117513},
        {"synthetic", kScalar, 0, 0, 0},
        {"key_point", kScalar, 0, 0, 0},
        {"withheld", kScalar, 0, 0, 0},
        {"scan_angle_rank", kScalar, 0, 0, 0},
        {"user_data", kScalar, 0, 0, 0},
        {"point_source_id", kScalar, 1, 1, 10683},
        {"gps_time", kScalar, 552884.8900849608, 552886.4229384765, 5906475603.432251}}},
  };
  return rows;
}

Bounds bounds_of_all_frames(const PointCloud& cloud) {
  Bounds box = cloud.bounds(0);
  for (std::int64_t frame = 1; frame < cloud.frames(); ++frame) {
    const Bounds other = cloud.bounds(frame);
    for (std::size_t a = 0; a < 3; ++a) {
      box.minimum[a] = std::min(box.minimum[a], other.minimum[a]);
      box.maximum[a] = std::max(box.maximum[a], other.maximum[a]);
    }
  }
  return box;
}

void expect_field(const PointCloud& cloud, const ExpectedField& expected) {
  const Field* field = cloud.field(expected.name);
  ASSERT_NE(field, nullptr) << expected.name;
  SCOPED_TRACE(expected.name);
  EXPECT_STREQ(name_of(field->kind()), name_of(expected.kind));
  EXPECT_EQ(field->components(), expected.components);
  EXPECT_EQ(field->frames(), expected.frames);
  EXPECT_EQ(field->nonfinite_count(), 0);
  double sum = 0, magnitude = 0, low = INFINITY, high = -INFINITY;
  for (const float value : field->values()) {
    sum += value + field->offset();
    magnitude += std::abs(value);
  }
  for (int c = 0; c < field->components(); ++c) {
    low = std::min(low, field->range(c)->minimum);
    high = std::max(high, field->range(c)->maximum);
  }
  EXPECT_LE(std::abs(low - expected.minimum), 6e-8 * std::abs(expected.minimum - field->offset()));
  EXPECT_LE(std::abs(high - expected.maximum), 6e-8 * std::abs(expected.maximum - field->offset()));
  EXPECT_LE(std::abs(sum - expected.sum), 6e-8 * magnitude);
}

class SharedFile : public testing::TestWithParam<std::size_t> {};

TEST_P(SharedFile, OpensWithTheRightCountBoundsAndFields) {
  const Expected& expected = table()[GetParam()];
  ERWIN_SHARED_OR_SKIP(path, std::filesystem::path("data") / expected.file);
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->source().format, expected.format);
  EXPECT_EQ(cloud->source().path, path.string());
  EXPECT_EQ(cloud->size(), expected.points);
  EXPECT_EQ(cloud->frames(), expected.frames);
  EXPECT_EQ(cloud->dimension(), 3);
  EXPECT_EQ(cloud->source().dropped_points, expected.dropped);
  const Bounds box = bounds_of_all_frames(*cloud);
  for (std::size_t a = 0; a < 3; ++a) {
    // Float32 around the origin: half a unit in the last place, and the float64 sum.
    const double low =
        6e-8 * std::abs(expected.minimum[a] - cloud->origin()[a]) + 1e-15 * std::abs(expected.minimum[a]);
    const double high =
        6e-8 * std::abs(expected.maximum[a] - cloud->origin()[a]) + 1e-15 * std::abs(expected.maximum[a]);
    EXPECT_LE(std::abs(box.minimum[a] - expected.minimum[a]), low) << "axis " << a << ": " << box.minimum[a];
    EXPECT_LE(std::abs(box.maximum[a] - expected.maximum[a]), high) << "axis " << a << ": " << box.maximum[a];
  }
  ASSERT_EQ(cloud->fields().size(), expected.fields.size());
  for (const ExpectedField& field : expected.fields) expect_field(*cloud, field);
}

INSTANTIATE_TEST_SUITE_P(Every, SharedFile, testing::Range(std::size_t{0}, table().size()), [](const auto& row) {
  std::string name = std::filesystem::path(table()[row.param].file).filename().string();
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

void expect_position(const PointCloud& cloud, std::int64_t point, std::int64_t frame, std::array<double, 3> expected) {
  const std::array<double, 3> found = cloud.position(point, frame);
  for (std::size_t a = 0; a < 3; ++a) EXPECT_FLOAT_EQ(static_cast<float>(found[a]), static_cast<float>(expected[a]));
}

// Single rows, looked up in the files by other means, so that no permutation can hide in bounds and sums.
TEST(SharedRows, FramesOfCoordinatesKeepTheirOrder) {
  ERWIN_SHARED_OR_SKIP(path, "data/md/ala2_cg/ala2_coordinates.npy");
  expect_position(*io::open(path), 3, 1234, {-6.431942, 73.074844, -5.987982});
}

TEST(SharedRows, FramesOfXyz) {
  ERWIN_SHARED_OR_SKIP(path, "data/md/chemfiles/water.xyz");
  const PointCloudPtr cloud = io::open(path);
  expect_position(*cloud, 123, 57, {4.304491, 14.081771, 15.008706});
  EXPECT_EQ(cloud->require_field("species").value(0), 8);
  EXPECT_EQ(cloud->require_field("species").value(1), 1);
}

TEST(SharedRows, AtomsOfADumpAreSortedById) {
  ERWIN_SHARED_OR_SKIP(path, "data/md/polymer/polymer.lammpstrj");
  const PointCloudPtr cloud = io::open(path);
  expect_position(*cloud, 0, 0, {51.8474, 100.348, 116.516});   // atom 1 of the first frame
  expect_position(*cloud, 972, 0, {56.0485, 82.333, 81.1896});  // atom 973, the first line of the file
  expect_position(*cloud, 972, 41, {61.6393, 79.98, 132.541});  // and of the last frame
  EXPECT_EQ(cloud->require_field("id").value(972), 973);
  EXPECT_EQ(cloud->require_field("mol").value(972), 36);
  EXPECT_EQ(cloud->require_field("ix").value(972, 0, 41), 2);
  EXPECT_TRUE(any_remark(*cloud, "Time steps 0 to 20500"));
}

TEST(SharedRows, RowsOfATableKeepTheirOrder) {
  ERWIN_SHARED_OR_SKIP(path, "data/cosmology/abacus_mini_n64/halos_z0.csv");
  const PointCloudPtr cloud = io::open(path);
  expect_position(*cloud, 200, 0, {1.18517, 3.64311, -12.6412});
  EXPECT_FLOAT_EQ(static_cast<float>(cloud->require_field("vz").value(200)), 88.0253f);
  EXPECT_EQ(cloud->require_field("n_particles").value(200), 292);
}

TEST(SharedRows, IdsAreRowsOfTheFileBeforeAnythingWasDropped) {
  ERWIN_SHARED_OR_SKIP(path, "data/pointclouds/pcl/table_scene_mug_stereo_textured.pcd");
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->row_id(0), 6538);  // the first finite position, numpy.argmax over isfinite
  EXPECT_EQ(cloud->row_id(cloud->size() - 1), 300789);
  EXPECT_EQ(cloud->point_of_row(6538), 0);
  EXPECT_EQ(cloud->point_of_row(0), -1);
  // Its packed colours are 0x43433e and 0x444442.
  const Field& colour = cloud->require_field("rgb");
  EXPECT_EQ(colour.value(0, 0), 0x43);
  EXPECT_EQ(colour.value(0, 2), 0x3e);
  EXPECT_EQ(colour.value(1, 2), 0x42);
  EXPECT_TRUE(any_remark(*cloud, "97920 of 307200 points"));
}

}  // namespace
}  // namespace erwin::test
