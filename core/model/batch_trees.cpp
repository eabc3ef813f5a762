#include "core/model/internal/batch_trees.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <map>
#include <span>
#include <string>

#include "core/base/error.h"
#include "core/model/internal/kernel_switch.h"
#include "core/tree/knn.h"
#include "kernels/ball_tree/ball_tree.h"
#include "kernels/ball_tree/ball_tree_cuda.h"
#include "kernels/knn/knn.h"

namespace erwin::model {

namespace {

bool by_kernels([[maybe_unused]] const at::Tensor& positions) {
#ifdef ERWINSCOPE_CUDA
  return positions.is_cuda() && kernels_enabled();
#else
  return false;
#endif
}

std::span<const double> numbers_of(const at::Tensor& positions, std::int64_t first, std::int64_t last) {
  const std::int64_t d = positions.size(1);
  return {positions.const_data_ptr<double>() + first * d, static_cast<std::size_t>((last - first) * d)};
}

BatchTrees trees_on_cpu(const at::Tensor& given, const std::vector<std::int64_t>& point_offsets,
                        const std::vector<std::int64_t>& slot_offsets, const TreeOptions& options) {
  const at::Tensor positions = given.cpu().contiguous();
  const at::TensorOptions ints = at::TensorOptions().dtype(at::kInt);
  BatchTrees trees;
  trees.slot_offsets = slot_offsets;
  trees.slot_point = at::empty({slot_offsets.back()}, ints);
  trees.slot_mask = at::empty({slot_offsets.back()}, at::TensorOptions().dtype(at::kBool));
  trees.point_slot = at::empty({point_offsets.back()}, ints);
  TreeOptions without_nodes = options;
  without_nodes.nodes = false;
  for (std::size_t c = 0; c + 1 < point_offsets.size(); ++c) {
    const std::int64_t first_point = point_offsets[c], first_slot = slot_offsets[c];
    const BallTree tree = build_ball_tree(numbers_of(positions, first_point, point_offsets[c + 1]),
                                          static_cast<int>(positions.size(1)), without_nodes);
    std::transform(tree.slot_point.begin(), tree.slot_point.end(),
                   trees.slot_point.mutable_data_ptr<std::int32_t>() + first_slot,
                   [&](std::int32_t point) { return static_cast<std::int32_t>(point + first_point); });
    std::transform(tree.point_slot.begin(), tree.point_slot.end(),
                   trees.point_slot.mutable_data_ptr<std::int32_t>() + first_point,
                   [&](std::int32_t slot) { return static_cast<std::int32_t>(slot + first_slot); });
    std::transform(tree.slot_mask.begin(), tree.slot_mask.end(), trees.slot_mask.mutable_data_ptr<bool>() + first_slot,
                   [](std::uint8_t real) { return real != 0; });
  }
  for (at::Tensor* const tensor : {&trees.slot_point, &trees.slot_mask, &trees.point_slot})
    *tensor = tensor->to(given.device());
  return trees;
}

BatchEdges edges_on_cpu(const at::Tensor& given, const std::vector<std::int64_t>& point_offsets, int k,
                        bool self_loop) {
  const at::Tensor positions = given.cpu().contiguous();
  std::vector<std::int64_t> source, receiver;
  for (std::size_t c = 0; c + 1 < point_offsets.size(); ++c) {
    const std::int64_t first = point_offsets[c];
    const KnnGraph graph = build_knn_graph(numbers_of(positions, first, point_offsets[c + 1]),
                                           static_cast<int>(positions.size(1)), k, self_loop);
    for (const std::int32_t point : graph.source) source.push_back(first + point);
    for (const std::int32_t point : graph.receiver) receiver.push_back(first + point);
  }
  const auto tensor = [&](const std::vector<std::int64_t>& values) {
    return at::tensor(at::ArrayRef<std::int64_t>(values), at::TensorOptions().dtype(at::kLong)).to(given.device());
  };
  return {tensor(source), tensor(receiver)};
}

std::vector<std::int64_t> sizes_of(const std::vector<std::int64_t>& offsets) {
  std::vector<std::int64_t> sizes;
  for (std::size_t c = 0; c + 1 < offsets.size(); ++c) sizes.push_back(offsets[c + 1] - offsets[c]);
  return sizes;
}

// What follows from the clouds' sizes, with its tables on the device where kernels read them.
struct TreePlan {
  kernels::BallTreePlan kernel;
  at::Tensor table;
  std::vector<std::int64_t> slot_offsets{0};
};
struct EdgePlan {
  kernels::BallNodesPlan nodes;
  kernels::KnnPlan kernel;
  at::Tensor nodes_table, table;
};

template <typename T>
at::Tensor copied_to(const at::Device& device, const std::vector<T>& values) {
  const auto bytes = static_cast<std::int64_t>(values.size() * sizeof(T));
  return at::from_blob(const_cast<T*>(values.data()), {bytes}, at::TensorOptions().dtype(at::kByte))
      .pin_memory()
      .to(device, /*non_blocking=*/true);
}

TreePlan plan_trees(const at::Tensor& positions, const std::vector<std::int64_t>& point_offsets,
                    const TreeOptions& options) {
  std::vector<kernels::BallCloud> clouds;
  TreePlan plan;
  for (const std::int64_t points : sizes_of(point_offsets)) {
    const TreeShape shape = tree_shape(points, options);
    clouds.push_back({points, shape.slots, shape.split_unit});
    plan.slot_offsets.push_back(plan.slot_offsets.back() + shape.slots);
  }
  if (plan.slot_offsets.back() >= std::int64_t{1} << 30)
    throw Error(ErrorKind::Memory, "the batch is too large for its ball trees",
                std::to_string(plan.slot_offsets.back()) + " slots", "Use smaller batches");
  if (!by_kernels(positions)) return plan;
  plan.kernel = kernels::plan_ball_trees(clouds);
  plan.table = copied_to(positions.device(), plan.kernel.table);
  return plan;
}

#ifdef ERWINSCOPE_CUDA
EdgePlan plan_edges(const at::Tensor& positions, const std::vector<std::int64_t>& point_offsets,
                    const BatchTrees& trees, int unit, int k, bool self_loop) {
  EdgePlan plan;
  plan.nodes = kernels::plan_ball_nodes(sizes_of(trees.slot_offsets), unit);
  plan.kernel = kernels::plan_knn(sizes_of(point_offsets), k, self_loop);
  plan.nodes_table = copied_to(positions.device(), plan.nodes.clouds);
  plan.table = copied_to(positions.device(), plan.kernel.clouds);
  return plan;
}
#endif

// Remembers what was made for a key; forgets all when it has grown too large.
template <typename Value>
class Known {
public:
  template <typename Make>
  const Value& find(std::vector<std::int64_t> key, const std::vector<std::int64_t>& more, const Make& make) {
    key.insert(key.end(), more.begin(), more.end());
    if (const auto known = values_.find(key); known != values_.end()) return known->second;
    constexpr std::size_t most = 256;
    if (values_.size() >= most) values_.clear();
    return values_.emplace(std::move(key), make()).first->second;
  }

private:
  std::map<std::vector<std::int64_t>, Value> values_;
};

#ifdef ERWINSCOPE_CUDA

at::Tensor bytes_on(const at::Device& device, std::size_t bytes) {
  return at::empty({static_cast<std::int64_t>(bytes)}, at::TensorOptions().dtype(at::kByte).device(device));
}

BatchTrees trees_by_kernels(const at::Tensor& positions, const TreePlan& plan, bool float32_values) {
  const at::TensorOptions ints = positions.options().dtype(at::kInt);
  BatchTrees trees;
  trees.slot_offsets = plan.slot_offsets;
  trees.slot_point = at::empty({plan.kernel.slots}, ints);
  trees.slot_mask = at::empty({plan.kernel.slots}, ints.dtype(at::kBool));
  trees.point_slot = at::empty({plan.kernel.points}, ints);
  trees.lexical_rank = at::empty({plan.kernel.points}, ints);
  kernels::BallTreeCudaParams params;
  params.dimension = static_cast<int>(positions.size(1));
  std::size_t bytes = 0;
  check_launch(kernels::ball_tree_workspace(plan.kernel, params.dimension, &bytes), "ball_tree");
  const at::Tensor workspace = bytes_on(positions.device(), bytes);
  params.positions = positions.const_data_ptr<double>();
  params.float32_values = float32_values;
  params.table = static_cast<const std::int32_t*>(plan.table.const_data_ptr());
  params.slot_point = trees.slot_point.mutable_data_ptr<std::int32_t>();
  params.slot_mask = static_cast<std::uint8_t*>(trees.slot_mask.mutable_data_ptr());
  params.point_slot = trees.point_slot.mutable_data_ptr<std::int32_t>();
  params.lexical_rank = trees.lexical_rank.mutable_data_ptr<std::int32_t>();
  params.workspace = workspace.mutable_data_ptr();
  check_launch(kernels::ball_tree_cuda(plan.kernel, params, current_stream(positions)), "ball_tree");
  return trees;
}

BatchEdges edges_by_kernels(const at::Tensor& positions, const BatchTrees& trees, const EdgePlan& plan) {
  BatchEdges edges;
  edges.source = at::empty({plan.kernel.edges}, positions.options().dtype(at::kLong));
  edges.receiver = at::empty_like(edges.source);
  const at::Tensor workspace = bytes_on(positions.device(), kernels::knn_workspace(plan.kernel, plan.nodes));
  kernels::KnnCudaParams params;
  params.positions = positions.const_data_ptr<double>();
  params.dimension = static_cast<int>(positions.size(1));
  params.slot_point = trees.slot_point.const_data_ptr<std::int32_t>();
  params.slot_mask = static_cast<const std::uint8_t*>(trees.slot_mask.const_data_ptr());
  params.lexical_rank = trees.lexical_rank.const_data_ptr<std::int32_t>();
  params.trees = static_cast<const kernels::BallNodesPlan::Cloud*>(plan.nodes_table.const_data_ptr());
  params.clouds = static_cast<const kernels::KnnCloud*>(plan.table.const_data_ptr());
  params.source = edges.source.mutable_data_ptr<std::int64_t>();
  params.receiver = edges.receiver.mutable_data_ptr<std::int64_t>();
  params.workspace = workspace.mutable_data_ptr();
  check_launch(kernels::knn_cuda(plan.kernel, plan.nodes, params, current_stream(positions)), "knn");
  return edges;
}

at::Tensor rotated_by_kernel(const at::Tensor& positions, const std::vector<double>& matrix) {
  const at::Tensor rotated = at::empty_like(positions);
  kernels::RotatePointsParams params;
  params.positions = positions.const_data_ptr<double>();
  params.rotated = rotated.mutable_data_ptr<double>();
  params.points = positions.size(0);
  params.dimension = static_cast<int>(positions.size(1));
  std::copy(matrix.begin(), matrix.end(), params.matrix);
  check_launch(kernels::rotate_points_cuda(params, current_stream(positions)), "rotate_points");
  return rotated;
}

#endif

}  // namespace

struct BatchTreeBuilder::Plans {
  Known<TreePlan> trees;
  Known<EdgePlan> edges;
};

BatchTreeBuilder::BatchTreeBuilder() : plans_(std::make_unique<Plans>()) {}
BatchTreeBuilder::~BatchTreeBuilder() = default;

BatchTrees BatchTreeBuilder::trees(const at::Tensor& given, const std::vector<std::int64_t>& point_offsets,
                                   const TreeOptions& options, [[maybe_unused]] bool float32_values) {
  const c10::OptionalDeviceGuard guard(given.device());
  const at::Tensor positions = given.contiguous();
  const TreePlan& plan = plans_->trees.find(
      {options.unit, options.padding == Padding::Duplicate, by_kernels(positions), positions.device().index()},
      point_offsets, [&] { return plan_trees(positions, point_offsets, options); });
#ifdef ERWINSCOPE_CUDA
  if (by_kernels(positions)) return trees_by_kernels(positions, plan, float32_values);
#endif
  return trees_on_cpu(positions, point_offsets, plan.slot_offsets, options);
}

BatchEdges BatchTreeBuilder::neighbours(const at::Tensor& given, const std::vector<std::int64_t>& point_offsets,
                                        [[maybe_unused]] const BatchTrees& trees, [[maybe_unused]] int unit, int k,
                                        bool self_loop) {
  const c10::OptionalDeviceGuard guard(given.device());
  const at::Tensor positions = given.contiguous();
#ifdef ERWINSCOPE_CUDA
  constexpr int most = kernels::KnnPlan::most_others;
  if (by_kernels(positions) && (self_loop ? k - 1 : k) <= most && trees.lexical_rank.defined())
    return edges_by_kernels(
        positions, trees,
        plans_->edges.find({unit, k, self_loop, trees.slot_offsets.back(), positions.device().index()}, point_offsets,
                           [&] { return plan_edges(positions, point_offsets, trees, unit, k, self_loop); }));
  if (by_kernels(positions)) log_aten_path("the neighbour graph", "more than " + std::to_string(most) + " neighbours");
#endif
  return edges_on_cpu(positions, point_offsets, k, self_loop);
}

at::Tensor rotated_positions(const at::Tensor& given, double degrees) {
  const c10::OptionalDeviceGuard guard(given.device());
  const at::Tensor positions = given.contiguous();
  const int dimension = static_cast<int>(positions.size(1));
#ifdef ERWINSCOPE_CUDA
  if (by_kernels(positions)) return rotated_by_kernel(positions, rotation_matrix(dimension, degrees));
#endif
  const at::Tensor host = positions.cpu();
  std::vector<double> rotated = rotate_positions(numbers_of(host, 0, host.size(0)), dimension, degrees);
  return at::from_blob(rotated.data(), host.sizes(), host.options()).to(given.device(), at::kDouble, false, true);
}

}  // namespace erwin::model
