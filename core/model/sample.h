#pragma once
// One sample as a network takes it: standardised numbers, a graph and the trees. No Torch here.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/data/point_cloud.h"
#include "core/dataset/dataset.h"
#include "core/tree/ball_tree.h"

namespace erwin {

// What turns a cloud into a network's input; part of every checkpoint.
struct SampleRecipe {
  std::vector<std::string> inputs{"position"};  // "position" or field names, in the order of the features' columns
  std::string target;                           // field to predict; may be empty
  Normalisation normalisation;
};

// The trees of one sample in model space. `rotated[l]` is null where the network never runs rotated at level l.
struct SampleTrees {
  BallTreePtr main;
  std::vector<BallTreePtr>
      rotated;  // per pooled level; its points are the level's real nodes in slot order (level 0: the points)
};

struct ModelSample {
  std::string name;
  std::int64_t points = 0;
  std::vector<float> positions;  // [n, d] standardised, float32 as the network sees them
  std::vector<float> features;   // [n, c] standardised
  std::vector<float> targets;    // [n, o] standardised; empty where the cloud has no target
  // Empty and null where the network's device makes them (Model::makes_geometry); edges along lines are always here.
  std::vector<std::int32_t> edge_source, edge_receiver;
  SampleTrees trees;
};

// The trees that a network of this configuration needs, from standardised positions [n, d] (through the cache of
// core/tree, or around it for positions that are seen only once). Raises Error{Config} where the cloud is too small for
// duplicate padding, Error{Format} for non-finite positions.
SampleTrees make_sample_trees(std::span<const float> positions, const ModelConfig& config, const Job& job = {},
                              bool cached = true);

// Standardises and, unless the network's device is to do it, builds graph and trees (through the cache of core/tree).
// Raises Error{Config} where a field is missing
// or its components do not fit the network (`cached` as above), Error{Format} where an input or target is not finite
// (field, point id).
ModelSample prepare_sample(const PointCloud& cloud, std::int64_t frame, const SampleRecipe& recipe,
                           const ModelConfig& config, const Job& job = {}, bool with_geometry = true,
                           bool cached = true);

}  // namespace erwin
