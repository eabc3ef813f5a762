#include "core/tree/cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/base/error.h"
#include "tests/core/tree/clouds.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> entries_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (fs::exists(folder))
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

void expect_same(const BallTree& a, const BallTree& b) {
  EXPECT_EQ(a.slot_point, b.slot_point);
  EXPECT_EQ(a.slot_mask, b.slot_mask);
  EXPECT_EQ(a.point_slot, b.point_slot);
  EXPECT_EQ(a.unit, b.unit);
  EXPECT_EQ(a.unit_count, b.unit_count);
  ASSERT_EQ(a.levels.size(), b.levels.size());
  for (std::size_t l = 0; l < a.levels.size(); ++l) {
    EXPECT_EQ(a.levels[l].radius, b.levels[l].radius);
    EXPECT_EQ(a.levels[l].split_axis, b.levels[l].split_axis);
  }
}

class GeometryCacheTest : public testing::Test {
protected:
  CacheOptions options() const {
    CacheOptions result;
    result.folder = scratch_.path() / "geometry";
    return result;
  }
  test::ScratchFolder scratch_;
  test::Cloud cloud_ = test::uniform_cloud(500);
  TreeOptions tree_ = [] {
    TreeOptions result;
    result.unit = 32;
    return result;
  }();
};

TEST_F(GeometryCacheTest, AnswersFromMemoryThenFromDisk) {
  const BallTree fresh = build_ball_tree(cloud_.positions, 3, tree_);
  const KnnGraph graph = build_knn_graph(cloud_.positions, 3, 5, true);
  GeometryCache first(options());
  expect_same(*first.ball_tree(cloud_.positions, 3, tree_), fresh);
  expect_same(*first.ball_tree(cloud_.positions, 3, tree_), fresh);
  EXPECT_EQ(first.knn_graph(cloud_.positions, 3, 5, true)->source, graph.source);
  EXPECT_EQ(first.counts().built, 2);
  EXPECT_EQ(first.counts().memory_hits, 1);
  GeometryCache second(options());
  expect_same(*second.ball_tree(cloud_.positions, 3, tree_), fresh);
  const auto again = second.knn_graph(cloud_.positions, 3, 5, true);
  EXPECT_EQ(again->source, graph.source);
  EXPECT_EQ(again->receiver, graph.receiver);
  EXPECT_EQ(again->edges_per_point, graph.edges_per_point);
  EXPECT_EQ(second.counts().disk_hits, 2);
  EXPECT_EQ(second.counts().built, 0);
}

TEST_F(GeometryCacheTest, EveryParameterAndEveryCoordinateCounts) {
  GeometryCache cache(options());
  cache.ball_tree(cloud_.positions, 3, tree_);
  TreeOptions other = tree_;
  other.unit = 64;
  cache.ball_tree(cloud_.positions, 3, other);
  other = tree_;
  other.padding = Padding::Duplicate;
  cache.ball_tree(cloud_.positions, 3, other);
  test::Cloud moved = cloud_;
  moved.positions[77] += 1e-12;
  cache.ball_tree(moved.positions, 3, tree_);
  cache.knn_graph(cloud_.positions, 3, 5, true);
  cache.knn_graph(cloud_.positions, 3, 5, false);
  cache.knn_graph(cloud_.positions, 3, 6, false);
  EXPECT_EQ(cache.counts().built, 7);
  EXPECT_EQ(cache.counts().memory_hits + cache.counts().disk_hits, 0);
}

TEST_F(GeometryCacheTest, DamagedEntriesAreIgnoredAndWrittenAnew) {
  const BallTree fresh = build_ball_tree(cloud_.positions, 3, tree_);
  GeometryCache(options()).ball_tree(cloud_.positions, 3, tree_);
  const auto files = entries_in(options().folder);
  ASSERT_EQ(files.size(), 1U);
  std::ifstream in(files[0], std::ios::binary);
  const std::string intact{std::istreambuf_iterator<char>(in), {}};
  std::string flipped = intact;
  flipped[flipped.size() / 2] ^= 1;
  for (const std::string& damaged :
       {std::string(), std::string("junk"), intact.substr(0, intact.size() - 1), intact + "x", flipped}) {
    std::ofstream(files[0], std::ios::binary) << damaged;
    GeometryCache cache(options());
    expect_same(*cache.ball_tree(cloud_.positions, 3, tree_), fresh);
    EXPECT_EQ(cache.counts().built, 1);
    std::ifstream rewritten(files[0], std::ios::binary);
    EXPECT_EQ((std::string{std::istreambuf_iterator<char>(rewritten), {}}), intact);
  }
}

TEST_F(GeometryCacheTest, AnotherSamplesEntryUnderThisNameIsNotBelieved) {
  GeometryCache(options()).ball_tree(cloud_.positions, 3, tree_);
  const auto mine = entries_in(options().folder);
  ASSERT_EQ(mine.size(), 1U);
  const test::Cloud other = test::uniform_cloud(400);
  CacheOptions elsewhere = options();
  elsewhere.folder = scratch_.path() / "elsewhere";
  GeometryCache(elsewhere).ball_tree(other.positions, 3, tree_);
  fs::copy_file(entries_in(elsewhere.folder).at(0), mine[0], fs::copy_options::overwrite_existing);
  GeometryCache cache(options());
  EXPECT_EQ(cache.ball_tree(cloud_.positions, 3, tree_)->point_count, 500);
  EXPECT_EQ(cache.counts().built, 1);
}

TEST_F(GeometryCacheTest, StaysBelowItsSizeAndDropsTheOldest) {
  CacheOptions small = options();
  small.disk_bytes = 20000;  // an entry takes about 4.6 kB
  small.memory_bytes = 0;
  GeometryCache cache(small);
  for (unsigned seed = 0; seed < 8; ++seed) cache.ball_tree(test::uniform_cloud(500, 3, seed).positions, 3, tree_);
  std::uintmax_t bytes = 0;
  for (const auto& file : entries_in(small.folder)) bytes += fs::file_size(file);
  EXPECT_LE(bytes, small.disk_bytes);
  EXPECT_GT(bytes, small.disk_bytes / 2);
  cache.ball_tree(test::uniform_cloud(500, 3, 7).positions, 3, tree_);
  EXPECT_EQ(cache.counts().disk_hits, 1);
  cache.ball_tree(test::uniform_cloud(500, 3, 0).positions, 3, tree_);
  EXPECT_EQ(cache.counts().built, 9);
}

TEST_F(GeometryCacheTest, WorksWithoutADisk) {
  std::ofstream(scratch_.path() / "geometry") << "a file where the folder should be";
  GeometryCache cache(options());
  EXPECT_EQ(cache.ball_tree(cloud_.positions, 3, tree_)->point_count, 500);
  EXPECT_EQ(cache.ball_tree(cloud_.positions, 3, tree_)->point_count, 500);
  EXPECT_EQ(cache.counts().memory_hits, 1);
}

TEST_F(GeometryCacheTest, ErrorsAreThoseOfTheBuild) {
  GeometryCache cache(options());
  EXPECT_THROW(cache.ball_tree({}, 3, tree_), Error);
  tree_.unit = 3;
  EXPECT_THROW(cache.ball_tree(cloud_.positions, 3, tree_), Error);
  EXPECT_TRUE(entries_in(options().folder).empty());
}

TEST_F(GeometryCacheTest, TheEnvironmentChoosesFolderAndSwitchesOff) {
  const auto restore = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::pair<const char*, std::string>(name, value ? value : "");
  };
  const auto saved = {restore("XDG_CACHE_HOME"), restore("ERWINSCOPE_CACHE")};
  setenv("XDG_CACHE_HOME", scratch_.path().c_str(), 1);
  setenv("ERWINSCOPE_CACHE", "off", 1);
  CacheOptions off = CacheOptions::from_environment();
  EXPECT_EQ(off.folder, scratch_.path() / "erwinscope" / "geometry");
  EXPECT_FALSE(off.enabled);
  GeometryCache cache(off);
  cache.ball_tree(cloud_.positions, 3, tree_);
  EXPECT_TRUE(entries_in(off.folder).empty());
  unsetenv("ERWINSCOPE_CACHE");
  EXPECT_TRUE(CacheOptions::from_environment().enabled);
  for (const auto& [name, value] : saved) value.empty() ? unsetenv(name) : setenv(name, value.c_str(), 1);
}

}  // namespace
}  // namespace erwin
