#include "core/generate/beacons_truth.h"

#include <map>
#include <utility>

#include "core/base/error.h"

namespace erwin::generate {

namespace {

// Points of a block by what is asked of them: how many of each (cluster, partner).
using Census = std::map<std::pair<float, float>, double>;

std::vector<Census> take_census(const LayerTap& layer, const PointCloud& cloud) {
  const std::span<const float> cluster = cloud.require_field("cluster").values();
  const std::span<const float> partner = cloud.require_field("partner").values();
  std::vector<Census> blocks(static_cast<std::size_t>(layer.blocks()));
  for (std::int64_t slot = 0; slot < layer.slots(); ++slot)
    for (std::int64_t at = layer.slot_point_begin[static_cast<std::size_t>(slot)];
         at < layer.slot_point_begin[static_cast<std::size_t>(slot) + 1]; ++at) {
      const auto point = static_cast<std::size_t>(layer.slot_points[static_cast<std::size_t>(at)]);
      blocks[static_cast<std::size_t>(slot / layer.block_size)][{cluster[point], partner[point]}] += 1;
    }
  return blocks;
}

// Blocks with a real point that a block may select.
double candidates(const std::vector<Census>& census, std::size_t block, const LayerTap& layer, Exclude exclude) {
  const auto group = [&](std::size_t b) {
    if (exclude == Exclude::Ball) return b / static_cast<std::size_t>(layer.ball_size / layer.block_size);
    return b;
  };
  double count = 0;
  for (std::size_t other = 0; other < census.size(); ++other)
    if (!census[other].empty() && (exclude == Exclude::None || group(other) != group(block))) count += 1;
  return count;
}

// Points of the cluster called `wanted` in a block.
double members(const Census& block, float wanted) {
  double sum = 0;
  for (auto at = block.lower_bound({wanted, -1}); at != block.end() && at->first.first == wanted; ++at)
    sum += at->second;
  return sum;
}

PartnerSelection look(const LayerTap& layer, const PointCloud& cloud, Exclude exclude) {
  PartnerSelection result{layer.layer, layer.name, layer.rotated};
  const std::vector<Census> census = take_census(layer, cloud);
  std::map<float, double> size;
  for (const Census& block : census)
    for (const auto& [who, count] : block) size[who.first] += count;
  double found = 0, pairs = 0, by_chance = 0, weights = 0;
  for (std::size_t block = 0; block < census.size(); ++block) {
    const double choices = candidates(census, block, layer, exclude);
    for (std::int64_t head = 0; head < layer.selected.size(1); ++head) {
      double selected = 0;
      for (const std::int32_t other : layer.selected.row({static_cast<std::int64_t>(block), head})) {
        if (other < 0) continue;
        selected += 1;
        for (const auto& [who, count] : census[block])
          found += count * members(census[static_cast<std::size_t>(other)], who.second);
      }
      for (const auto& [who, count] : census[block]) {
        pairs += count * size[who.second];
        weights += count;
        by_chance += choices > 0 ? count * selected / choices : 0;
      }
    }
  }
  if (pairs > 0) result.rate = found / pairs;
  if (weights > 0) result.chance = by_chance / weights;
  return result;
}

}  // namespace

std::vector<PartnerSelection> partner_selection(const Tap& tap, const PointCloud& cloud, Exclude exclude) {
  std::vector<PartnerSelection> layers;
  for (const LayerTap& layer : tap.layers)
    if (layer.kind == LayerKind::Nsa) layers.push_back(look(layer, cloud, exclude));
  return layers;
}

std::vector<PartnerSelection> mean_of(const std::vector<std::vector<PartnerSelection>>& clouds) {
  if (clouds.empty()) throw Error(ErrorKind::Internal, "the mean of no clouds");
  std::vector<PartnerSelection> mean = clouds.front();
  for (std::size_t layer = 0; layer < mean.size(); ++layer) {
    mean[layer].rate = mean[layer].chance = 0;
    for (const auto& cloud : clouds) {
      mean[layer].rate += cloud.at(layer).rate / static_cast<double>(clouds.size());
      mean[layer].chance += cloud.at(layer).chance / static_cast<double>(clouds.size());
    }
  }
  return mean;
}

}  // namespace erwin::generate
