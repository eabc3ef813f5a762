#pragma once
// Planted truth for attention: clouds on which only a network that finds the right far-away place can be right.
//
// Clusters of points lie on two islands. Every cluster has a partner on the other island; the two share a code of eight
// numbers, drawn anew for every cloud, and each has a charge of its own. To be predicted is the partner's charge.
// Nothing near a point says anything about it: no chain of balls (of the tree and of the rotated tree) and edges of the
// neighbour graph leads from a cluster to its partner, so ball attention and message passing alone can do no better
// than 0, at any depth. That is checked for every cloud with the tree and graph of the network's own settings.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/data/point_cloud.h"
#include "core/generate/data_set.h"

namespace erwin::generate {

struct BeaconsOptions {
  SplitCounts counts{336, 16, 48};
  int clusters = 32;  // even, at least 4
  int points = 64;    // of a cluster
  std::uint64_t seed = 1;
  // Ball, block, selection, rotation and graph that the clouds are checked with; the data decide its features.
  ModelConfig model;
};

constexpr int beacon_code_size = 8;
// The highest chance that a block picked blindly is a given one: selected blocks over those to select from.
constexpr double most_chance = 0.15;

// Raises Error{Config}: numbers out of range, or a network that selects so many of the blocks that finding one proves
// nothing.
void check(const BeaconsOptions& options);

// Cloud `index` of a seed: of eight layouts out of reach the one whose blocks the trees cut most cleanly, since a block
// of two clusters is nobody's. Fields: "code" (8 components) and "charge", the inputs; "partner_charge", the target;
// the labels "cluster" and "partner" (the partner's cluster), which show the truth in a picture. Raises Error{Config}
// where the settings let a cluster see its partner in every one of many tries.
PointCloudPtr make_beacons(const BeaconsOptions& options, std::int64_t index, const Job& job = {});

// True where no chain of balls and graph edges of the network leads from any point to its partner cluster. The trees
// and the graph are built as for training, but not cached: nobody asks for a cloud that was thrown away again.
bool partners_out_of_reach(const PointCloud& cloud, const ModelConfig& model, const Job& job = {});

// All clouds, made in parallel, and the manifest, which keeps the positions as they are: the trees of training are
// those of the check. `command` goes into the manifest.
void write_beacons(const std::filesystem::path& file, const BeaconsOptions& options, const std::string& command,
                   const Job& job = {});

}  // namespace erwin::generate
