#include "core/model/record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "core/attention/attention_query.h"
#include "core/attention/contribution.h"
#include "core/attention/direction.h"
#include "core/attention/matrix.h"
#include "core/attention/rollout.h"
#include "core/attention/summary.h"
#include "core/base/error.h"
#include "core/io/internal/hdf5.h"
#include "core/io/write.h"
#include "core/model/predict.h"
#include "tests/core/model/what_if/support.h"
#include "tests/support/example_record.h"
#include "tests/support/shared_data.h"

namespace erwin {

namespace {

namespace fs = std::filesystem;

ErrorKind kind_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_FALSE(error.message().empty());
    return error.kind();
  }
  ADD_FAILURE() << "no error was raised";
  return ErrorKind::Internal;
}

// A record of three points written by hand, with one thing done to it.
fs::path hand_made(const fs::path& folder, const std::function<void(h5::File&)>& finish) {
  const fs::path path = folder / "hand.h5";
  h5::File file = h5::File::create(path);
  file.set_int("/", "format", 1);
  file.write("/samples/a/positions", {3, 3}, std::span<const float>(std::vector<float>{0, 0, 0, 1, 0, 0, 0, 1, 0}));
  file.set_int("/samples/a", "dimension", 3);
  file.make_group("/attention/0");
  file.set_int("/attention", "layers", 1);
  file.set_int("/attention/0", "layer", 0);
  file.set_int("/attention/0", "heads", 2);
  file.set_text("/attention/0", "name", "by hand");
  file.set_text("/attention/0", "kind", "weights");
  finish(file);
  file.close();
  return path;
}

template <typename T>
void put(h5::File& file, const std::string& name, std::vector<std::int64_t> shape, const std::vector<T>& values) {
  file.write("/attention/0/" + name, shape, std::span<const T>(values));
}

void put_rows(h5::File& file) {
  put<std::int64_t>(file, "weight_begin", {4}, {0, 2, 2, 3});
  put<std::int32_t>(file, "weight_key", {3}, {1, 2, 0});
  put<float>(file, "weight", {3, 2}, {0.25F, 1, 0.75F, 0, 0.5F, 0.25F});
}

}  // namespace

TEST(Record, OursComesBackAsItWas) {
  const test::ScratchFolder scratch;
  for (const ModelConfig& config : {test::nsa_config(), test::unet_config(), test::flat_config(ModelKind::Full)}) {
    const PointCloudPtr cloud = test::make_cloud(150, 5);
    const Predictor predictor(test::make_checkpoint(config));
    const TapPtr tap = predictor.run(*cloud, 0, TapRequest{.all_layers = true, .layers = {}}).tap;
    const fs::path path = scratch.path() / "record.h5";
    save_record(path, "cloud", cloud, *tap);
    EXPECT_TRUE(is_record(path));
    const AttentionRecord record = load_record(path);
    EXPECT_EQ(record.sample, "cloud");
    EXPECT_NE(record.generator.find("erwinscope"), std::string::npos);
    ASSERT_EQ(record.tap->layers.size(), tap->layers.size());
    EXPECT_TRUE(std::ranges::equal(record.cloud->positions(), cloud->positions()));
    EXPECT_TRUE(record.cloud->field("heat"));
    for (const LayerTap& layer : tap->layers)
      for (const std::int64_t point : {0, 77}) {
        const AttentionQuery query{.layer = layer.layer, .point = point};
        EXPECT_EQ(attention_row(*record.tap, query).points, attention_row(*tap, query).points) << layer.name;
      }
    EXPECT_EQ(rollout(*record.tap, {.point = 9}).back().points, rollout(*tap, {.point = 9}).back().points);
  }
}

TEST(Record, RowsAsListsAreShownAsTheyAre) {
  const test::ScratchFolder scratch;
  const AttentionRecord record = load_record(hand_made(scratch.path(), put_rows));
  const AttentionRow row = attention_row(*record.tap, {.layer = 0, .head = -1, .point = 0});
  EXPECT_EQ(row.points, (std::vector<float>{0, 0.625F, 0.375F}));
  EXPECT_NEAR(row.sum(), 1, 1e-9);
  EXPECT_NEAR(attention_row(*record.tap, {.layer = 0, .head = 1, .point = 2}).sum(), 0.25, 1e-9);
  EXPECT_EQ(attention_row(*record.tap, {.layer = 0, .point = 1}).sum(), 0);
  const AttendedBy who = attended_by(*record.tap, {.layer = 0, .head = 0, .points = {2}});
  EXPECT_EQ(who.points, (std::vector<float>{0.75F, 0, 0}));
  const LayerTap& layer = record.tap->layers.front();
  MatrixRequest request{.layer = 0, .rows = axis_of_size(layer, 3), .columns = axis_of_size(layer, 1)};
  for (const int blocks : {0, 1}) {
    request.blocks_per_row = blocks;
    const AttentionMatrix matrix = attention_matrix(*record.tap, request);
    EXPECT_NEAR(matrix.cells[0], 0.375F / 3, 1e-6);
    EXPECT_NEAR(matrix.cells[1], 0.625F / 3, 1e-6);
    EXPECT_NEAR(matrix.cells[2], 0.375F / 3, 1e-6);
  }
  const auto steps = rollout(*record.tap, {.point = 0});
  EXPECT_NEAR(steps.front().points[0], 0.5, 1e-6);
  EXPECT_NEAR(steps.front().points[1], 0.3125, 1e-6);
  EXPECT_EQ(summarise(*record.tap, record.cloud->positions(), "", {}).front().field("received")->value(1), 0.625);
  EXPECT_EQ(kind_of([&] { contributions(*record.tap, {.layer = 0, .point = 0, .direction = {}}); }), ErrorKind::Config);
}

TEST(Record, TheExampleWithNumpyOpens) {
  const test::ScratchFolder scratch;
  const fs::path path = test::write_example_record(scratch.path());
  if (path.empty()) GTEST_SKIP() << test::no_numpy;
  const AttentionRecord record = load_record(path);
  ASSERT_EQ(record.tap->layers.size(), 2U);
  EXPECT_EQ(record.generator, "record_example.py");
  EXPECT_EQ(record.cloud->size(), 200);
  // The lists keep the 16 nearest of softmax(-slope distance): the point itself comes first.
  const AttentionRow near = attention_row(*record.tap, {.layer = 0, .head = 3, .point = 7});
  EXPECT_EQ(std::count_if(near.points.begin(), near.points.end(), [](float w) { return w > 0; }), 16);
  EXPECT_EQ(std::max_element(near.points.begin(), near.points.end()) - near.points.begin(), 7);
  const AttentionRow everywhere = attention_row(*record.tap, {.layer = 1, .point = 7});
  EXPECT_NEAR(everywhere.sum(), 1, 1e-9);
  EXPECT_TRUE(std::all_of(everywhere.points.begin(), everywhere.points.end(), [](float w) { return w > 0; }));
}

TEST(Record, HostileFilesAreRefused) {
  const test::ScratchFolder scratch;
  const auto refused = [&](const std::function<void(h5::File&)>& finish) {
    const fs::path path = hand_made(scratch.path(), finish);
    return kind_of([&] { load_record(path); });
  };
  const std::vector<std::function<void(h5::File&)>> attempts{
      [](h5::File&) {},  // no rows at all
      [](h5::File& file) {
        put_rows(file);
        file.set_int("/attention", "layers", 2);  // of which one is there
      },
      [](h5::File& file) {
        put_rows(file);
        file.set_int("/attention", "version", 2);
      },
      [](h5::File& file) {
        put_rows(file);
        file.set_int("/attention/0", "heads", 3);
      },
      [](h5::File& file) {
        put_rows(file);
        file.set_int("/attention/0", "heads", std::int64_t{1} << 40);
      },
      [](h5::File& file) {
        put_rows(file);
        file.set_text("/attention/0", "kind", "mystery");
      },
      [](h5::File& file) {
        put<std::int64_t>(file, "weight_begin", {4}, {0, 2, 1, 3});
        put<std::int32_t>(file, "weight_key", {3}, {1, 2, 0});
        put<float>(file, "weight", {3, 2}, {0, 0, 0, 0, 0, 0});
      },
      [](h5::File& file) {
        put<std::int64_t>(file, "weight_begin", {4}, {0, 2, 2, 3});
        put<std::int32_t>(file, "weight_key", {3}, {1, 3, 0});  // slot 3 of 3
        put<float>(file, "weight", {3, 2}, {0, 0, 0, 0, 0, 0});
      },
      [](h5::File& file) {
        put<std::int64_t>(file, "weight_begin", {4}, {0, 2, 2, 3});
        put<std::int32_t>(file, "weight_key", {3}, {1, 2, 0});
        put<float>(file, "weight", {3, 2}, {0, 0, -1, 0, 0, 0});
      },
      [](h5::File& file) {
        put<std::int64_t>(file, "weight_begin", {4}, {0, 2, 2, 3});
        put<std::int32_t>(file, "weight_key", {3}, {1, 2, 0});
        put<float>(file, "weight", {3, 2}, {0, 0, NAN, 0, 0, 0});
      },
      [](h5::File& file) {
        put<std::int64_t>(file, "weight_begin", {4}, {0, 2, 2, 3});
        put<std::int32_t>(file, "weight_key", {3}, {1, 2, 0});  // and no weights
      },
      [](h5::File& file) {
        put_rows(file);
        put<std::int64_t>(file, "slot_point_begin", {4}, {0, 1, 2, 3});
        put<std::int32_t>(file, "slot_points", {3}, {0, 1, 3});  // point 3 of 3
      },
      [](h5::File& file) {
        put_rows(file);
        put<std::int64_t>(file, "slot_point_begin", {4}, {0, 3, 2, 3});
        put<std::int32_t>(file, "slot_points", {3}, {0, 1, 2});
      },
      [](h5::File& file) {
        put_rows(file);
        put<std::int32_t>(file, "point_slot", {3}, {0, 1, 7});
      },
      [](h5::File& file) {  // queries of full attention with a ball that is none
        file.set_text("/attention/0", "kind", "full");
        file.set_int("/attention/0", "kv_heads", 2);
        file.set_int("/attention/0", "head_dim", 1);
        file.set_int("/attention/0", "ball_size", 2);
        file.set_int("/attention/0", "block_size", 0);
        file.set_int("/attention/0", "pool_level", 0);
        for (const char* name : {"local_q", "local_k", "local_v"})
          put<float>(file, name, {3, 2, 1}, std::vector<float>(6));
      }};
  for (std::size_t i = 0; i < attempts.size(); ++i) EXPECT_EQ(refused(attempts[i]), ErrorKind::Format) << i;
}

TEST(Record, OtherFilesAreNotRecords) {
  const test::ScratchFolder scratch;
  io::write(scratch.path() / "cloud.h5", {{"a", test::make_cloud(10, 1)}});
  std::ofstream(scratch.path() / "text.h5") << "no";
  EXPECT_FALSE(is_record(scratch.path() / "cloud.h5"));
  EXPECT_FALSE(is_record(scratch.path() / "text.h5"));
  EXPECT_FALSE(is_record(scratch.path()));
  EXPECT_EQ(kind_of([&] { load_record(scratch.path() / "cloud.h5"); }), ErrorKind::Format);
  EXPECT_EQ(kind_of([&] { load_record(scratch.path() / "nothing.h5"); }), ErrorKind::Io);
}

}  // namespace erwin
