#pragma once
// Clouds that tree tests share: ordinary ones and the awkward ones.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace erwin::test {

struct Cloud {
  std::string name;
  int dimension;
  std::vector<double> positions;
  std::int64_t points() const { return static_cast<std::int64_t>(positions.size()) / dimension; }
};

inline Cloud uniform_cloud(std::int64_t points, int dimension = 3, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> coordinate(-1, 1);
  Cloud cloud{"uniform " + std::to_string(points), dimension,
              std::vector<double>(static_cast<std::size_t>(points * dimension))};
  for (double& x : cloud.positions) x = coordinate(random);
  return cloud;
}

// Tight clusters and one far outlier, which squeezes all else into a sliver of the range.
inline Cloud clustered_cloud(std::int64_t points) {
  std::mt19937 random(7);
  std::normal_distribution<float> offset(0, 0.01F);
  Cloud cloud = uniform_cloud(points);
  cloud.name = "clustered " + std::to_string(points);
  for (std::size_t i = 3; i < cloud.positions.size(); ++i)
    cloud.positions[i] = static_cast<float>(std::round(2 * cloud.positions[i])) + offset(random);
  cloud.positions[0] = 1e9;
  return cloud;
}

inline Cloud collinear_cloud(std::int64_t points) {
  Cloud cloud = uniform_cloud(points);
  cloud.name = "collinear " + std::to_string(points);
  for (std::int64_t i = 0; i < points; ++i) {
    double* const x = cloud.positions.data() + 3 * i;
    x[1] = 2 * x[0];
    x[2] = -3;
  }
  return cloud;
}

inline Cloud all_equal_cloud(std::int64_t points) {
  return {"all equal " + std::to_string(points), 3, std::vector<double>(static_cast<std::size_t>(3 * points), 0.1)};
}

// A grid with every point twice: ties on every axis and coincident points.
inline Cloud doubled_grid(int side) {
  Cloud cloud{"doubled grid " + std::to_string(side), 3, {}};
  for (int copy = 0; copy < 2; ++copy)
    for (int x = 0; x < side; ++x)
      for (int y = 0; y < side; ++y)
        for (int z = 0; z < side; ++z)
          cloud.positions.insert(cloud.positions.end(), {double(x), double(y), z == 0 ? -0.0 : double(z)});
  return cloud;
}

inline std::vector<Cloud> awkward_clouds() {
  std::vector<Cloud> clouds{uniform_cloud(1),    uniform_cloud(2),      uniform_cloud(3, 1),   uniform_cloud(777, 2),
                            uniform_cloud(5000), clustered_cloud(3001), collinear_cloud(1500), all_equal_cloud(300),
                            doubled_grid(9),     uniform_cloud(1025)};
  Cloud flat = uniform_cloud(2500);
  flat.name = "flat";
  for (std::size_t i = 2; i < flat.positions.size(); i += 3) flat.positions[i] = 0;
  clouds.push_back(flat);
  Cloud huge = uniform_cloud(400);
  huge.name = "huge coordinates";
  for (double& x : huge.positions) x *= 1.7e308;
  clouds.push_back(huge);
  return clouds;
}

// The same points in another order; new_id[i] is where point i went.
inline Cloud shuffled(const Cloud& cloud, std::vector<std::int32_t>& new_id, unsigned seed = 3) {
  new_id.resize(static_cast<std::size_t>(cloud.points()));
  std::iota(new_id.begin(), new_id.end(), 0);
  std::shuffle(new_id.begin(), new_id.end(), std::mt19937(seed));
  Cloud result = cloud;
  const auto d = static_cast<std::size_t>(cloud.dimension);
  for (std::size_t i = 0; i < new_id.size(); ++i)
    std::copy_n(cloud.positions.data() + i * d, d, result.positions.data() + static_cast<std::size_t>(new_id[i]) * d);
  return result;
}

}  // namespace erwin::test
