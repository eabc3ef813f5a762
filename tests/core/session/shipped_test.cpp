#include "core/session/shipped.h"

#include <gtest/gtest.h>

#include <fstream>
#include <stop_token>

#include "core/base/error.h"
#include "core/io/write.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;

void write_cloud(const fs::path& path, std::vector<std::string> samples, int points) {
  io::NamedClouds clouds;
  for (const std::string& name : samples) {
    PointCloud::Parts parts;
    std::vector<float> values;
    for (int i = 0; i < points; ++i) {
      const auto t = static_cast<float>(i);
      parts.positions.insert(parts.positions.end(), {t, 2 * t, 0.5f});
      values.push_back(t);
    }
    parts.fields.emplace_back("load", FieldKind::Scalar, 1, std::move(values));
    clouds.emplace_back(name, std::make_shared<PointCloud>(std::move(parts)));
  }
  io::write_hdf5(path, clouds);
}

TEST(Shipped, FilesManifestsAndFoldersAreListedWithWhatTheyHold) {
  const test::ScratchFolder scratch;
  const fs::path& root = scratch.path();
  write_cloud(root / "one_cloud.h5", {"a"}, 1500);
  write_cloud(root / "many.h5", {"a", "b", "c"}, 40);
  std::ofstream(root / "many.toml") << "[dataset]\nname = \"many\"\nfiles = [\"many.h5\"]\ntarget = \"load\"\n";
  fs::create_directory(root / "set");
  write_cloud(root / "set" / "x.h5", {"a"}, 30);
  write_cloud(root / "set" / "y.h5", {"a"}, 30);
  std::ofstream(root / "set" / "manifest.toml") << "[dataset]\nname = \"set\"\nfiles = [\"*.h5\"]\n";
  std::ofstream(root / "README.md") << "# no data\n";
  std::ofstream(root / "broken.h5") << "\x89HDF\r\n\x1a\n and nothing more";

  const auto found = list_shipped(root);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].data, root / "many.toml");  // and not many.h5 as well
  EXPECT_EQ(found[0].description, "3 samples, the first with 40 points; load");
  EXPECT_EQ(found[1].title, "One cloud");
  EXPECT_EQ(found[1].description, "1,500 points; load");
  EXPECT_EQ(found[2].data, root / "set" / "manifest.toml");
  EXPECT_EQ(found[2].title, "Set");
  EXPECT_EQ(found[2].description.substr(0, 9), "2 samples");
  EXPECT_TRUE(found[0].model.empty());
}

TEST(Shipped, TheProjectsOwnSamplesAreOffered) {
  std::vector<std::string> titles;
  for (const ShippedSample& sample : list_shipped(test::source_folder() / "datasets")) {
    titles.push_back(sample.title);
    EXPECT_LE(fs::file_size(fs::path(sample.data).replace_extension(".h5")), 2'000'000U) << sample.title;
  }
  EXPECT_EQ(titles, (std::vector<std::string>{"Beacons small", "Flow", "Halos", "Polymer", "Sample"}));
}

TEST(Shipped, AMissingFolderHoldsNothingAndAStopStops) {
  EXPECT_TRUE(list_shipped("/nonexistent").empty());
  const test::ScratchFolder scratch;
  write_cloud(scratch.path() / "a.h5", {"a"}, 30);
  std::stop_source stop;
  stop.request_stop();
  try {
    list_shipped(scratch.path(), Job(stop.get_token()));
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Cancelled);
  }
}

TEST(Shipped, TheProgramsOwnFolderIsFound) {
  const auto found = list_shipped(shipped_folder());
  ASSERT_FALSE(found.empty());
  for (const ShippedSample& sample : found) {
    EXPECT_FALSE(sample.title.empty());
    EXPECT_NE(sample.description.find("points"), std::string::npos) << sample.description;
  }
}

}  // namespace
}  // namespace erwin
