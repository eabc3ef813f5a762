// ShapeNet-Car: the archive's folders, and meshes with pressures beside them.

#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>

#include "core/dataset/internal/quad_mesh.h"
#include "tests/core/dataset/originals/support.h"

namespace erwin::test {

namespace {

// The 893 folders take a second to write: once for all tests, which change copies of single cars only.
class CarsTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    scratch_ = new ScratchFolder;
    if (has_python()) write_originals("cars", scratch_->path());
  }
  static void TearDownTestSuite() {
    delete scratch_;
    scratch_ = nullptr;
  }
  void SetUp() override { ERWIN_PYTHON_OR_SKIP(); }
  static const fs::path& root() { return scratch_->path(); }

  // A folder with the first `count` complete cars of param0.
  static fs::path some_cars(const ScratchFolder& place, int count) {
    const Dataset dataset = Dataset::open(root());
    for (int i = 0; i < count; ++i) {
      const fs::path car = dataset.samples()[static_cast<std::size_t>(i)].file.parent_path();
      fs::create_directories(place.path() / "param0");
      fs::copy(car, place.path() / "param0" / car.filename());
    }
    return place.path();
  }
  static ScratchFolder* scratch_;
};
ScratchFolder* CarsTest::scratch_ = nullptr;

class MeshesTest : public testing::Test {
protected:
  void SetUp() override {
    ERWIN_PYTHON_OR_SKIP();
    write_originals("meshes", root());
  }
  const fs::path& root() const { return scratch_.path(); }
  ScratchFolder scratch_;
};

// A mesh of one quad over four of five vertices; x = 1.5 i.
std::string tiny_mesh(const std::string& kind, const std::string& cells, bool binary) {
  std::string text = "# vtk DataFile Version 3.0\ntitle\n" + std::string(binary ? "BINARY" : "ASCII") + "\nDATASET " +
                     kind + "\nPOINTS 5 double\n";
  const auto big_endian = [&](auto value) {
    const char* bytes = reinterpret_cast<const char*>(&value);
    for (std::size_t i = sizeof value; i-- > 0;) text += bytes[i];
  };
  for (int i = 0; i < 15; ++i) {
    const double value = i % 3 == 0 ? 0.5 * i : 0;
    if (binary)
      big_endian(value);
    else
      text += std::to_string(value) + (i % 2 ? " " : "\n");
  }
  text += (binary ? "\n" : "") + cells + " 1 5\n";
  for (const std::int32_t corner : {4, 0, 1, 2, 4})
    if (binary)
      big_endian(corner);
    else
      text += std::to_string(corner) + " ";
  return text + "\n";
}

}  // namespace

TEST_F(CarsTest, TheArchiveIsSplitAsPublished) {
  const Dataset dataset = Dataset::open(root());
  ASSERT_EQ(dataset.samples().size(), 889U);
  EXPECT_EQ(dataset.split("train").size(), 700U);
  EXPECT_EQ(dataset.split("test").size(), 189U);
  EXPECT_FALSE(dataset.has_split("validation"));
  EXPECT_EQ(dataset.inputs(), (Names{"position"}));
  EXPECT_EQ(dataset.target(), "pressure");
  // The published list as its authors print it begins 550, 592, 229, 547, 62; its sum was taken with Python.
  const Indices test = dataset.split("test");
  const std::set<std::int64_t> tested(test.begin(), test.end());
  EXPECT_EQ(tested.size(), 189U);
  for (const std::int64_t car : {550, 592, 229, 547, 62, 168, 651, 607}) EXPECT_TRUE(tested.contains(car)) << car;
  for (const std::int64_t car : {0, 1, 2, 3, 888}) EXPECT_FALSE(tested.contains(car)) << car;
  std::int64_t sum = 0;
  for (const std::int64_t car : test) sum += car;
  EXPECT_EQ(sum, 80626);
}

TEST_F(CarsTest, IncompleteCarsAreLeftOutAndCounted) {
  const Dataset dataset = Dataset::open(root());
  ASSERT_EQ(dataset.left_out().size(), 4U);
  EXPECT_NE(dataset.left_out()[0].why.find("quadpress_smpl.vtk"), std::string::npos);
  EXPECT_TRUE(dataset.left_out()[0].name.starts_with("param1/"));
  EXPECT_NE(dataset.left_out()[3].why.find("press.npy"), std::string::npos);
  // Car 100 of the folders is incomplete, so sample 100 is car 101: 101 at its first vertex.
  EXPECT_EQ(dataset.load(99)->require_field("pressure").value(0), 99);
  EXPECT_EQ(dataset.load(100)->require_field("pressure").value(0), 101);
}

TEST_F(CarsTest, VerticesWithoutQuadGoWithTheirPressures) {
  const PointCloudPtr car = Dataset::open(root()).load(7);
  ASSERT_EQ(car->size(), 6);
  const std::int64_t rows[] = {0, 1, 3, 4, 6, 7};
  for (std::int64_t point = 0; point < 6; ++point) {
    const double i = static_cast<double>(rows[point]);
    EXPECT_NEAR(car->position(point)[0], i + 7.0 / 1024, 1e-5);
    EXPECT_NEAR(car->position(point)[1], i * i, 1e-5);
    EXPECT_EQ(car->require_field("pressure").value(point), 10 * i + 7);
  }
  EXPECT_EQ(car->cells().quads, (std::vector<std::uint32_t>{0, 1, 2, 3, 3, 2, 4, 5}));
  EXPECT_NE(car->source().remarks.at(0).find("2 vertices that belong to no quad"), std::string::npos);
}

TEST_F(CarsTest, BoxAndPressuresAreScaledAsPublished) {
  const Normalisation constants = Dataset::open(root()).normalise();
  // (x - low) / extent, then (. - 0.4063) / 0.1531.
  const double low[] = {-2, -1, -4.5}, extent[] = {4, 5.5, 10.5};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double x = 0.3 * static_cast<double>(axis) - 0.7;
    EXPECT_NEAR((x - constants.position.mean[axis]) / constants.position.deviation[axis],
                ((x - low[axis]) / extent[axis] - 0.4063) / 0.1531, 1e-12);
  }
  EXPECT_EQ(constants.field.at("pressure").mean, (std::vector<double>{-36.3099}));
  EXPECT_EQ(constants.field.at("pressure").deviation, (std::vector<double>{48.5743}));
}

TEST_F(CarsTest, PartOfTheArchiveHasNoSplitOfItsOwn) {
  ScratchFolder place;
  const Dataset dataset = Dataset::open(some_cars(place, 4));
  EXPECT_EQ(dataset.samples().size(), 4U);
  EXPECT_FALSE(dataset.has_split("test"));
  put(place.path() / "m.toml", "[dataset]\nformat = 'shapenet-car'\n[split]\ntrain = ['param0/[0-7]*']\n");
  EXPECT_FALSE(Dataset::open(place.path() / "m.toml").split("train").empty());
}

TEST_F(CarsTest, DamagedCarsAreNamed) {
  ScratchFolder place;
  some_cars(place, 4);
  Dataset dataset = Dataset::open(place.path());
  const auto folder = [&](std::size_t car) { return dataset.samples()[car].file.parent_path(); };
  // A pressure too few (the last number of the file), a mesh that is cut, a pressure that is no number.
  std::string pressures = bytes_of(folder(0) / "press.npy");
  const std::size_t shape = pressures.find("(8, 1)");
  ASSERT_NE(shape, std::string::npos);
  pressures[shape + 1] = '7';
  put(folder(0) / "press.npy", pressures.substr(0, pressures.size() - 4));
  const std::string mesh = bytes_of(folder(1) / "quadpress_smpl.vtk");
  put(folder(1) / "quadpress_smpl.vtk", mesh.substr(0, mesh.find("CELLS") + 14));
  pressures = bytes_of(folder(2) / "press.npy");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  pressures.replace(pressures.size() - 4, 4, reinterpret_cast<const char*>(&nan), 4);
  put(folder(2) / "press.npy", pressures);
  expect_says(error_of([&] { dataset.load(0); }), ErrorKind::Format, {"7 and 8", folder(0).string()});
  expect_says(error_of([&] { dataset.load(1); }), ErrorKind::Format, {"cut off", "quadpress_smpl.vtk"});
  dataset.leave_out_bad();
  EXPECT_EQ(dataset.split("train"), (Indices{3}));
  ASSERT_EQ(dataset.left_out().size(), 3U);
  EXPECT_EQ(dataset.left_out()[2].name, dataset.samples()[2].name);
  EXPECT_NE(dataset.left_out()[2].why.find("pressure, point 7"), std::string::npos);
}

TEST(QuadMesh, AsciiAndBinaryGridsAndPolygons) {
  ScratchFolder scratch;
  for (const bool binary : {false, true})
    for (const auto& [kind, cells] : {std::pair{"UNSTRUCTURED_GRID", "CELLS"}, {"POLYDATA", "POLYGONS"}}) {
      SCOPED_TRACE(std::string(kind) + (binary ? " binary" : " ascii"));
      const fs::path file = put(scratch.path() / "m.vtk", tiny_mesh(kind, cells, binary));
      const auto mesh = read_quad_mesh(file, {});
      ASSERT_TRUE(mesh);
      ASSERT_EQ(mesh->positions.size(), 15U);
      EXPECT_EQ(mesh->positions[3], 1.5);
      EXPECT_EQ(mesh->positions[12], 6);
      EXPECT_EQ(mesh->quads, (std::vector<std::uint32_t>{0, 1, 2, 4}));
    }
}

TEST(QuadMesh, WhatItDoesNotKnowIsLeftToVtk) {
  ScratchFolder scratch;
  const auto reads = [&](const std::string& text) {
    return read_quad_mesh(put(scratch.path() / "m.vtk", text), {}).has_value();
  };
  const std::string mesh = tiny_mesh("UNSTRUCTURED_GRID", "CELLS", false);
  EXPECT_TRUE(reads(mesh));
  EXPECT_FALSE(reads(tiny_mesh("STRUCTURED_GRID", "CELLS", false)));
  EXPECT_FALSE(reads(tiny_mesh("UNSTRUCTURED_GRID", "METADATA", false)));
  std::string triangle = mesh;
  triangle.replace(triangle.find("CELLS 1 5"), 9, "CELLS 1 4");
  EXPECT_FALSE(reads(triangle));
  std::string missing = mesh;
  missing.replace(missing.find("4 0 1 2 4"), 9, "4 0 1 2 5");
  expect_says(error_of([&] { reads(missing); }), ErrorKind::Format, {"a point that does not exist"});
  std::string huge = mesh;
  huge.replace(huge.find("POINTS 5"), 8, "POINTS 999999999999999999");
  expect_says(error_of([&] { reads(huge); }), ErrorKind::Format, {"cannot fit"});
}

TEST_F(MeshesTest, SurplusPressuresAreTakenOut) {
  const Dataset dataset = Dataset::open(root());
  EXPECT_EQ(names_of(dataset), (Names{"001", "002", "012"}));
  for (const int car : {1, 2, 12}) {
    SCOPED_TRACE(car);
    const PointCloudPtr cloud = dataset.load(car == 12 ? 2 : car - 1);
    ASSERT_EQ(cloud->size(), 120);
    EXPECT_EQ(cloud->cells().triangles.size(), 3U);
    for (std::int64_t vertex = 0; vertex < 120; ++vertex) {
      EXPECT_EQ(cloud->position(vertex)[0], static_cast<double>(vertex));
      EXPECT_EQ(cloud->require_field("pressure").value(vertex), static_cast<double>(vertex + car));
    }
    EXPECT_EQ(cloud->source().remarks.size(), car == 2 ? 0U : 1U);
  }
}

TEST_F(MeshesTest, ListsAreSplits) {
  const Dataset dataset = Dataset::open(root());
  EXPECT_EQ(dataset.split("train"), (Indices{1, 0}));
  EXPECT_EQ(dataset.split("test"), (Indices{2}));
  put(root() / "test.txt", "12\n13\n");
  expect_says(error_of([&] { Dataset::open(root()); }), ErrorKind::Format, {"missing sample", "test.txt", "'13'"});
  const Dataset without = Dataset::open(root(), skipping());
  EXPECT_EQ(without.split("test"), (Indices{2}));
  ASSERT_EQ(without.left_out().size(), 1U);
  EXPECT_EQ(without.left_out()[0].name, "13");
}

TEST_F(MeshesTest, AnotherNumberOfPressuresIsRefused) {
  const std::string pressures = bytes_of(root() / "data" / "press_001.npy");
  std::string fewer = pressures;
  fewer.replace(fewer.find("(216,)"), 6, "(215,)");
  put(root() / "data" / "press_001.npy", fewer.substr(0, fewer.size() - 8));
  const Dataset dataset = Dataset::open(root());
  expect_says(error_of([&] { dataset.load(0); }), ErrorKind::Format, {"215 and 120", "mesh_001.ply"});
  fs::remove(root() / "data" / "press_012.npy");
  put(root() / "test.txt", "2");
  put(root() / "train.txt", "1");
  const Dataset fewer_cars = Dataset::open(root());
  EXPECT_EQ(names_of(fewer_cars), (Names{"001", "002"}));
  EXPECT_EQ(fewer_cars.left_out().size(), 1U);
}

}  // namespace erwin::test
