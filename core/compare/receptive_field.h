#pragma once
// How far a trained network looks: which points of a cloud its output at one point depends on (method 3.5, 8.4).

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/job.h"
#include "core/model/model.h"

namespace erwin {

// influence[i]: the sum of the squares of d output(point) / d features(i), over the output's components and the
// features that enter the backbone (after the positional encoding: Fourier features, or the Linear before `erwin`).
// The sample needs its trees. Changes the gradients that the network's parameters hold. Raises what Model::predict
// raises.
std::vector<double> influence_on(Model& model, const ModelSample& sample, std::int64_t point);

// One output's influences as numbers.
struct ReceptiveField {
  double points = 0;     // of the cloud
  double published = 0;  // points with an influence above 1e-10, as the authors count: depends on the network's scale
  double reached = 0;    // points with any influence at all
  // The smallest share of the cloud's points that holds 50, 90 and 99 % of all influence: no threshold, no scale.
  double share_50 = 0, share_90 = 0, share_99 = 0;
};
ReceptiveField measure_field(std::span<const double> influence);

// The mean over `points_each` points of every sample, drawn with the seed.
ReceptiveField mean_field(Model& model, const std::vector<const ModelSample*>& samples, int points_each,
                          std::uint64_t seed, const Job& job = {});

}  // namespace erwin
