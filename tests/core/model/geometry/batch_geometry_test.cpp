// A batch's geometry made from its positions alone is the one that comes with prepared samples, tensor by tensor.

#include "core/model/internal/batch_geometry.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/model/model.h"
#include "tests/core/model/unet/random_sample.h"

namespace erwin::model {
namespace {

using test::random_sample;

// What two batches are compared by, with names.
std::vector<std::pair<std::string, at::Tensor>> tensors_of(const Batch& batch) {
  std::vector<std::pair<std::string, at::Tensor>> tensors{{"slot_point", batch.slot_point},
                                                          {"point_slot", batch.point_slot},
                                                          {"edge_source", batch.edge_source},
                                                          {"edge_receiver", batch.edge_receiver},
                                                          {"receiver_offsets", batch.receiver_offsets},
                                                          {"source_order", batch.source_order},
                                                          {"source_offsets", batch.source_offsets}};
  for (std::size_t l = 0; l < batch.levels.size(); ++l) {
    const LevelGeometry& level = batch.levels[l];
    const std::string name = "level " + std::to_string(l) + " ";
    tensors.emplace_back(name + "positions", level.positions);
    tensors.emplace_back(name + "mask", level.mask);
    tensors.emplace_back(name + "real slots", level.real_slots);
    tensors.emplace_back(name + "rotated source", level.rotated.source);
    tensors.emplace_back(name + "rotated mask", level.rotated.mask);
    tensors.emplace_back(name + "rotated inverse", level.rotated.inverse);
  }
  return tensors;
}

void expect_same(const Batch& got, const Batch& expected) {
  const auto ours = tensors_of(got), theirs = tensors_of(expected);
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const auto& [name, tensor] = ours[i];
    const at::Tensor& other = theirs[i].second;
    ASSERT_EQ(tensor.defined(), other.defined()) << name;
    if (!tensor.defined()) continue;
    ASSERT_EQ(tensor.sizes(), other.sizes()) << name;
    ASSERT_EQ(tensor.scalar_type(), other.scalar_type()) << name;
    ASSERT_EQ(tensor.device(), other.device()) << name;
    EXPECT_TRUE(at::equal(tensor, other)) << name << ": " << (tensor != other).sum().item<std::int64_t>() << " of "
                                          << tensor.numel() << " numbers differ";
  }
  for (std::size_t l = 0; l < got.levels.size(); ++l) {
    EXPECT_EQ(got.levels[l].offsets, expected.levels[l].offsets);
    EXPECT_EQ(got.levels[l].real_offsets, expected.levels[l].real_offsets);
    EXPECT_EQ(got.levels[l].all_real, expected.levels[l].all_real);
    EXPECT_EQ(got.levels[l].has_rotated, expected.levels[l].has_rotated);
    EXPECT_EQ(got.levels[l].rotated.offsets, expected.levels[l].rotated.offsets);
  }
}

struct Case {
  std::string name;
  ModelConfig config;
  std::vector<std::int64_t> points;
};

std::vector<Case> cases() {
  ModelConfig unet = test::small_unet(), flat, plane;
  unet.rotate_degrees = 45;
  ModelConfig three = unet, duplicate = unet;
  three.unet.widths = {4, 8, 8};
  three.unet.ball_sizes = {16, 16, 8};
  three.unet.strides = {2, 4};
  three.unet.encoder_heads = {2, 2, 2};
  three.unet.decoder_heads = {2, 2};
  three.unet.encoder_depths = {2, 2, 2};
  three.unet.decoder_depths = {2, 2};
  duplicate.padding = Padding::Duplicate;
  flat.kind = ModelKind::ErwinNsa;
  flat.input_features = unet.input_features;
  flat.output_features = unet.output_features;
  flat.flat.ball_size = 64;
  flat.flat.depth = 2;
  flat.rotate_degrees = 45;
  flat.mp_steps = 1;
  flat.graph = {GraphKind::Knn, 40, false};  // more neighbours than the kernel holds
  plane = flat;
  plane.dimension = 2;
  plane.graph = {GraphKind::Knn, 8, true};
  return {{"two levels", unet, {100, 17, 333}}, {"three levels", three, {700, 40, 1500, 64}},
          {"one point", unet, {1, 2, 50}},      {"duplicate padding", duplicate, {100, 333, 64}},
          {"flat", flat, {130, 64, 3000}},      {"flat, plane", plane, {130, 5, 3000}}};
}

void compare_on(const at::Device& device) {
  for (const Case& given : cases()) {
    SCOPED_TRACE(given.name);
    std::vector<ModelSample> samples;
    for (std::size_t i = 0; i < given.points.size(); ++i)
      samples.push_back(random_sample(given.points[i], given.config, i));
    std::vector<const ModelSample*> pointers;
    for (const ModelSample& sample : samples) pointers.push_back(&sample);
    const Batch expected = make_batch(pointers, given.config, at::TensorOptions().dtype(at::kFloat).device(device));
    BatchTreeBuilder builder;
    for (int run = 0; run < 2; ++run) {  // the second finds its plans
      Batch batch;
      batch.features = expected.features;
      batch.positions = expected.positions;
      batch.point_offsets = expected.point_offsets;
      fill_geometry(batch, given.config, builder);
      expect_same(batch, expected);
    }
  }
}

TEST(BatchGeometry, IsThatOfPreparedSamples) {
  compare_on(at::kCPU);
}

TEST(BatchGeometry, IsThatOfPreparedSamples_cuda) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device here";
  compare_on(at::Device(at::kCUDA, 0));
}

// A sample that comes without graph and trees is answered like one that has them.
void compare_predictions(const std::string& device) {
  for (const Case& given : cases()) {
    SCOPED_TRACE(given.name);
    const Model model(given.config, 7, device);
    ModelSample sample = random_sample(given.points.back(), given.config, 1);
    const std::vector<float> expected = model.predict(sample).values;
    sample.trees = {};
    sample.edge_source.clear();
    sample.edge_receiver.clear();
    EXPECT_EQ(model.predict(sample).values, expected);
  }
}

TEST(BatchGeometry, AnswersSamplesWithoutTrees) {
  compare_predictions("cpu");
}

TEST(BatchGeometry, AnswersSamplesWithoutTrees_cuda) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device here";
  ASSERT_TRUE(Model(test::small_unet(), 7, "cuda").makes_geometry());
  compare_predictions("cuda");
}

TEST(BatchGeometry, DuplicatePaddingRefusesTooFewPoints) {
  ModelConfig config = test::small_unet();
  config.padding = Padding::Duplicate;
  Batch batch;
  batch.positions = at::zeros({3, 3});
  batch.point_offsets = {0, 3};
  BatchTreeBuilder builder;
  try {
    fill_geometry(batch, config, builder);
    FAIL() << "no error was raised";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Config);
  }
}

}  // namespace
}  // namespace erwin::model
