// One thread per slot walks its cloud's tree from the root, nearer child first, and leaves out what cannot hold a
// nearer point. Bounds are computed in the very steps of distances, and rounding is monotone, so no bound exceeds the
// distance of a point in its box. Ties are settled by lexical rank, of which every node knows its lowest: also a cloud
// of coincident points is searched in logarithmic time.

#include <cuda_runtime.h>

#include <limits>

#include "kernels/common/launch.cuh"
#include "kernels/knn/knn.h"

namespace erwin::kernels {

namespace {

constexpr int threads = 128;
constexpr int bucket_height = 3;  // nodes of up to 8 slots are looked through
constexpr int most_depth = 32;
constexpr std::int32_t no_rank = 0x7fffffff;
constexpr double infinity = std::numeric_limits<double>::infinity();

// A real point in slot order, or padding.
struct alignas(16) Slot {
  double x[3];
  std::int32_t rank;  // no_rank: padding
};

// The box of a node's points and the lowest of their ranks; no_rank: no points.
struct alignas(16) Box {
  double low[3], high[3];
  std::int32_t first_rank;
};

// A node by height above the slots and number: among all of its height up to the units, above them within its cloud.
struct Place {
  std::int32_t height, i;
};

struct Trees {
  std::int64_t slots;
  int unit_height, bucket, clouds;  // bucket: height of the lowest boxes
  const BallNodesPlan::Cloud* table;
  Slot* slot;             // [slots]
  Box* box;               // nodes of the plan from height `bucket` on
  std::int32_t* by_rank;  // [points]

  __host__ __device__ std::int64_t height_at(int height) const { return (2 * slots >> bucket) - (2 * slots >> height); }
  __device__ int level_of(const BallNodesPlan::Cloud& cloud, const Place& place) const {
    return cloud.levels - (place.height - unit_height);
  }
  // Number of a node's box.
  __device__ std::int64_t box_of(const BallNodesPlan::Cloud& cloud, const Place& place) const {
    if (place.height <= unit_height) return height_at(place.height) + place.i;
    const std::int64_t before = 2 * slots - (2 * slots >> bucket);  // nodes below the buckets have no box
    return cloud.upper_at - before + (std::int64_t{1} << level_of(cloud, place)) - 1 + place.i;
  }
  // The first child and how many there are.
  __device__ Place children_of(const BallNodesPlan::Cloud& cloud, const Place& place, int& count) const {
    count = 2;
    if (place.height != unit_height + 1) return {place.height - 1, 2 * place.i};
    std::int32_t first = 0, units = cloud.units;
    for (int bit = level_of(cloud, place) - 1; bit >= 0; --bit) {
      const std::int32_t left = units / 2;
      if (place.i >> bit & 1) {
        first += left;
        units -= left;
      } else {
        units = left;
      }
    }
    count = units;
    return {unit_height, cloud.unit_begin + first};
  }
  __device__ Place root_of(const BallNodesPlan::Cloud& cloud) const {
    return {unit_height + cloud.levels, cloud.levels == 0 ? cloud.unit_begin : 0};
  }
};

__device__ std::int64_t thread_index() {
  return std::int64_t{blockIdx.x} * threads + threadIdx.x;
}

__global__ void fill_slots(KnnCudaParams params, Trees trees) {
  const std::int64_t i = thread_index();
  if (i >= trees.slots) return;
  Slot slot{{0, 0, 0}, no_rank};
  if (params.slot_mask[i]) {
    const std::int32_t point = params.slot_point[i];
    for (int a = 0; a < params.dimension; ++a) slot.x[a] = params.positions[std::int64_t{point} * params.dimension + a];
    slot.rank = params.lexical_rank[point];
    trees.by_rank[slot.rank] = point;
  }
  trees.slot[i] = slot;
}

__device__ Box empty_box() {
  return {{infinity, infinity, infinity}, {-infinity, -infinity, -infinity}, no_rank};
}

__device__ void widen(Box& box, const double* low, const double* high, std::int32_t first_rank) {
  for (int a = 0; a < 3; ++a) {
    box.low[a] = fmin(box.low[a], low[a]);
    box.high[a] = fmax(box.high[a], high[a]);
  }
  box.first_rank = min(box.first_rank, first_rank);
}

__global__ void box_buckets(Trees trees) {
  const std::int64_t i = thread_index();
  if (i >= trees.slots >> trees.bucket) return;
  Box box = empty_box();
  for (std::int64_t s = i << trees.bucket; s < (i + 1) << trees.bucket; ++s) {
    const Slot& slot = trees.slot[s];
    if (slot.rank != no_rank) widen(box, slot.x, slot.x, slot.rank);
  }
  trees.box[i] = box;
}

__device__ void box_node(const Trees& trees, const BallNodesPlan::Cloud& cloud, const Place& place) {
  int count = 0;
  Place child = trees.children_of(cloud, place, count);
  Box box = empty_box();
  for (; count > 0; --count, ++child.i) {
    const Box& part = trees.box[trees.box_of(cloud, child)];
    widen(box, part.low, part.high, part.first_rank);
  }
  trees.box[trees.box_of(cloud, place)] = box;
}

__global__ void box_below_units(Trees trees, int height) {
  const std::int64_t i = thread_index();
  if (i < trees.slots >> height) box_node(trees, {}, {height, static_cast<std::int32_t>(i)});
}

__global__ void box_above_units(Trees trees, int height) {
  const std::int64_t i = thread_index();
  for (int c = static_cast<int>(blockIdx.y); c < trees.clouds; c += static_cast<int>(gridDim.y)) {
    const BallNodesPlan::Cloud cloud = trees.table[c];
    const Place place{height, static_cast<std::int32_t>(i)};
    const int level = trees.level_of(cloud, place);
    if (level >= 0 && i < std::int64_t{1} << level) box_node(trees, cloud, place);
  }
}

__device__ double squared_length(double x, double y, double z) {
  return __dadd_rn(__dadd_rn(__dmul_rn(x, x), __dmul_rn(y, y)), __dmul_rn(z, z));
}

// A point, or the lowest that a node may hold: distance, then rank. Points that coincide with the query have distance
// -1, before any other whose squared distance is rounded to 0.
struct Candidate {
  double distance;
  std::int32_t rank;
  __device__ bool operator<(const Candidate& other) const {
    return distance < other.distance || (distance == other.distance && rank < other.rank);
  }
};

__device__ Candidate candidate_of(const Slot& query, const Slot& slot) {
  const double x = query.x[0] - slot.x[0], y = query.x[1] - slot.x[1], z = query.x[2] - slot.x[2];
  return {x == 0 && y == 0 && z == 0 ? -1.0 : squared_length(x, y, z), slot.rank};
}

__device__ Candidate bound_of(const Slot& query, const Box& box) {
  if (box.first_rank == no_rank) return {infinity, no_rank};
  double d[3];
  for (int a = 0; a < 3; ++a) d[a] = fmax(fmax(box.low[a] - query.x[a], query.x[a] - box.high[a]), 0.0);
  return {d[0] == 0 && d[1] == 0 && d[2] == 0 ? -1.0 : squared_length(d[0], d[1], d[2]), box.first_rank};
}

// The nearest so far, in order, in registers. Of K places the first ones that are not wanted are taken by what nothing
// can displace.
template <int K>
struct Nearest {
  Candidate found[K];
  __device__ explicit Nearest(int wanted) {
#pragma unroll
    for (int j = 0; j < K; ++j) {
      found[j].distance = j < K - wanted ? -infinity : infinity;
      found[j].rank = no_rank;
    }
  }
  __device__ bool would_take(const Candidate& candidate) const {
    return candidate < found[K - 1];
  }
  __device__ void take(const Candidate& candidate) {
    bool here = true;  // it comes before the one at j
#pragma unroll
    for (int j = K - 1; j > 0; --j) {
      const bool further = candidate < found[j - 1];
      if (further)
        found[j] = found[j - 1];
      else if (here)
        found[j] = candidate;
      here = further;
    }
    if (here) found[0] = candidate;
  }
};

template <int K>
__device__ void search(const Trees& trees, const BallNodesPlan::Cloud& cloud, const Slot& query, Nearest<K>& nearest) {
  struct Pending {
    Candidate bound;
    Place place;
  };
  Pending pending[most_depth];
  int count = 0;
  Place place = trees.root_of(cloud);
  while (true) {
    while (place.height > trees.bucket) {
      int children = 0;
      Place near = trees.children_of(cloud, place, children), far = near;
      if (children == 2) {
        ++far.i;
        Candidate near_bound = bound_of(query, trees.box[trees.box_of(cloud, near)]),
                  far_bound = bound_of(query, trees.box[trees.box_of(cloud, far)]);
        if (far_bound < near_bound) {
          const Place other = near;
          near = far;
          far = other;
          const Candidate other_bound = near_bound;
          near_bound = far_bound;
          far_bound = other_bound;
        }
        if (!nearest.would_take(near_bound)) break;
        if (nearest.would_take(far_bound)) pending[count++] = {far_bound, far};
      }
      place = near;
    }
    if (place.height == trees.bucket)
      for (std::int64_t s = std::int64_t{place.i} << trees.bucket; s < std::int64_t{place.i + 1} << trees.bucket; ++s) {
        const Slot slot = trees.slot[s];
        if (slot.rank == no_rank || slot.rank == query.rank) continue;
        const Candidate candidate = candidate_of(query, slot);
        if (nearest.would_take(candidate)) nearest.take(candidate);
      }
    do {
      if (count == 0) return;
      --count;
    } while (!nearest.would_take(pending[count].bound));
    place = pending[count].place;
  }
}

template <int K>
__global__ void __launch_bounds__(threads) find_nearest(KnnCudaParams params, Trees trees, bool self_loop) {
  const std::int64_t i = thread_index();
  if (i >= trees.slots) return;
  const Slot query = trees.slot[i];
  if (query.rank == no_rank) return;
  const auto unit = static_cast<std::int32_t>(i >> trees.unit_height);
  std::int32_t low = 0, high = trees.clouds;
  while (high - low > 1) {
    const std::int32_t middle = (low + high) / 2;
    if (trees.table[middle].unit_begin <= unit)
      low = middle;
    else
      high = middle;
  }
  const KnnCloud cloud = params.clouds[low];
  Nearest<K> nearest(cloud.others);
  if (cloud.others > 0) search(trees, trees.table[low], query, nearest);
  const std::int32_t point = params.slot_point[i];
  std::int64_t edge = cloud.edge_begin + std::int64_t{point - cloud.point_begin} * (cloud.others + self_loop);
  if (self_loop) {
    params.source[edge] = params.receiver[edge] = point;
    ++edge;
  }
#pragma unroll
  for (int j = 0; j < K; ++j) {
    if (j < K - cloud.others) continue;
    params.source[edge] = trees.by_rank[nearest.found[j].rank];
    params.receiver[edge] = point;
    ++edge;
  }
}

unsigned blocks_for(std::int64_t count) {
  return static_cast<unsigned>(divide_up(count, threads));
}

std::size_t cut(void* memory, const KnnPlan& plan, const BallNodesPlan& nodes, Trees& trees) {
  trees.slots = nodes.slots;
  trees.unit_height = nodes.unit_height;
  trees.bucket = nodes.unit_height < bucket_height ? nodes.unit_height : bucket_height;
  trees.clouds = static_cast<int>(nodes.clouds.size());
  Workspace workspace(memory);
  trees.slot = workspace.take<Slot>(nodes.slots);
  trees.box = workspace.take<Box>(nodes.nodes - nodes.height_at(trees.bucket));
  trees.by_rank = workspace.take<std::int32_t>(plan.points);
  return workspace.size();
}

template <int K>
void launch_search(const KnnPlan& plan, const KnnCudaParams& params, const Trees& trees, cudaStream_t stream) {
  find_nearest<K><<<blocks_for(trees.slots), threads, 0, stream>>>(params, trees, plan.self_loop);
}

}  // namespace

std::size_t knn_workspace(const KnnPlan& plan, const BallNodesPlan& nodes) {
  Trees trees{};
  return cut(nullptr, plan, nodes, trees);
}

int knn_cuda(const KnnPlan& plan, const BallNodesPlan& nodes, const KnnCudaParams& params, void* stream) {
  if (plan.others > KnnPlan::most_others) return cudaErrorInvalidValue;
  const auto cuda_stream = static_cast<cudaStream_t>(stream);
  Trees trees{};
  cut(params.workspace, plan, nodes, trees);
  trees.table = params.trees;
  fill_slots<<<blocks_for(trees.slots), threads, 0, cuda_stream>>>(params, trees);
  box_buckets<<<blocks_for(trees.slots >> trees.bucket), threads, 0, cuda_stream>>>(trees);
  for (int height = trees.bucket + 1; height <= trees.unit_height; ++height)
    box_below_units<<<blocks_for(trees.slots >> height), threads, 0, cuda_stream>>>(trees, height);
  constexpr int most_rows = 65535;
  for (int above = 1; above <= nodes.most_levels; ++above) {
    const dim3 blocks(blocks_for(std::int64_t{1} << (nodes.most_levels - above)),
                      static_cast<unsigned>(trees.clouds < most_rows ? trees.clouds : most_rows));
    box_above_units<<<blocks, threads, 0, cuda_stream>>>(trees, trees.unit_height + above);
  }
  if (plan.others <= 8)
    launch_search<8>(plan, params, trees, cuda_stream);
  else if (plan.others <= 16)
    launch_search<16>(plan, params, trees, cuda_stream);
  else
    launch_search<32>(plan, params, trees, cuda_stream);
  return cudaGetLastError();
}

}  // namespace erwin::kernels
