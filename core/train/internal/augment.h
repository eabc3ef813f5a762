#pragma once
// A sample seen differently: its points in another order, turned in space. Every choice follows from (seed, how many
// samples were drawn before), so a resumed run sees what an unbroken one would.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/data/point_cloud.h"
#include "core/model/sample.h"
#include "core/train/internal/random.h"

namespace erwin::train {

// Columns of a sample's features or targets that turn with it.
struct VectorColumns {
  std::size_t first = 0;      // column
  Standard standard;          // empty: the numbers are raw
  bool about_centre = false;  // places turn about the sample's centre, directions about nothing
};

struct Augmentation {
  std::uint64_t seed = 0;
  bool shuffle_points = false;
  std::string rotate_points = "none";
  std::vector<VectorColumns> features, targets;

  bool any() const { return shuffle_points || rotate_points != "none"; }
};

// From the options and the kinds of the cloud's quantities. Raises Error{Config} where rotation is asked for and cannot
// be done: 2-D points about x, y or any axis, quantities of other components than scalars and vectors of the space.
Augmentation make_augmentation(std::uint64_t seed, bool shuffle_points, const std::string& rotate_points,
                               const SampleRecipe& recipe, const PointCloud& cloud, int dimension);

// The sample that is drawn as number `drawn`. A rotated one gets its own graph and trees, outside the caches.
ModelSample augmented(const ModelSample& sample, const Augmentation& augmentation, const SampleRecipe& recipe,
                      const ModelConfig& config, std::int64_t drawn, const Job& job);

// The points of a sample in another order: new point j is old point order[j]. Graph and trees are relabelled, not built
// anew: they do not depend on the order.
ModelSample reordered(const ModelSample& sample, const std::vector<std::int32_t>& order, Padding padding);

// The sample turned by a rotation matrix (3 x 3, row-major, for column vectors; of 2-D points the upper left of a
// rotation about z) in raw units about the mean of its points.
ModelSample turned(const ModelSample& sample, const std::array<double, 9>& rotation, const Augmentation& augmentation,
                   const SampleRecipe& recipe, const ModelConfig& config, const Job& job);

// about: "x", "y", "z": any angle about that axis; "any": uniform over all rotations.
std::array<double, 9> random_rotation(const std::string& about, Random& random);

}  // namespace erwin::train
