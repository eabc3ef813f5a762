// Shards of the cosmology benchmark: framing, protocol buffers, order, splits, damage.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stop_token>

#include "core/dataset/internal/original.h"
#include "core/io/internal/crc32c.h"
#include "core/io/write.h"
#include "tests/core/dataset/originals/support.h"

namespace erwin::test {

namespace {

// The files of `write_originals.py cosmology`, written once and copied for each test, and a cache folder of its own.
class CosmologyTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    written_ = new ScratchFolder;
    if (has_python()) write_originals("cosmology", written_->path() / "quijote");
  }
  static void TearDownTestSuite() {
    delete written_;
    written_ = nullptr;
  }
  void SetUp() override {
    ERWIN_PYTHON_OR_SKIP();
    ::setenv("XDG_CACHE_HOME", cache_.path().c_str(), 1);
    fs::copy(written_->path(), scratch_.path(), fs::copy_options::recursive);
  }
  void TearDown() override { ::unsetenv("XDG_CACHE_HOME"); }
  fs::path root() const { return scratch_.path() / "quijote"; }
  fs::path shard(const std::string& name) const { return root() / (name + ".tfrecord"); }
  fs::path manifest(const std::string& more) const {
    return put(scratch_.path() / "m.toml", "[dataset]\nformat = 'cosmology-tfrecord'\nroot = 'quijote'\n" + more);
  }
  std::int64_t cached() const {
    return std::distance(fs::recursive_directory_iterator(cache_.path()), fs::recursive_directory_iterator());
  }
  ScratchFolder scratch_, cache_;
  static ScratchFolder* written_;
};
ScratchFolder* CosmologyTest::written_ = nullptr;

// The rule of the script: feature f of halo i in simulation s.
float number_of(int feature, int halo, int simulation) {
  return static_cast<float>(100 * feature + halo + simulation / 8.0);
}

void expect_simulation(const PointCloud& cloud, int simulation) {
  ASSERT_EQ(cloud.size(), 5);
  for (int halo = 0; halo < 5; ++halo) {
    for (int axis = 0; axis < 3; ++axis) {
      EXPECT_EQ(cloud.position(halo)[static_cast<std::size_t>(axis)], number_of(axis, halo, simulation));
      EXPECT_EQ(cloud.require_field("velocity").value(halo, axis), number_of(3 + axis, halo, simulation));
    }
  }
}

}  // namespace

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(io::crc32c("123456789"), 0xE3069283U);
  // RFC 3720, appendix B.4.
  EXPECT_EQ(io::crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(io::crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  EXPECT_EQ(io::crc32c(rising), 0x46DD794EU);
  EXPECT_EQ(io::crc32c(""), 0U);
}

TEST(NaturalOrder, NumbersCompareAsNumbers) {
  Names names{"a10", "a9", "b1", "a1", "a", "a01", "a2b", "a2", "10", "9"};
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_EQ(names, (Names{"9", "10", "a", "a01", "a1", "a2", "a2b", "a9", "a10", "b1"}));
}

TEST_F(CosmologyTest, AFolderIsReadInNaturalOrderWithItsSplits) {
  const Dataset dataset = Dataset::open(root());
  EXPECT_EQ(names_of(dataset),
            (Names{"halos_test_1#0", "halos_test_1#1", "halos_test_1#2", "halos_train_1#0", "halos_train_1#1",
                   "halos_train_2#0", "halos_train_10#0", "halos_train_10#1", "halos_val_1#0"}));
  EXPECT_EQ(dataset.inputs(), (Names{"position"}));
  EXPECT_EQ(dataset.target(), "velocity");
  EXPECT_EQ(dataset.split("train"), (Indices{3, 4, 5, 6, 7}));
  EXPECT_EQ(dataset.split("validation"), (Indices{8}));
  EXPECT_EQ(dataset.split("test"), (Indices{0, 1, 2}));
  for (std::size_t i = 0; i < 5; ++i) expect_simulation(*dataset.load(dataset.split("train")[i]), static_cast<int>(i));
  expect_simulation(*dataset.load(dataset.index_of("halos_val_1#0")), 5);
  expect_simulation(*dataset.load(2), 8);
}

TEST_F(CosmologyTest, FieldsUnitsAndRemarks) {
  const PointCloudPtr cloud = Dataset::open(root()).load(4);  // simulation 1
  EXPECT_EQ(cloud->unit(), "Mpc/h");
  EXPECT_EQ(cloud->source().format, "TFRecord");
  EXPECT_EQ(cloud->require_field("velocity").unit(), "km/s");
  EXPECT_EQ(cloud->require_field("angular_momentum").value(2, 1), number_of(7, 2, 1));
  EXPECT_EQ(cloud->require_field("M200c").value(3), number_of(9, 3, 1));
  EXPECT_EQ(cloud->require_field("Rvir").value(4), number_of(10, 4, 1));
  const Names& remarks = cloud->source().remarks;
  EXPECT_EQ(std::count(remarks.begin(), remarks.end(), "Omega_m = 0.265625"), 1);
  EXPECT_EQ(std::count(remarks.begin(), remarks.end(), "sigma_8 = 0.75"), 1);
}

TEST_F(CosmologyTest, TheManifestLimitsSplitsAndChoosesConstants) {
  const Dataset few = Dataset::open(manifest("train_samples = 3\ntest_samples = 1\n"));
  EXPECT_EQ(few.split("train").size(), 3U);
  EXPECT_EQ(few.samples()[static_cast<std::size_t>(few.split("train")[2])].name, "halos_train_2#0");
  EXPECT_EQ(few.split("test").size(), 1U);
  EXPECT_EQ(few.split("validation").size(), 1U);
  const Normalisation published = few.normalise();
  EXPECT_EQ(published.position.mean[1], 500.0947802559321);
  EXPECT_EQ(published.position.deviation[2], 288.70234893905575);
  EXPECT_EQ(published.field.at("velocity").mean[2], -0.06458034372345466);
  EXPECT_EQ(published.field.at("velocity").deviation[0], 344.0231468131901);
  // Halos 0 to 4 of simulations 0 to 4: 2 and 2 / 8 on average.
  const Normalisation computed = Dataset::open(manifest("constants = 'computed'\n")).normalise();
  EXPECT_NEAR(computed.position.mean[0], 2.25, 1e-6);
  EXPECT_NEAR(computed.field.at("velocity").mean[1], 402.25, 1e-4);
  EXPECT_NEAR(computed.field.at("velocity").deviation[1], std::sqrt(2 + 2.0 / 64), 1e-6);
  const Dataset own = Dataset::open(manifest("[split]\ntrain = ['halos_test_1#[01]']\ntest = ['halos_val*']\n"));
  EXPECT_EQ(own.split("train"), (Indices{0, 1}));
  EXPECT_EQ(own.split("test"), (Indices{8}));
}

TEST_F(CosmologyTest, WhatTheManifestSaysIsChecked) {
  const auto refusal = [&](const std::string& more) { return error_of([&] { Dataset::open(manifest(more)); }); };
  expect_says(refusal("files = ['*.h5']\n"), ErrorKind::Config, {"m.toml:4", "dataset.files", "dataset.root"});
  expect_says(refusal("constants = 'none'\n"), ErrorKind::Config, {"m.toml:4", "published"});
  expect_says(refusal("train_samples = 0\n"), ErrorKind::Config, {"m.toml:4", "a whole number from 1"});
  put(scratch_.path() / "m.toml", "[dataset]\nformat = 'tfrecord'\n");
  expect_says(error_of([&] { Dataset::open(scratch_.path() / "m.toml"); }), ErrorKind::Config,
              {"dataset.format", "cosmology-tfrecord"});
  put(scratch_.path() / "m.toml", "[dataset]\nformat = 'cosmology-tfrecord'\nroot = 'absent'\n");
  expect_says(error_of([&] { Dataset::open(scratch_.path() / "m.toml"); }), ErrorKind::Config,
              {"dataset.root", "absent"});
  // A split that names a missing sample, and the same with --skip-bad.
  const std::string split = "[split]\ntrain = ['halos_train_1#*', 'halos_train_1#7']\n";
  expect_says(refusal(split), ErrorKind::Config, {"split.train", "halos_train_1#7"});
  const Dataset without = Dataset::open(manifest(split), skipping());
  EXPECT_EQ(without.split("train").size(), 2U);
  ASSERT_EQ(without.left_out().size(), 1U);
  EXPECT_NE(without.left_out()[0].name.find("halos_train_1#7"), std::string::npos);
}

TEST_F(CosmologyTest, OneShardIsADataSetToo) {
  EXPECT_EQ(io::detect(shard("halos_test_1")), io::FileKind::TfRecord);
  const Dataset dataset = Dataset::open(shard("halos_test_1"));
  EXPECT_EQ(names_of(dataset), (Names{"halos_test_1#0", "halos_test_1#1", "halos_test_1#2"}));
  expect_simulation(*dataset.load(1), 7);
  expect_says(error_of([&] { io::open(shard("halos_test_1")); }), ErrorKind::Format, {"TFRecord"});
}

TEST_F(CosmologyTest, AWrongChecksumIsNamedWithFileAndRecord) {
  std::string bytes = bytes_of(shard("halos_train_1"));
  bytes[bytes.size() - 40] ^= 4;  // in the second record's payload
  put(shard("halos_train_1"), bytes);
  Dataset dataset = Dataset::open(root());
  EXPECT_EQ(dataset.samples().size(), 9U);
  const Error error = error_of([&] { dataset.load(4); });
  expect_says(error, ErrorKind::Format, {"halos_train_1.tfrecord: record 1", "checksum", "--skip-bad"});
  expect_simulation(*dataset.load(3), 0);
  dataset.leave_out_bad();
  EXPECT_EQ(dataset.split("train"), (Indices{3, 5, 6, 7}));
  EXPECT_EQ(dataset.split("test"), (Indices{0, 1, 2}));
  ASSERT_EQ(dataset.left_out().size(), 1U);
  EXPECT_EQ(dataset.left_out()[0].name, "halos_train_1#1");
}

TEST_F(CosmologyTest, AWrongLengthEndsTheShard) {
  std::string bytes = bytes_of(shard("halos_test_1"));
  const std::size_t record = bytes.size() / 3;
  bytes[record] ^= 1;
  put(shard("halos_test_1"), bytes);
  const Error error = error_of([&] { Dataset::open(root()); });
  expect_says(error, ErrorKind::Format,
              {"wrong checksum", "halos_test_1.tfrecord: record 1, byte " + std::to_string(record)});
  const Dataset dataset = Dataset::open(root(), skipping());
  EXPECT_EQ(dataset.split("test").size(), 1U);
  EXPECT_EQ(dataset.split("train").size(), 5U);
  ASSERT_EQ(dataset.left_out().size(), 1U);
  EXPECT_EQ(dataset.left_out()[0].name, "halos_test_1#1 and all behind it");
}

TEST_F(CosmologyTest, ACutShardIsRefusedWhereverItIsCut) {
  const std::string whole = bytes_of(shard("halos_test_1"));
  const std::size_t record = whole.size() / 3;
  for (const std::size_t left : {record + 1, record + 11, record + 12, record + 500, 2 * record - 1, 3 * record - 4}) {
    SCOPED_TRACE(left);
    put(shard("halos_test_1"), whole.substr(0, left));
    expect_says(error_of([&] { Dataset::open(root()); }), ErrorKind::Format,
                {"the file ends", "halos_test_1.tfrecord"});
    const Dataset dataset = Dataset::open(root(), skipping());
    EXPECT_EQ(dataset.split("test").size(), left / record);
    EXPECT_EQ(dataset.left_out().size(), 1U);
  }
}

TEST_F(CosmologyTest, TheIndexIsKeptUntilTheFileChanges) {
  Dataset::open(root());
  const std::int64_t kept = cached();
  EXPECT_EQ(kept, 2 + 5);  // two folders, an entry per shard
  EXPECT_EQ(Dataset::open(root()).samples().size(), 9U);
  EXPECT_EQ(cached(), kept);
  put(shard("halos_val_1"), bytes_of(shard("halos_train_1")) + bytes_of(shard("halos_train_2")));
  EXPECT_EQ(Dataset::open(root()).split("validation").size(), 3U);
  EXPECT_EQ(cached(), kept);
  // Damaged entries are made anew.
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(cache_.path()))
    if (entry.is_regular_file()) {
      std::string bytes = bytes_of(entry.path());
      bytes.back() ^= 1;
      put(entry.path(), bytes);
    }
  const Dataset dataset = Dataset::open(root());
  EXPECT_EQ(dataset.samples().size(), 11U);
  expect_simulation(*dataset.load(10), 2);
}

TEST_F(CosmologyTest, OnlyWhatIsAskedForIsDecoded) {
  Dataset dataset = Dataset::open(root() / "odd");
  expect_says(error_of([&] { dataset.load(1); }), ErrorKind::Format, {"record 1", "feature M200c", "2 and 5"});
  dataset.set_quantities({"position"}, "velocity");
  const PointCloudPtr cloud = dataset.load(1);
  expect_simulation(*cloud, 10);
  EXPECT_EQ(cloud->fields().size(), 1U);
  dataset.set_quantities({"position", "Rvir"}, "velocity");
  EXPECT_EQ(dataset.load(1)->fields().size(), 2U);
}

TEST_F(CosmologyTest, OddRecords) {
  Dataset dataset = Dataset::open(root() / "odd");
  ASSERT_EQ(dataset.samples().size(), 8U);
  const PointCloudPtr repeated = dataset.load(0);
  EXPECT_EQ(repeated->require_field("M200c").value(0), 1.5);
  for (int halo = 1; halo < 5; ++halo) EXPECT_EQ(repeated->require_field("M200c").value(halo), 2.5);
  const auto refusal = [&](std::int64_t index) { return error_of([&] { dataset.load(index); }); };
  expect_says(refusal(2), ErrorKind::Format, {"record 2", "lacks the feature 'v_y'", "Omega_m"});
  expect_says(refusal(3), ErrorKind::Format, {"record 3", "number of halos"});
  expect_says(refusal(5), ErrorKind::Format, {"record 5", "feature x", "its type is 3"});
  expect_says(refusal(6), ErrorKind::Format, {"record 6", "no tf.train.Example"});
  EXPECT_TRUE(std::isnan(dataset.load(4)->require_field("velocity").value(2, 2)));
  dataset.leave_out_bad();
  EXPECT_EQ(dataset.split("train"), (Indices{0, 7}));
  Names names;
  for (const LeftOut& sample : dataset.left_out()) names.push_back(sample.name);
  EXPECT_EQ(names, (Names{"halos_train_1#1", "halos_train_1#2", "halos_train_1#3", "halos_train_1#4", "halos_train_1#5",
                          "halos_train_1#6"}));
  EXPECT_NE(dataset.left_out()[3].why.find("velocity, point 2"), std::string::npos) << dataset.left_out()[3].why;
}

TEST_F(CosmologyTest, TheFingerprintIsOfTheContent) {
  std::vector<std::int64_t> seen;
  const std::string first = Dataset::open(root()).content_hash({}, [&](std::int64_t index, const PointCloud& cloud) {
    seen.push_back(index);
    EXPECT_EQ(cloud.size(), 5);
  });
  EXPECT_EQ(seen.size(), 3U);  // one of each split
  fs::rename(root(), scratch_.path() / "moved");
  EXPECT_EQ(Dataset::open(scratch_.path() / "moved").content_hash(), first);
  fs::rename(scratch_.path() / "moved", root());
  put(shard("halos_val_1"), bytes_of(shard("halos_train_2")));
  EXPECT_NE(Dataset::open(root()).content_hash(), first);
}

TEST_F(CosmologyTest, OpeningCanBeStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(error_of([&] { Dataset::open(root(), {}, Job(stop.get_token())); }).kind(), ErrorKind::Cancelled);
}

// Halo catalogues as files of other formats: the same quantities, through the readers of those formats.

TEST(HaloCatalogues, TablesGiveTheVelocityByItsComponents) {
  ScratchFolder scratch;
  put(scratch.path() / "a.csv", "x,y,z,vx,vy,vz,M200c\n1,2,3,10,20,30,1e14\n4,5,6,40,50,60,2e14\n");
  put(scratch.path() / "b.csv", "x,y,z,v_x,v_y,v_z\n7,8,9,70,80,90\n");
  put(scratch.path() / "c.csv", "x,y,z,vx,vy\n7,8,9,70,80\n");
  put(scratch.path() / "m.toml", "[dataset]\nfiles = ['*.csv']\ntarget = 'velocity'\n");
  const Dataset dataset = Dataset::open(scratch.path() / "m.toml");
  const PointCloudPtr first = dataset.load(0);
  ASSERT_EQ(first->require_field("velocity").components(), 3);
  for (int axis = 0; axis < 3; ++axis) {
    EXPECT_EQ(first->require_field("velocity").value(1, axis), 40 + 10 * axis);
    EXPECT_EQ(dataset.load(1)->require_field("velocity").value(0, axis), 70 + 10 * axis);
  }
  EXPECT_EQ(first->require_field("M200c").value(1), 2e14F);
  EXPECT_EQ(first->position(1)[2], 6);
  EXPECT_EQ(dataset.load(2)->field("velocity"), nullptr);  // vz is missing
}

TEST(HaloCatalogues, Hdf5) {
  ScratchFolder scratch;
  PointCloud::Parts parts;
  parts.positions = {1, 2, 3, 4, 5, 6};
  parts.unit = "Mpc/h";
  parts.fields.emplace_back("velocity", FieldKind::Vector, 3, std::vector<float>{1, 2, 3, 4, 5, 6}, "km/s");
  io::write(scratch.path() / "halos.h5", {{"s", std::make_shared<const PointCloud>(std::move(parts))}});
  put(scratch.path() / "m.toml", "[dataset]\nfiles = ['*.h5']\ntarget = 'velocity'\n");
  const Dataset dataset = Dataset::open(scratch.path() / "m.toml");
  EXPECT_EQ(dataset.load(0)->require_field("velocity").value(1, 2), 6);
  EXPECT_EQ(dataset.normalise().field.at("velocity").mean, (std::vector<double>{2.5, 3.5, 4.5}));
}

TEST(HaloCatalogues, OneCatalogueAsTableAndAsHdf5) {
  ERWIN_SHARED_OR_SKIP(halos, "data/cosmology/abacus_mini_n64");
  ScratchFolder scratch;
  put(scratch.path() / "m.toml", "[dataset]\nfiles = ['" + halos.string() + "/halos_z0.csv', '" + halos.string() +
                                     "/halos_z0.h5']\ntarget = 'velocity'\n");
  const Dataset dataset = Dataset::open(scratch.path() / "m.toml");
  const PointCloudPtr table = dataset.load(0), hdf5 = dataset.load(1);
  ASSERT_EQ(table->size(), 381);
  ASSERT_EQ(hdf5->size(), 381);
  for (std::int64_t halo = 0; halo < 381; ++halo)
    for (int axis = 0; axis < 3; ++axis)
      EXPECT_NEAR(table->require_field("velocity").value(halo, axis), hdf5->require_field("velocity").value(halo, axis),
                  1e-2);
}

}  // namespace erwin::test
