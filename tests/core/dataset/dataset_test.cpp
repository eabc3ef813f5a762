// Data sets from manifests, folders and files.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/dataset/dataset.h"
#include "core/io/write.h"
#include "tests/support/shared_data.h"

namespace erwin::test {

namespace {

namespace fs = std::filesystem;

PointCloudPtr cloud(std::vector<float> positions, std::vector<float> pressure, std::int64_t frames = 1) {
  PointCloud::Parts parts;
  parts.positions = std::move(positions);
  parts.frames = frames;
  parts.fields.emplace_back("p", FieldKind::Scalar, 1, std::move(pressure), "Pa");
  return std::make_shared<const PointCloud>(std::move(parts));
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

// Three samples a, b, c of one point or two.
class DatasetTest : public testing::Test {
protected:
  void SetUp() override {
    io::write(folder() / "a.h5", {{"s", cloud({0, 0, 0, 2, 0, 0}, {1, 3})}});
    io::write(folder() / "b.h5", {{"s", cloud({4, 0, 6, 6, 0, 0}, {5, NAN})}});
    io::write(folder() / "c.h5", {{"s", cloud({100, 100, 100}, {100})}});
  }
  const fs::path& folder() const { return scratch_.path(); }

  fs::path manifest(const std::string& text) const {
    write_text(folder() / "m.toml", text);
    return folder() / "m.toml";
  }
  Error refusal(const std::string& text) const {
    try {
      Dataset::open(manifest(text));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it opened:\n" << text;
    return Error(ErrorKind::Internal, "it opened");
  }
  ScratchFolder scratch_;
};

std::vector<std::string> names(const Dataset& dataset) {
  std::vector<std::string> result;
  for (const SampleEntry& entry : dataset.samples()) result.push_back(entry.name);
  return result;
}

using Names = std::vector<std::string>;
using Indices = std::vector<std::int64_t>;

}  // namespace

TEST_F(DatasetTest, AManifestNamesFilesQuantitiesAndSplits) {
  const Dataset dataset =
      Dataset::open(manifest("[dataset]\nname = 'tiny'\nfiles = ['*.h5']\npositions = 'auto'\n"
                             "inputs = ['position']\ntarget = 'p'\n[split]\ntrain = ['[ab]']\ntest = ['c']\n"));
  EXPECT_EQ(dataset.name(), "tiny");
  EXPECT_EQ(names(dataset), (Names{"a", "b", "c"}));
  EXPECT_EQ(dataset.inputs(), (Names{"position"}));
  EXPECT_EQ(dataset.target(), "p");
  EXPECT_EQ(dataset.split("train"), (Indices{0, 1}));
  EXPECT_EQ(dataset.split("test"), (Indices{2}));
  EXPECT_TRUE(dataset.split("validation").empty());
  EXPECT_TRUE(dataset.has_split("test"));
  EXPECT_FALSE(dataset.has_split("validation"));
  EXPECT_EQ(dataset.index_of("b"), 1);
  EXPECT_EQ(dataset.load(1)->position(0)[0], 4);
}

TEST_F(DatasetTest, MeansAndDeviationsAreOfTheTrainingSplit) {
  const Dataset dataset =
      Dataset::open(manifest("[dataset]\nfiles = ['*.h5']\ntarget = 'p'\n[split]\ntrain = ['a', 'b']\ntest = ['c']\n"));
  Names warnings;
  set_log_listener([&](LogLevel level, std::string_view text) {
    if (level == LogLevel::Warning) warnings.emplace_back(text);
  });
  const Normalisation result = dataset.normalise();
  set_log_listener({});
  // x: 0, 2, 4, 6; y: always 0, so its deviation is taken as 1; z: 0, 0, 6, 0. Population deviations.
  ASSERT_EQ(result.position.mean.size(), 3U);
  EXPECT_DOUBLE_EQ(result.position.mean[0], 3);
  EXPECT_DOUBLE_EQ(result.position.deviation[0], std::sqrt(5.0));
  EXPECT_EQ(result.position.mean[1], 0);
  EXPECT_EQ(result.position.deviation[1], 1);
  EXPECT_DOUBLE_EQ(result.position.mean[2], 1.5);
  EXPECT_DOUBLE_EQ(result.position.deviation[2], std::sqrt(6.75));
  // p: 1, 3, 5; the value that is not finite does not count.
  EXPECT_DOUBLE_EQ(result.field.at("p").mean[0], 3);
  EXPECT_DOUBLE_EQ(result.field.at("p").deviation[0], std::sqrt(8.0 / 3));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("position, component 1"), std::string::npos);
}

TEST_F(DatasetTest, GivenNormalisationGoesFirst) {
  const Dataset dataset = Dataset::open(
      manifest("[dataset]\nfiles = ['a.h5', 'b.h5']\ntarget = 'p'\n[normalisation.p]\nmean = 10\ndeviation = 2.5\n"
               "[normalisation.position]\nmean = [1, 2, 3]\ndeviation = [1, 1, 2]\n"));
  const Normalisation result = dataset.normalise();
  EXPECT_EQ(result.field.at("p").mean, (std::vector<double>{10}));
  EXPECT_EQ(result.field.at("p").deviation, (std::vector<double>{2.5}));
  EXPECT_EQ(result.position.deviation, (std::vector<double>{1, 1, 2}));
}

TEST_F(DatasetTest, WhatIsWrongIsNamedWithItsLine) {
  const auto expect = [&](const std::string& text, const std::string& part, const std::string& line) {
    const Error error = refusal(text);
    EXPECT_EQ(error.kind(), ErrorKind::Config) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("m.toml" + line), std::string::npos) << error.what();
  };
  expect("[dataset]\nfiles = ['*.h5']\ntargets = 'p'\n", "dataset.targets", ":3");
  expect("[dataset]\nfiles = ['*.h5']\n[more]\n", "more", ":3");
  expect("[dataset]\nfiles = 3\n", "dataset.files = 3", ":2");
  expect("[dataset]\nname = 'x'\n", "dataset.files", "");
  expect("[dataset]\nfiles = ['*.h5']\nframes = 'some'\n", "\"first\", \"all\"", ":3");
  expect("[dataset]\nfiles = ['*.h5']\n[normalisation.p]\nmean = 0\ndeviation = 0\n", "a positive number", ":5");
  expect("[dataset]\nfiles = ['*.h5']\n[normalisation.p]\nmean = [0, 1]\ndeviation = 1\n", "as many means", ":");
  expect("[dataset\n", "not valid TOML", ":1");
  EXPECT_NE(std::string(refusal("[dataset]\nfiles = ['*.cgns']\n").what()).find("no file fits"), std::string::npos);
}

TEST_F(DatasetTest, SplitsNameSamplesAndDoNotOverlap) {
  const std::string head = "[dataset]\nfiles = ['*.h5']\n[split]\n";
  EXPECT_NE(std::string(refusal(head + "train = ['a', 'q*']\n").what()).find("split.train = \"q*\""),
            std::string::npos);
  EXPECT_NE(std::string(refusal(head + "train = ['*']\ntest = ['c']\n").what()).find("in two splits"),
            std::string::npos);
  const Dataset none = Dataset::open(manifest("[dataset]\nfiles = ['*.h5']\n"));
  EXPECT_EQ(none.split("test"), (Indices{0, 1, 2}));
}

TEST_F(DatasetTest, AFolderIsEveryFileThatOpens) {
  write_text(folder() / "readme.md", "# Not a cloud\nNo numbers here.\n");
  write_text(folder() / "d.xyz", "1 2 3\n4 5 6\n");
  write_text(folder() / "empty.h5", "");
  const Dataset dataset = Dataset::open(folder());
  EXPECT_EQ(names(dataset), (Names{"a", "b", "c", "d"}));
  EXPECT_EQ(dataset.load(3)->size(), 2);
  write_text(folder() / "manifest.toml", "[dataset]\nfiles = ['b.h5']\n");
  EXPECT_EQ(names(Dataset::open(folder())), (Names{"b"}));
}

TEST_F(DatasetTest, SamplesOfOneFile) {
  const fs::path file = folder() / "many.h5";
  io::write(file, {{"x", cloud({1, 1, 1}, {1})}, {"y", cloud({2, 2, 2}, {2})}});
  const Dataset dataset = Dataset::open(file);
  EXPECT_EQ(names(dataset), (Names{"many#x", "many#y"}));
  EXPECT_EQ(dataset.load(1)->position(0)[0], 2);
  EXPECT_EQ(dataset.index_of("many#y"), 1);
  EXPECT_EQ(dataset.index_of("y"), 1);
  EXPECT_THROW(dataset.index_of("z"), Error);
  EXPECT_EQ(names(Dataset::open(folder() / "a.h5")), (Names{"a"}));
  EXPECT_THROW(Dataset::open(folder() / "absent.h5"), Error);
}

TEST_F(DatasetTest, EachFrameCanBeASample) {
  io::write(folder() / "t.h5", {{"s", cloud({0, 0, 0, 1, 1, 1, 2, 2, 2}, {1}, 3)}});
  EXPECT_EQ(names(Dataset::open(manifest("[dataset]\nfiles = ['t.h5']\n"))), (Names{"t"}));
  const Dataset all = Dataset::open(manifest("[dataset]\nfiles = ['t.h5']\nframes = 'all'\n"));
  EXPECT_EQ(names(all), (Names{"t@0", "t@1", "t@2"}));
  EXPECT_EQ(all.samples()[2].frame, 2);
  EXPECT_DOUBLE_EQ(all.normalise().position.mean[0], 1);
  EXPECT_EQ(names(Dataset::open(manifest("[dataset]\nfiles = ['t.h5']\nframes = [2, 0]\n"))), (Names{"t@2", "t@0"}));
  EXPECT_NE(std::string(refusal("[dataset]\nfiles = ['t.h5']\nframes = [3]\n").what()).find("frames 0 to 2"),
            std::string::npos);
}

TEST_F(DatasetTest, TheHashSeesEverySampleAndItsOrder) {
  const auto hash = [&](const std::string& files) {
    return Dataset::open(manifest("[dataset]\nfiles = " + files + "\n")).content_hash();
  };
  EXPECT_EQ(hash("['a.h5', 'b.h5']"), hash("['[ab].h5']"));
  EXPECT_NE(hash("['a.h5', 'b.h5']"), hash("['b.h5', 'a.h5']"));
  EXPECT_NE(hash("['a.h5', 'b.h5']"), hash("['a.h5', 'c.h5']"));
}

TEST_F(DatasetTest, BadFilesAndTargetsAreLeftOutWhereThatIsAllowed) {
  const fs::path path =
      manifest("[dataset]\nfiles = ['*.h5']\ntarget = 'p'\n[split]\ntrain = ['a', 'b']\ntest = ['c']\n");
  write_text(folder() / "c.h5", "\x89HDF\r\n\x1a\n and nothing behind it");
  EXPECT_THROW(Dataset::open(path), Error);
  io::OpenOptions options;
  options.skip_bad = true;
  Dataset dataset = Dataset::open(path, options);
  EXPECT_EQ(names(dataset), (Names{"a", "b"}));
  ASSERT_EQ(dataset.left_out().size(), 2U);  // the file, and the split that names it
  EXPECT_EQ(dataset.left_out()[0].name, "c");
  dataset.leave_out_bad();  // b holds a NaN
  EXPECT_EQ(dataset.split("train"), (Indices{0}));
  EXPECT_EQ(dataset.left_out()[2].name, "b");
  EXPECT_NE(dataset.left_out()[2].why.find("p, point 1"), std::string::npos) << dataset.left_out()[2].why;
  EXPECT_DOUBLE_EQ(dataset.normalise().field.at("p").mean[0], 2);
  // Where nothing is left, the first error is told.
  Dataset all = Dataset::open(manifest("[dataset]\nfiles = ['b.h5']\ntarget = 'p'\n"), options);
  EXPECT_THROW(all.leave_out_bad(), Error);
}

TEST(SharedDataset, CarsNormaliseLikeNumpy) {
  ERWIN_SHARED_OR_SKIP(cars, "data/car/shapenet_car_cgns");
  ScratchFolder scratch;
  write_text(scratch.path() / "cars.toml",
             "[dataset]\nname = 'cars'\nfiles = ['" + cars.string() +
                 "/*.cgns']\ntarget = 'pressure'\n"
                 "[split]\ntrain = ['train_0*', 'test_0[0-5]*']\ntest = ['test_0[6-9]*']\n");
  const Dataset dataset = Dataset::open(scratch.path() / "cars.toml");
  EXPECT_EQ(dataset.samples().size(), 20U);
  EXPECT_EQ(dataset.split("train").size(), 16U);
  EXPECT_EQ(dataset.split("test").size(), 4U);
  const Normalisation result = dataset.normalise();
  // numpy over the same 16 files, read with h5py (float64; ours went through float32).
  EXPECT_NEAR(result.field.at("pressure").mean[0], -37.53507129, 1e-5);
  EXPECT_NEAR(result.field.at("pressure").deviation[0], 47.53126237, 1e-5);
  EXPECT_NEAR(result.position.mean[2], 0.03511226286, 1e-7);
  EXPECT_NEAR(result.position.deviation[2], 1.363937373, 1e-7);
}

}  // namespace erwin::test
