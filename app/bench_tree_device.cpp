#include "app/bench_tree_device.h"

#ifndef ERWINSCOPE_CUDA

namespace erwin::app {

DeviceTreeTable bench_trees_on_device(const std::vector<std::int64_t>&, int) {
  return {};
}

}  // namespace erwin::app

#else

#include <cuda_runtime.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>

#include "app/command.h"
#include "core/base/error.h"
#include "core/bench/timing.h"
#include "kernels/ball_tree/ball_tree_cuda.h"
#include "kernels/knn/knn.h"

namespace erwin::app {

namespace {

void require(int error, const char* what) {
  if (error == cudaSuccess) return;
  throw Error(error == cudaErrorMemoryAllocation ? ErrorKind::DeviceMemory : ErrorKind::Device,
              "the device could not run the measurement",
              std::string(what) + ": " + cudaGetErrorString(static_cast<cudaError_t>(error)));
}

// All device memory of one case, freed together.
class Memory {
public:
  Memory() = default;
  ~Memory() {
    for (void* const piece : pieces_) cudaFree(piece);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  template <typename T>
  T* take(std::int64_t count) {
    void* piece = nullptr;
    require(cudaMalloc(&piece, static_cast<std::size_t>(count) * sizeof(T)), "cudaMalloc");
    pieces_.push_back(piece);
    bytes_ += count * static_cast<std::int64_t>(sizeof(T));
    return static_cast<T*>(piece);
  }
  template <typename T>
  T* copy(const std::vector<T>& values) {
    T* const piece = take<T>(static_cast<std::int64_t>(values.size()));
    require(cudaMemcpy(piece, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
    return piece;
  }
  std::int64_t bytes() const { return bytes_; }

private:
  std::vector<void*> pieces_;
  std::int64_t bytes_ = 0;
};

// Clouds of equal size with memory for all that is measured.
class DeviceCase {
public:
  DeviceCase(std::int64_t clouds, std::int64_t points, std::int64_t unit, bool with_nodes) {
    const std::int64_t slots = (points + unit - 1) / unit * unit;
    const auto count = static_cast<std::size_t>(clouds);
    plan_ = kernels::plan_ball_trees(std::vector<kernels::BallCloud>(count, {points, slots, unit}));
    std::mt19937 random(1);
    std::uniform_real_distribution<float> coordinate(0, 1);
    std::vector<double> positions(static_cast<std::size_t>(3 * plan_.points));
    for (double& x : positions) x = coordinate(random);
    rotate_ = {memory_.copy(positions), memory_.take<double>(3 * plan_.points), plan_.points, 3, {}};
    // 45 degrees about all axes (method 1.4).
    const double c = 0.7071067811865476, s = c;
    const double matrix[9] = {
        c * c, s * c * (s - 1), s * (s + c * c), s * c, s * s * s + c * c, s * c * (s - 1), -s, s * c, c * c};
    std::copy(std::begin(matrix), std::end(matrix), rotate_.matrix);
    tree_.positions = rotate_.positions;
    tree_.float32_values = true;
    tree_.table = memory_.copy(plan_.table);
    tree_.slot_point = memory_.take<std::int32_t>(plan_.slots);
    tree_.slot_mask = memory_.take<std::uint8_t>(plan_.slots);
    tree_.point_slot = memory_.take<std::int32_t>(plan_.points);
    tree_.lexical_rank = memory_.take<std::int32_t>(plan_.points);
    std::size_t bytes = 0;
    require(kernels::ball_tree_workspace(plan_, 3, &bytes), "ball_tree_workspace");
    tree_.workspace = memory_.take<char>(static_cast<std::int64_t>(bytes));
    if (with_nodes) add_nodes(std::vector<std::int64_t>(count, slots), unit);
    add_neighbours(std::vector<std::int64_t>(count, points), std::vector<std::int64_t>(count, slots), unit);
  }

  void tree(cudaStream_t stream) const { require(kernels::ball_tree_cuda(plan_, tree_, stream), "ball_tree_cuda"); }
  void rotated_tree(cudaStream_t stream) const {
    require(kernels::rotate_points_cuda(rotate_, stream), "rotate_points_cuda");
    kernels::BallTreeCudaParams params = tree_;
    params.positions = rotate_.rotated;
    params.float32_values = false;
    require(kernels::ball_tree_cuda(plan_, params, stream), "ball_tree_cuda");
  }
  void nodes(cudaStream_t stream) const {
    require(kernels::ball_nodes_cuda(nodes_plan_, nodes_, stream), "ball_nodes_cuda");
  }
  void neighbours(cudaStream_t stream) const {
    require(kernels::knn_cuda(knn_plan_, nodes_plan_, knn_, stream), "knn_cuda");
  }
  std::int64_t bytes() const { return memory_.bytes(); }

private:
  void add_nodes(const std::vector<std::int64_t>& slots, std::int64_t unit) {
    nodes_plan_ = kernels::plan_ball_nodes(slots, unit);
    nodes_.positions = tree_.positions;
    nodes_.slot_point = tree_.slot_point;
    nodes_.slot_mask = tree_.slot_mask;
    nodes_.clouds = memory_.copy(nodes_plan_.clouds);
    nodes_.point_count = memory_.take<std::int32_t>(nodes_plan_.nodes);
    nodes_.split_axis = memory_.take<std::int8_t>(nodes_plan_.nodes);
    nodes_.centre = memory_.take<double>(3 * nodes_plan_.nodes);
    nodes_.radius = memory_.take<double>(nodes_plan_.nodes);
    nodes_.box_minimum = memory_.take<double>(3 * nodes_plan_.nodes);
    nodes_.box_maximum = memory_.take<double>(3 * nodes_plan_.nodes);
  }
  void add_neighbours(const std::vector<std::int64_t>& points, const std::vector<std::int64_t>& slots,
                      std::int64_t unit) {
    nodes_plan_ = kernels::plan_ball_nodes(slots, unit);
    knn_plan_ = kernels::plan_knn(points, 8, /*self_loop=*/true);
    knn_.positions = tree_.positions;
    knn_.slot_point = tree_.slot_point;
    knn_.slot_mask = tree_.slot_mask;
    knn_.lexical_rank = tree_.lexical_rank;
    knn_.trees = memory_.copy(nodes_plan_.clouds);
    knn_.clouds = memory_.copy(knn_plan_.clouds);
    knn_.source = memory_.take<std::int64_t>(knn_plan_.edges);
    knn_.receiver = memory_.take<std::int64_t>(knn_plan_.edges);
    knn_.workspace = memory_.take<char>(static_cast<std::int64_t>(kernels::knn_workspace(knn_plan_, nodes_plan_)));
  }

  Memory memory_;
  kernels::BallTreePlan plan_;
  kernels::BallNodesPlan nodes_plan_;
  kernels::KnnPlan knn_plan_;
  kernels::RotatePointsParams rotate_;
  kernels::BallTreeCudaParams tree_;
  kernels::BallNodesCudaParams nodes_;
  kernels::KnnCudaParams knn_;
};

using Work = std::function<void(cudaStream_t)>;

// Times work on one stream by events: up to 20 runs.
class Clock {
public:
  Clock() {
    require(cudaStreamCreate(&stream_), "cudaStreamCreate");
    require(cudaEventCreate(&begin_), "cudaEventCreate");
    require(cudaEventCreate(&end_), "cudaEventCreate");
    cache_ = memory_.take<char>(cache_bytes);
  }
  ~Clock() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
    cudaStreamDestroy(stream_);
  }
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  bench::Timing times(const Work& work) const {
    return bench::measure(
        {}, [&] { return run(work); }, command_job());
  }
  bench::Timing times_as_graph(const Work& work) const {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t ready = nullptr;
    require(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capture");
    work(stream_);
    require(cudaStreamEndCapture(stream_, &graph), "capture");
    require(cudaGraphInstantiate(&ready, graph, 0), "cudaGraphInstantiate");
    const auto result =
        times([ready](cudaStream_t stream) { require(cudaGraphLaunch(ready, stream), "cudaGraphLaunch"); });
    cudaGraphExecDestroy(ready);
    cudaGraphDestroy(graph);
    return result;
  }

private:
  // Milliseconds.
  double run(const Work& work) const {
    require(cudaMemsetAsync(cache_, 1, cache_bytes, stream_), "cudaMemsetAsync");
    require(cudaEventRecord(begin_, stream_), "cudaEventRecord");
    work(stream_);
    require(cudaEventRecord(end_, stream_), "cudaEventRecord");
    require(cudaStreamSynchronize(stream_), "the measured kernels");
    float milliseconds = 0;
    require(cudaEventElapsedTime(&milliseconds, begin_, end_), "cudaEventElapsedTime");
    return static_cast<double>(milliseconds);
  }

  static constexpr std::int64_t cache_bytes = 256 << 20;  // beyond any L2
  Memory memory_;
  char* cache_ = nullptr;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

DeviceTreeRow measure(const Clock& clock, std::string what, std::int64_t points, std::int64_t clouds,
                      const DeviceCase& trees, const Work& work) {
  const bench::Timing launched = clock.times(work);
  return {std::move(what),
          points,
          clouds,
          launched.median,
          launched.fastest,
          launched.slowest,
          clock.times_as_graph(work).median,
          launched.runs,
          trees.bytes()};
}

}  // namespace

DeviceTreeTable bench_trees_on_device(const std::vector<std::int64_t>& points, int unit) {
  DeviceTreeTable table;
  int devices = 0, driver = 0, runtime = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) return table;
  cudaDeviceProp properties{};
  require(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  require(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  require(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  table.device = properties.name;
  table.driver = std::to_string(driver) + ", runtime " + std::to_string(runtime);
  const Clock clock;
  const auto add = [&](const char* what, std::int64_t size, std::int64_t clouds, const DeviceCase& trees,
                       const Work& work) { table.rows.push_back(measure(clock, what, size, clouds, trees, work)); };
  for (const std::int64_t size : points) {
    const DeviceCase trees(1, size, unit, /*with_nodes=*/true);
    add("tree", size, 1, trees, [&](cudaStream_t stream) { trees.tree(stream); });
    add("node data", size, 1, trees, [&](cudaStream_t stream) { trees.nodes(stream); });
    add("tree and node data", size, 1, trees, [&](cudaStream_t stream) {
      trees.tree(stream);
      trees.nodes(stream);
    });
    add("kNN 8 in the tree", size, 1, trees, [&](cudaStream_t stream) { trees.neighbours(stream); });
    add("rotated tree", size, 1, trees, [&](cudaStream_t stream) { trees.rotated_tree(stream); });
  }
  constexpr std::int64_t clouds = 16, each = 5000;
  const DeviceCase trees(clouds, each, unit, /*with_nodes=*/false);
  add("trees of 16 clouds", each, clouds, trees, [&](cudaStream_t stream) { trees.tree(stream); });
  add("kNN 8 in the trees", each, clouds, trees, [&](cudaStream_t stream) { trees.neighbours(stream); });
  add("rotated trees", each, clouds, trees, [&](cudaStream_t stream) { trees.rotated_tree(stream); });
  return table;
}

}  // namespace erwin::app

#endif
