// Polymer trajectories: folders of HDF5 files, windows of 17 frames. The files are written with HDF5's own library.

#include <hdf5.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <stop_token>

#include "core/dataset/internal/chain.h"
#include "tests/core/dataset/originals/support.h"

namespace erwin::test {

namespace {

// How an array lies in its file.
struct Storage {
  hid_t type = H5T_IEEE_F32LE;
  hsize_t chunk = 0;  // rows; 0: in one piece
};

template <typename T>
void write_array(const fs::path& file, const char* name, const std::vector<hsize_t>& shape,
                 const std::vector<T>& values, hid_t memory_type, const Storage& storage) {
  const hid_t out = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  if (storage.chunk > 0) {
    std::vector<hsize_t> chunk = shape;
    chunk[0] = storage.chunk;
    H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_deflate(creation, 1);
  }
  const hid_t array = H5Dcreate2(out, name, storage.type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  ASSERT_GE(H5Dwrite(array, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  H5Dclose(array);
  H5Pclose(creation);
  H5Sclose(space);
  H5Fclose(out);
}

// Position of a bead; its acceleration is 0.002 (bead + 1) (axis + 1), for f, which counts frames.
double place(std::int64_t frame, std::int64_t bead, std::int64_t axis) {
  const auto f = static_cast<double>(frame);
  return 10.0 * static_cast<double>(bead) + static_cast<double>(axis) + 0.5 * f +
         0.001 * static_cast<double>((bead + 1) * (axis + 1)) * f * f;
}

struct ChainRecipe {
  std::int64_t frames = 40, beads = 5;
  Storage storage = {};
  std::int64_t bad_frame = -1;
  std::vector<std::int64_t> types = {0, 1, 2, 3, 0};
  std::vector<std::int64_t> bonds = {0, 1, 1, 2, 2, 3, 3, 4};
};

void write_chain(const fs::path& folder, const ChainRecipe& recipe = {}) {
  fs::create_directories(folder);
  std::vector<double> positions;
  for (std::int64_t frame = 0; frame < recipe.frames; ++frame)
    for (std::int64_t bead = 0; bead < recipe.beads; ++bead)
      for (std::int64_t axis = 0; axis < 3; ++axis)
        positions.push_back(frame == recipe.bad_frame && bead == 2 && axis == 1
                                ? std::numeric_limits<double>::quiet_NaN()
                                : place(frame, bead, axis));
  const auto size = [](std::int64_t n) { return static_cast<hsize_t>(n); };
  write_array(folder / "position.h5", "/position", {size(recipe.frames), size(recipe.beads), 3}, positions,
              H5T_NATIVE_DOUBLE, recipe.storage);
  write_array(folder / "ptype.h5", "/particle_type", {recipe.types.size()}, recipe.types, H5T_NATIVE_INT64,
              {H5T_STD_I8LE});
  write_array(folder / "bond.h5", "/bond_indices", {recipe.bonds.size() / 2, 2}, recipe.bonds, H5T_NATIVE_INT64,
              {H5T_STD_I32LE});
  write_array(folder / "rgs.h5", "/rgs", {size(recipe.frames)}, std::vector<double>(size(recipe.frames), 1.0),
              H5T_NATIVE_DOUBLE, {});
  write_array(folder / "lattice.h5", "/lattice", {size(recipe.frames), 3},
              std::vector<double>(size(3 * recipe.frames), 100.0), H5T_NATIVE_DOUBLE, {});
}

class PolymerTest : public testing::Test {
protected:
  void SetUp() override { ::setenv("XDG_CACHE_HOME", cache_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("XDG_CACHE_HOME"); }
  const fs::path& root() const { return scratch_.path(); }
  fs::path manifest(const std::string& more) const {
    return put(root() / "m.toml", "[dataset]\nformat = 'polymer-md'\n" + more);
  }
  // Ten training chains, two to test.
  void write_published(std::int64_t test_frames = 20) const {
    for (int chain = 1; chain <= 10; ++chain)
      write_chain(root() / "polymer_train" / std::to_string(chain), {.frames = 20});
    for (int chain = 1; chain <= 2; ++chain)
      write_chain(root() / "polymer_test" / std::to_string(chain), {.frames = test_frames});
  }
  ScratchFolder scratch_, cache_;
};

// Mean over frames and beads, by its definition.
double mean_place(std::int64_t frames, std::int64_t beads, std::int64_t axis) {
  double sum = 0;
  for (std::int64_t frame = 0; frame < frames; ++frame)
    for (std::int64_t bead = 0; bead < beads; ++bead) sum += place(frame, bead, axis);
  return sum / static_cast<double>(frames * beads);
}

}  // namespace

TEST_F(PolymerTest, AWindowIsHistoryPositionAndAcceleration) {
  write_chain(root() / "7");
  const Dataset dataset = Dataset::open(root());
  ASSERT_EQ(dataset.samples().size(), 24U);  // 40 - 17 + 1
  EXPECT_EQ(dataset.samples()[5].name, "7@5");
  EXPECT_EQ(dataset.inputs(), (Names{"velocity_history", "bead"}));
  EXPECT_EQ(dataset.target(), "acceleration");
  const PointCloudPtr cloud = dataset.load(5);
  ASSERT_EQ(cloud->size(), 5);
  const Field& history = cloud->require_field("velocity_history");
  const Field& acceleration = cloud->require_field("acceleration");
  ASSERT_EQ(history.components(), 45);
  for (std::int64_t bead = 0; bead < 5; ++bead)
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      // The 16th frame is the current one, frame 5 + 15 of the trajectory.
      EXPECT_NEAR(cloud->position(bead)[static_cast<std::size_t>(axis)],
                  place(20, bead, axis) - mean_place(40, 5, axis), 2e-5);
      EXPECT_NEAR(acceleration.value(bead, static_cast<int>(axis)),
                  0.002 * static_cast<double>((bead + 1) * (axis + 1)), 2e-5);
      for (std::int64_t step = 0; step < 15; ++step)
        EXPECT_NEAR(history.value(bead, static_cast<int>(3 * step + axis)),
                    place(6 + step, bead, axis) - place(5 + step, bead, axis), 2e-5);
    }
}

TEST_F(PolymerTest, TypesAndBonds) {
  write_chain(root() / "7");
  const PointCloudPtr cloud = Dataset::open(root()).load(0);
  EXPECT_EQ(cloud->cells().lines, (std::vector<std::uint32_t>{0, 1, 1, 2, 2, 3, 3, 4}));
  EXPECT_EQ(cloud->require_field("type").kind(), FieldKind::Label);
  const int types[] = {0, 1, 2, 3, 0};
  for (int bead = 0; bead < 5; ++bead) {
    EXPECT_EQ(cloud->require_field("type").value(bead), types[bead]);
    for (int type = 0; type < 4; ++type)
      EXPECT_EQ(cloud->require_field("bead").value(bead, type), type == types[bead] ? 1 : 0);
  }
}

TEST_F(PolymerTest, EveryStorageReadsTheSame) {
  const Storage storages[] = {{H5T_IEEE_F32LE, 0}, {H5T_IEEE_F64LE, 0},   {H5T_IEEE_F32BE, 0},
                              {H5T_IEEE_F32LE, 7}, {H5T_IEEE_F64LE, 100}, {H5T_IEEE_F64BE, 1}};
  for (std::size_t i = 0; i < std::size(storages); ++i) {
    SCOPED_TRACE(i);
    const fs::path folder = root() / std::to_string(i);
    Storage storage = storages[i];
    storage.chunk = std::min<hsize_t>(storage.chunk, 40);
    write_chain(folder, {.storage = storage});
    const FrameReader reader(folder / "position.h5", {});
    EXPECT_EQ(reader.frames(), 40);
    EXPECT_EQ(reader.beads(), 5);
    for (const auto& [first, count] : {std::pair{0, 1}, {3, 17}, {39, 1}, {0, 40}}) {
      const std::vector<double> frames = reader.read(first, count, {});
      ASSERT_EQ(frames.size(), static_cast<std::size_t>(count * 15));
      for (std::size_t k = 0; k < frames.size(); ++k) {
        const auto number = static_cast<std::int64_t>(k);
        EXPECT_NEAR(frames[k], place(first + number / 15, number % 15 / 3, number % 3), 1e-5);
      }
    }
    EXPECT_THROW(reader.read(39, 2, {}), Error);
  }
}

TEST_F(PolymerTest, SplitsAndConstantsAreThePublishedOnes) {
  write_published(1200);
  const Dataset dataset = Dataset::open(root());
  EXPECT_EQ(dataset.split("train").size(), 9U * 4);
  EXPECT_EQ(dataset.split("validation").size(), 4U);
  EXPECT_EQ(dataset.split("test").size(), 2U * 984);  // only 1000 frames of a test trajectory are used
  EXPECT_EQ(dataset.samples()[static_cast<std::size_t>(dataset.split("validation")[0])].name, "polymer_train/10@0");
  const Normalisation constants = dataset.normalise();
  EXPECT_EQ(constants.position.deviation, (std::vector<double>{21.4457, 31.7121, 25.5143}));
  EXPECT_EQ(constants.field.at("acceleration").deviation, (std::vector<double>{1.7428, 1.7295, 1.7390}));
  ASSERT_EQ(constants.field.at("velocity_history").deviation.size(), 45U);
  EXPECT_EQ(constants.field.at("velocity_history").deviation[43], 1.2735);
  EXPECT_EQ(constants.field.at("bead").deviation, (std::vector<double>(4, 1)));
  // The mean is over the frames that are used.
  EXPECT_NEAR(dataset.load(dataset.split("test")[0])->position(1)[2], place(15, 1, 2) - mean_place(1000, 5, 2), 1e-3);
}

TEST_F(PolymerTest, TheManifestThinsWindows) {
  write_published();
  const Dataset dataset = Dataset::open(manifest("window_step = 2\nvalidation_samples = 1\ntrain_samples = 6\n"));
  EXPECT_EQ(dataset.split("validation").size(), 1U);
  Names train;
  for (const std::int64_t index : dataset.split("train"))
    train.push_back(dataset.samples()[static_cast<std::size_t>(index)].name);
  EXPECT_EQ(train, (Names{"polymer_train/1@0", "polymer_train/2@2", "polymer_train/4@0", "polymer_train/5@2",
                          "polymer_train/7@0", "polymer_train/8@2"}));
}

TEST_F(PolymerTest, WhatDoesNotFitIsNamed) {
  write_chain(root() / "a");
  const auto refusal = [&](const ChainRecipe& recipe) {
    write_chain(root() / "a", recipe);
    return error_of([&] { Dataset::open(root()).load(0); });
  };
  expect_says(refusal({.types = {0, 1, 2, 3}}), ErrorKind::Format, {"4 and 5", "a/ptype.h5"});
  expect_says(refusal({.types = {0, 1, 4, 3, 0}}), ErrorKind::Format, {"bead 2: 4", "a/ptype.h5"});
  expect_says(refusal({.bonds = {0, 1, 1, 5}}), ErrorKind::Format, {"bond 1: 5", "a/bond.h5"});
  expect_says(refusal({.frames = 16}), ErrorKind::Format, {"16 frames", "a/position.h5"});
  write_array(root() / "a" / "position.h5", "/position", {40, 15}, std::vector<double>(600), H5T_NATIVE_DOUBLE, {});
  expect_says(error_of([&] { Dataset::open(root()); }), ErrorKind::Format, {"[frames, beads, 3]", "a/position.h5"});
  write_chain(root() / "a");
  const std::string bytes = bytes_of(root() / "a" / "position.h5");
  put(root() / "a" / "position.h5", bytes.substr(0, bytes.size() / 2));
  EXPECT_NE(error_of([&] { Dataset::open(root()); }).kind(), ErrorKind::Internal);
}

TEST_F(PolymerTest, AFrameThatIsNotFiniteCostsItsWindows) {
  write_chain(root() / "a", {.bad_frame = 20});
  Dataset dataset = Dataset::open(root());
  expect_says(error_of([&] { dataset.load(10); }), ErrorKind::Format, {"not finite", "a/position.h5: frame 20"});
  EXPECT_NO_THROW(dataset.load(3));  // frames 3 to 19
  dataset.leave_out_bad();
  EXPECT_EQ(dataset.left_out().size(), 17U);
  EXPECT_EQ(dataset.split("train"), (Indices{0, 1, 2, 3, 21, 22, 23}));
}

TEST_F(PolymerTest, AnIncompleteChainIsRefusedOrLeftOut) {
  write_published();
  fs::remove(root() / "polymer_train" / "2" / "bond.h5");
  expect_says(error_of([&] { Dataset::open(root()); }), ErrorKind::Format, {"2/bond.h5", "--skip-bad"});
  const Dataset dataset = Dataset::open(root(), skipping());
  EXPECT_EQ(dataset.split("train").size(), 8U * 4);
  ASSERT_EQ(dataset.left_out().size(), 1U);
  EXPECT_EQ(dataset.left_out()[0].name, "polymer_train/2");
}

TEST_F(PolymerTest, ATrajectoryIsNeverWholeInMemory) {
  // 40 MB of frames, with memory for 30 MB.
  write_chain(root() / "a",
              {.frames = 300000, .beads = 11, .types = std::vector<std::int64_t>(11, 0), .bonds = {0, 1}});
  ASSERT_GT(fs::file_size(root() / "a" / "position.h5"), 39000000U);
  ::setenv("ERWINSCOPE_MEMORY_LIMIT", "30000000", 1);
  const Dataset dataset = Dataset::open(root());
  EXPECT_EQ(dataset.load(200000)->size(), 11);
  ::unsetenv("ERWINSCOPE_MEMORY_LIMIT");
  EXPECT_NEAR(dataset.load(0)->position(3)[0], place(15, 3, 0) - mean_place(300000, 11, 0), 50);
}

// Frames of two beads as text; LAMMPS counts types from 1 and lists atoms in any order.
TEST_F(PolymerTest, DumpsAndXyzFilesAreTrajectoriesToo) {
  std::string dump, xyz;
  for (int frame = 0; frame < 20; ++frame) {
    dump += "ITEM: TIMESTEP\n" + std::to_string(frame) + "\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n" +
            "-100 100\n-100 100\n-100 100\nITEM: ATOMS id type x y z\n";
    xyz += "2\nframe\n";
    for (const int bead : {1, 0}) {
      std::string numbers;
      for (int axis = 0; axis < 3; ++axis) numbers += " " + std::to_string(place(frame, bead, axis));
      dump += std::to_string(bead + 1) + " " + std::to_string(bead + 3) + numbers + "\n";
      xyz += "C" + numbers + "\n";
    }
  }
  put(root() / "a.lammpstrj", dump);
  put(root() / "b.xyz", xyz);
  const Dataset dataset = Dataset::open(manifest("[split]\ntrain = ['a@*']\ntest = ['b@*']\n"));
  EXPECT_EQ(names_of(dataset), (Names{"a@0", "a@1", "a@2", "a@3", "b@0", "b@1", "b@2", "b@3"}));
  const PointCloudPtr of_dump = dataset.load(2), of_xyz = dataset.load(6);
  for (int bead = 0; bead < 2; ++bead)
    for (int axis = 0; axis < 3; ++axis) {
      const double acceleration = 0.002 * (bead + 1) * (axis + 1);
      EXPECT_NEAR(of_dump->require_field("acceleration").value(bead, axis), acceleration, 1e-5);
      EXPECT_NEAR(of_xyz->require_field("acceleration").value(1 - bead, axis), acceleration, 1e-5);
      EXPECT_NEAR(of_dump->position(bead)[static_cast<std::size_t>(axis)],
                  place(17, bead, axis) - mean_place(20, 2, axis), 1e-4);
    }
  EXPECT_EQ(of_dump->require_field("bead").value(0, 2), 1);
  EXPECT_EQ(of_dump->require_field("bead").value(1, 3), 1);
  EXPECT_EQ(of_xyz->field("bead"), nullptr);
  // These are nobody's published chains: means and deviations are computed.
  EXPECT_NEAR(dataset.given_normalisation().field.at("bead").mean[0], 0, 0);
  EXPECT_FALSE(dataset.given_normalisation().field.contains("acceleration"));
  // A frame with another number of atoms.
  put(root() / "b.xyz", xyz + "1\nframe\nC 0 0 0\n");
  expect_says(error_of([&] { Dataset::open(root() / "m.toml"); }), ErrorKind::Format,
              {"different numbers of atoms", "b.xyz"});
  const Dataset without = Dataset::open(manifest(""), skipping());
  EXPECT_EQ(without.samples().size(), 4U);
  EXPECT_EQ(without.left_out().size(), 1U);
}

TEST_F(PolymerTest, TheFingerprintIsOfTheContentAndTheFirstReadingCanBeStopped) {
  write_published();
  const std::string hash = Dataset::open(root()).content_hash();
  EXPECT_EQ(Dataset::open(root()).content_hash(), hash);
  write_chain(root() / "polymer_train" / "3", {.frames = 20, .types = {1, 1, 2, 3, 0}});
  EXPECT_NE(Dataset::open(root()).content_hash(), hash);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(error_of([&] { Dataset::open(root()).load(0, Job(stop.get_token())); }).kind(), ErrorKind::Cancelled);
}

}  // namespace erwin::test
