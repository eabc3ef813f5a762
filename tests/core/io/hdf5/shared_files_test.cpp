// Every HDF5, CGNS and VTK file of the shared folder. The expected numbers were read with h5py, or from the XML and
// ASCII text with a Python program that decodes the arrays itself, never with our readers.

#include "core/io/open.h"
#include "tests/core/io/hdf5/support.h"
#include "tests/support/shared_data.h"

namespace erwin::test {

namespace {

struct Car {
  const char* file;
  std::array<double, 3> low, high;
  double lowest_pressure, highest_pressure;
};

constexpr Car cars[] = {
    {"test_00.cgns", {-0.896328, 0.14342, -2.25689}, {0.896328, 1.43374, 2.31136}, -148.797, 209.885},
    {"test_01.cgns", {-0.895683, 0.181546, -2.19327}, {0.895678, 1.23983, 2.19561}, -164.296, 211.039},
    {"test_02.cgns", {-0.894231, 0.180411, -2.43592}, {0.895258, 1.45364, 2.43941}, -182.608, 204.012},
    {"test_03.cgns", {-0.89698, 0.0413129, -1.99412}, {0.896972, 1.12806, 2.01438}, -193.108, 203.657},
    {"test_04.cgns", {-0.897651, 0.0772481, -2.30724}, {0.898115, 1.36224, 2.30808}, -181.276, 203.668},
    {"test_05.cgns", {-0.899002, 0.0214144, -2.32247}, {0.898874, 1.38838, 2.32332}, -190.957, 204.624},
    {"test_06.cgns", {-0.896477, 0.075515, -2.29903}, {0.896477, 1.39362, 2.30087}, -213.373, 210.205},
    {"test_07.cgns", {-0.899646, 0.171032, -2.3323}, {0.89957, 1.42171, 2.33354}, -172.743, 208.344},
    {"test_08.cgns", {-0.899997, 0.0901977, -2.56298}, {0.899997, 1.31328, 2.56221}, -163.697, 207.23},
    {"test_09.cgns", {-0.896812, 0.120973, -2.26189}, {0.896658, 1.40314, 2.25953}, -166.45, 205.781},
    {"train_00.cgns", {-0.895431, 0.153047, -2.1354}, {0.895431, 1.26039, 2.13905}, -106.231, 208.973},
    {"train_01.cgns", {-0.88934, 0.122015, -2.37818}, {0.889339, 1.43708, 2.36447}, -172.304, 205.563},
    {"train_02.cgns", {-0.895565, 0.111371, -2.31072}, {0.895525, 1.47928, 2.29456}, -186.291, 206.751},
    {"train_03.cgns", {-0.897559, 0.180815, -2.23971}, {0.896589, 1.48828, 2.24144}, -161.145, 204.273},
    {"train_04.cgns", {-0.892647, 0.211137, -2.2852}, {0.892647, 1.50287, 2.28267}, -141.299, 204.016},
    {"train_05.cgns", {-0.89548, 0.19089, -1.94644}, {0.895473, 1.52744, 1.94596}, -183.646, 205.914},
    {"train_06.cgns", {-0.89968, 0.205786, -2.28675}, {0.899357, 1.53735, 2.28656}, -162.155, 206.901},
    {"train_07.cgns", {-0.897565, 0.173009, -2.62385}, {0.897566, 1.4016, 2.62299}, -145.625, 206.574},
    {"train_08.cgns", {-0.895006, 0.202253, -2.25263}, {0.894712, 1.6592, 2.25246}, -169.95, 205.192},
    {"train_09.cgns", {-0.896629, 0.140703, -2.27584}, {0.896716, 1.41632, 2.27849}, -198.104, 207.034},
};

}  // namespace

TEST(SharedHdf5, TwentyCars) {
  ERWIN_SHARED_OR_SKIP(folder, "data/car/shapenet_car_cgns");
  for (const Car& car : cars) {
    SCOPED_TRACE(car.file);
    EXPECT_EQ(io::detect(folder / car.file), io::FileKind::Cgns);
    const PointCloudPtr cloud = io::open(folder / car.file);
    EXPECT_EQ(cloud->size(), 3586);
    EXPECT_EQ(cloud->source().format, "CGNS/HDF5");
    expect_bounds(*cloud, car.low, car.high, 1e-5);
    ASSERT_EQ(cloud->fields().size(), 1U);
    expect_range(*cloud, "pressure", FieldKind::Scalar, 1, car.lowest_pressure, car.highest_pressure, 1e-5);
    EXPECT_EQ(cloud->cells().triangles.size(), 3U * 7168);
    EXPECT_TRUE(cloud->cells().quads.empty());
    EXPECT_TRUE(cloud->source().remarks.empty());
  }
}

TEST(SharedHdf5, ParticlesOfANBodyBox) {
  ERWIN_SHARED_OR_SKIP(path, "data/cosmology/abacus_mini_n64/particles_z0.h5");
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->size(), 262144);
  EXPECT_EQ(cloud->unit(), "Mpc/h, comoving, box [-16,16]");
  expect_bounds(*cloud, {-16, -16, -16}, {16, 16, 15.99893379}, 1e-6);
  EXPECT_EQ(cloud->fields().size(), 4U);
  expect_range(*cloud, "local_density", FieldKind::Scalar, 1, 0, 17424);
  expect_range(*cloud, "in_L0_group", FieldKind::Label, 1, 0, 1);
  const Field& velocity = cloud->require_field("velocity");
  EXPECT_EQ(velocity.unit(), "km/s, proper peculiar");
  EXPECT_FLOAT_EQ(static_cast<float>(velocity.range(0)->minimum), -1852.80004883F);
  EXPECT_FLOAT_EQ(static_cast<float>(velocity.range(2)->maximum), 1810.13330078F);
  EXPECT_EQ(cloud->require_field("lagrangian_index").range(1)->maximum, 63);
}

TEST(SharedHdf5, HalosOfTheSameBox) {
  ERWIN_SHARED_OR_SKIP(path, "data/cosmology/abacus_mini_n64/halos_z0.h5");
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->size(), 381);
  expect_bounds(*cloud, {-15.96170425, -15.96126461, -15.98821831}, {15.90144444, 15.98620415, 15.93502235}, 1e-6);
  EXPECT_EQ(cloud->fields().size(), 7U);
  expect_range(*cloud, "mass", FieldKind::Scalar, 1, 380883894272.0, 113372817260544.0);
  EXPECT_EQ(cloud->require_field("mass").unit(), "Msun/h");
  expect_range(*cloud, "n_particles", FieldKind::Scalar, 1, 35, 10418);
  expect_range(*cloud, "r100", FieldKind::Scalar, 1, 0.12808288633823395, 0.9609410762786865);
}

TEST(SharedHdf5, ColumnsNamedXYZArePositions) {
  ERWIN_SHARED_OR_SKIP(path, "data/pointclouds/pdal/autzen.h5");
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->size(), 1065);
  expect_bounds(*cloud, {635619.85, 848899.70, 406.59}, {638982.55, 853535.43, 586.38}, 1e-3);
  EXPECT_EQ(cloud->fields().size(), 13U);
  expect_range(*cloud, "GpsTime", FieldKind::Scalar, 1, 245370.41706455982, 249783.16215837188, 1e-9);
  expect_range(*cloud, "Classification", FieldKind::Label, 1, 1, 2);
  expect_range(*cloud, "PointSourceId", FieldKind::Scalar, 1, 7326, 7334);
  expect_range(*cloud, "ScanAngleRank", FieldKind::Scalar, 1, -19, 18);
  io::OpenOptions options;
  options.positions = "/autzen";
  EXPECT_EQ(io::open(path, options)->content_hash(), cloud->content_hash());
  options.positions = "/autzen/Blue";
  EXPECT_EQ(refusal(path, options).kind(), ErrorKind::Config);
  options.positions = "/nothing";
  EXPECT_EQ(refusal(path, options).kind(), ErrorKind::Config);
}

#ifdef ERWIN_HAS_VTK_READER

TEST(SharedVtk, Cow) {
  ERWIN_SHARED_OR_SKIP(path, "data/pointclouds/vtk/cow.vtp");
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->source().format, "VTP");
  EXPECT_EQ(cloud->size(), 2903);
  expect_bounds(*cloud, {-4.44583511, -3.63703609, -1.70140505}, {5.99808788, 2.75972009, 1.70140505}, 1e-6);
  EXPECT_TRUE(cloud->fields().empty());
  // 2519 quads, 734 triangles, 8 pentagons (three triangles each), 2 hexagons (four).
  EXPECT_EQ(cloud->cells().quads.size(), 4U * 2519);
  EXPECT_EQ(cloud->cells().triangles.size(), 3U * (734 + 8 * 3 + 2 * 4));
  ASSERT_EQ(cloud->source().remarks.size(), 1U);
  EXPECT_EQ(cloud->source().remarks[0], "10 polygons of more than four corners were cut into triangles.");
}

TEST(SharedVtk, HorseAndAngel) {
  ERWIN_SHARED_OR_SKIP(folder, "data/pointclouds/vtk");
  const PointCloudPtr horse = io::open(folder / "horse.vtp");
  EXPECT_EQ(horse->size(), 33936);
  expect_bounds(*horse, {-0.04176503, -0.0916361, -0.07743046}, {0.04183172, 0.09124254, 0.075167}, 1e-7);
  EXPECT_EQ(horse->cells().triangles.size(), 3U * 67868);
  const PointCloudPtr angel = io::open(folder / "Angel_decimated.vtp");
  EXPECT_EQ(angel->size(), 18412);
  expect_bounds(*angel, {-114.6306076, -69.87290192, -116.55874634}, {84.70352173, 92.53568268, 205.20315552}, 1e-4);
  EXPECT_EQ(angel->cells().triangles.size(), 3U * 35804);
}

TEST(SharedVtk, DiskOfAReactor) {
  ERWIN_SHARED_OR_SKIP(path, "data/car/vtp_surface/disk_out_ref_surface.vtp");
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->size(), 1990);
  expect_bounds(*cloud, {-5.75, -5.75, -10}, {5.75, 5.75, 10.15999985}, 1e-6);
  EXPECT_EQ(cloud->cells().quads.size(), 4U * 1988);
  EXPECT_EQ(cloud->fields().size(), 9U);
  expect_range(*cloud, "Temp", FieldKind::Scalar, 1, 293.1499939, 913.1500244140625);
  expect_range(*cloud, "Pres", FieldKind::Scalar, 1, 0.00678552, 0.028818512335419655, 1e-5);
  expect_range(*cloud, "GlobalNodeId", FieldKind::Scalar, 1, 1, 8499);
  EXPECT_NEAR(cloud->require_field("V").range(0)->minimum, -19.94911385, 1e-5);
  EXPECT_NEAR(cloud->require_field("V").range(-1)->maximum, 19.9495334444535, 1e-5);
}

TEST(SharedVtk, BlowMouldingInLegacyText) {
  ERWIN_SHARED_OR_SKIP(path, "data/pointclouds/vtk/blow.vtk");
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->source().format, "legacy VTK");
  EXPECT_EQ(cloud->size(), 687);
  expect_bounds(*cloud, {0, -12, -11}, {7, 36, 13}, 1e-6);
  EXPECT_EQ(cloud->cells().triangles.size(), 3U * 928);
  EXPECT_EQ(cloud->cells().quads.size(), 4U * 129);
  EXPECT_EQ(cloud->fields().size(), 20U);
  expect_range(*cloud, "thickness9", FieldKind::Scalar, 1, 0.12632801, 1.147683);
  EXPECT_NEAR(cloud->require_field("displacement9").range(1)->maximum, 5.054414, 1e-6);
}

TEST(SharedVtk, TheSameCanAsVtuAndVtkHdf) {
  ERWIN_SHARED_OR_SKIP(folder, "data/pointclouds/vtk");
  for (const char* name : {"can.vtu", "can-vtu.hdf"}) {
    SCOPED_TRACE(name);
    const PointCloudPtr cloud = io::open(folder / name);
    EXPECT_EQ(cloud->source().format, name == std::string("can.vtu") ? "VTU" : "VTKHDF");
    EXPECT_EQ(cloud->size(), 6724);
    expect_bounds(*cloud, {-12.16960621, -3.60042429, -18.33547592}, {6.00286722, 5.56220198, -13.45645142}, 1e-6);
    EXPECT_EQ(cloud->fields().size(), 5U);
    EXPECT_NEAR(cloud->require_field("DISPL").range(0)->minimum, -7.16960621, 1e-6);
    EXPECT_NEAR(cloud->require_field("VEL").range(-1)->maximum, 5221.328900531184, 1e-3);
    EXPECT_NEAR(cloud->require_field("ACCL").range(-1)->maximum, 201941280.29848552, 20);
    expect_range(*cloud, "PedigreeNodeId", FieldKind::Scalar, 1, 1, 6724);
    // Faces that belong to one of the 4800 hexahedra only, counted from the connectivity.
    EXPECT_EQ(cloud->cells().quads.size(), 4U * 3680);
  }
}

#else

TEST(SharedVtk, WithoutVtkTheErrorSaysWhatToDo) {
  ERWIN_SHARED_OR_SKIP(path, "data/pointclouds/vtk/cow.vtp");
  const Error error = refusal(path);
  EXPECT_EQ(error.kind(), ErrorKind::Format);
  EXPECT_NE(std::string(error.what()).find("Convert it first with a build that has VTK"), std::string::npos)
      << error.what();
}

#endif

}  // namespace erwin::test
