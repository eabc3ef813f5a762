#include "core/model/internal/selection_kernel.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>

#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/device_offsets.h"
#include "core/model/internal/kernel_switch.h"
#include "core/model/internal/kernel_tensors.h"
#include "kernels/selection/selection.h"

namespace erwin::model {

namespace {

using kernels::Bf16;
using kernels::MeanQueryParams;
using kernels::SelectionParams;
using kernels::SelectionShape;

// Scores of one call on the CPU: a stopped job ends soon.
constexpr std::int64_t scores_between_looks = std::int64_t{1} << 26;

SelectionShape shape_of(const at::Tensor& keys, const SlotGeometry& geometry, std::int64_t count, Exclude exclude) {
  SelectionShape shape;
  shape.blocks = keys.size(0);
  shape.samples = static_cast<std::int64_t>(geometry.block_offsets.size()) - 1;
  for (std::size_t s = 0; s + 1 < geometry.block_offsets.size(); ++s)
    shape.most_blocks = std::max(shape.most_blocks, geometry.block_offsets[s + 1] - geometry.block_offsets[s]);
  shape.groups = static_cast<int>(keys.size(1));
  shape.width = static_cast<int>(keys.size(2));
  shape.count = static_cast<int>(count);
  shape.excluded = exclude == Exclude::Ball    ? geometry.ball_size / geometry.block_size
                   : exclude == Exclude::Block ? 1
                                               : 0;
  return shape;
}

template <typename T>
SelectionParams<T> params_of(const at::Tensor& mean_query, const at::Tensor& keys, const at::Tensor& real,
                             const std::int64_t* offsets, const SelectionShape& shape, const Selection& selection) {
  return {shape,
          mean_query.const_data_ptr<float>(),
          static_cast<const T*>(keys.const_data_ptr()),
          real.const_data_ptr<bool>(),
          offsets,
          selection.ids.mutable_data_ptr<std::int64_t>(),
          selection.scores.mutable_data_ptr<float>()};
}

template <typename T>
MeanQueryParams<T> mean_params_of(const at::Tensor& q, const at::Tensor& mask, const at::Tensor& out,
                                  const SlotGeometry& geometry) {
  MeanQueryParams<T> params;
  params.q = static_cast<const T*>(q.const_data_ptr());
  params.mask = mask.const_data_ptr<bool>();
  params.out = out.mutable_data_ptr<float>();
  params.blocks = geometry.blocks();
  params.block_size = static_cast<int>(geometry.block_size);
  params.heads = static_cast<int>(q.size(1));
  params.groups = static_cast<int>(out.size(1));
  params.width = static_cast<int>(q.size(2));
  return params;
}

}  // namespace

bool mean_query_kernel_applies(const at::Tensor& q) {
  if (!kernels_enabled()) return false;
  const bool fits = is_kernel_type(q) && (q.is_cpu() || (q.size(2) % 4 == 0 && q.size(2) <= 128));
  if (!fits) log_aten_path("mean queries", "type, device or head width is not supported");
  return fits;
}

bool selection_kernel_applies(const at::Tensor& mean_query, const at::Tensor& block_keys, std::int64_t count) {
  if (!kernels_enabled() || count < 1) return false;
  bool fits = mean_query.scalar_type() == at::kFloat && is_kernel_type(block_keys);
#ifdef ERWINSCOPE_CUDA
  if (fits && block_keys.is_cuda()) {
    SelectionShape shape;
    shape.samples = 1;
    shape.groups = static_cast<int>(block_keys.size(1));
    shape.width = static_cast<int>(block_keys.size(2));
    shape.count = static_cast<int>(count);
    fits = kernels::select_blocks_cuda_supports(shape);
  }
#endif
  if (!fits) log_aten_path("selection", "type, device, head width or number of blocks is not supported");
  return fits;
}

at::Tensor mean_query_kernel(const at::Tensor& q, std::int64_t kv_heads, const SlotGeometry& geometry) {
  const at::Tensor rows = dense(q.detach()), mask = geometry.mask.contiguous();
  const at::Tensor out =
      at::empty({geometry.blocks(), kv_heads, q.size(2)}, q.options().dtype(at::kFloat).requires_grad(false));
  if (q.is_cpu()) {
    kernels::mean_queries_cpu(mean_params_of<float>(rows, mask, out, geometry));
    return out;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(q.device());
  void* const stream = current_stream(q);
  check_launch(q.scalar_type() == at::kBFloat16
                   ? kernels::mean_queries_cuda(mean_params_of<Bf16>(rows, mask, out, geometry), stream)
                   : kernels::mean_queries_cuda(mean_params_of<float>(rows, mask, out, geometry), stream),
               "mean queries");
#endif
  return out;
}

Selection selection_kernel(const at::Tensor& mean_query, const at::Tensor& block_keys, const SlotGeometry& geometry,
                           std::int64_t count, Exclude exclude, const Job* job) {
  const at::Tensor queries = dense(mean_query.detach()), keys = dense(block_keys.detach()),
                   real = geometry.block_real.contiguous();
  const SelectionShape shape = shape_of(keys, geometry, count, exclude);
  const auto options = queries.options();
  const Selection selection{at::empty({shape.blocks, shape.groups, count}, options.dtype(at::kLong)),
                            at::empty({shape.blocks, shape.groups, count}, options), 0};
  check(job);
  if (keys.is_cpu()) {
    const auto params = params_of<float>(queries, keys, real, geometry.block_offsets.data(), shape, selection);
    const std::int64_t step =
        std::max<std::int64_t>(4, scores_between_looks / std::max<std::int64_t>(1, shape.most_blocks * shape.groups));
    for (std::int64_t first = 0; first < shape.blocks; first += step) {
      check(job);
      kernels::select_blocks_cpu(params, first, std::min(shape.blocks, first + step));
    }
    return selection;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(keys.device());
  const at::Tensor offsets = device_offsets(geometry.block_offsets, keys.device());
  const std::int64_t* const table = offsets.const_data_ptr<std::int64_t>();
  void* const stream = current_stream(keys);
  check_launch(
      keys.scalar_type() == at::kBFloat16
          ? kernels::select_blocks_cuda(params_of<Bf16>(queries, keys, real, table, shape, selection), stream)
          : kernels::select_blocks_cuda(params_of<float>(queries, keys, real, table, shape, selection), stream),
      "selection");
#endif
  return selection;
}

}  // namespace erwin::model
