#pragma once
// The exact k-nearest-neighbour graph that message passing runs on (method 8.2).

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/job.h"

namespace erwin {

// Edge e: the message goes from source[e] to receiver[e]. Edges are sorted by receiver; every receiver has the same
// number of them, its nearest source first.
struct KnnGraph {
  std::vector<std::int32_t> source, receiver;
  std::int64_t edges_per_point = 0;
};

// k edges per point: with self_loop the point itself (its first edge) and k - 1 others, without it k others; fewer
// where the cloud has fewer points. Nearest by (distance, coordinates, id), so coincident points make no difference
// between runs, threads or orders of the points. positions: [n, dimension] finite. Raises Error{Config} for k < 1 or a
// dimension other than 2 or 3, Error{Memory} where the edges do not fit, Error{Cancelled}.
KnnGraph build_knn_graph(std::span<const double> positions, int dimension, int k, bool self_loop, const Job& job = {});

}  // namespace erwin
