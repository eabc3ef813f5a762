#pragma once
// Does a network look where the planted truth of beacons.h lies?

#include <string>
#include <vector>

#include "core/attention/tap.h"
#include "core/config/model_config.h"
#include "core/data/point_cloud.h"

namespace erwin::generate {

// How often one layer selects the partner.
struct PartnerSelection {
  int layer = 0;
  std::string name;
  bool rotated = false;
  double rate = 0;    // the share of all pairs (point, point of its partner) whose block was selected by the point's
  double chance = 0;  // what the rate would be on average if the same number of blocks were drawn blindly
  double ratio() const { return chance > 0 ? rate / chance : 0; }
};

// One entry per layer with a selection, from the record of a cloud that make_beacons made. exclude: what a block cannot
// select of its surroundings, as the network was configured. Raises Error{Config} where the cloud has no labels
// "cluster" and "partner".
std::vector<PartnerSelection> partner_selection(const Tap& tap, const PointCloud& cloud, Exclude exclude);

// The mean over clouds, layer by layer; all must have the same layers.
std::vector<PartnerSelection> mean_of(const std::vector<std::vector<PartnerSelection>>& clouds);

}  // namespace erwin::generate
