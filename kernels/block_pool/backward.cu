// Block pooling backward: the MLP, then the rows, then the sums of all weights' gradients in order.

#include "kernels/block_pool/pool.cuh"
#include "kernels/common/ordered_sums.cuh"

namespace erwin::kernels {

namespace pool {

namespace {

template <typename T>
int launch_sums(const BlockPoolShape& shape, const BlockPoolGradients<T>& gradients, const BackwardPlan& plan,
                const BackwardMemory& memory, cudaStream_t stream) {
  using Real = typename OnDevice<T>::type;
  const std::int64_t width = shape.width, logits = shape.groups * width, places = shape.groups * shape.dimension,
                     square = 4 * width * width, all = BackwardMemory::mlp_values(shape.width);
  OrderedSums<Real, 12> sums;
  for (int which = 0; which < 2; ++which) {
    const BlockPoolWeightGradients<T>& to = gradients.weights[which];
    const float* const mlp = memory.mlp_partial + which * all;
    OrderedSum<Real>* const sum = sums.all + which * 6;
    sum[0] = {memory.logit_partial + which * logits, plan.row_chunks, 2 * logits, logits, on_device(to.logit)};
    sum[1] = {memory.place_partial + which * places, plan.row_chunks, 2 * places, places, on_device(to.place)};
    sum[2] = {mlp, plan.mlp_chunks, 2 * all, square, on_device(to.first)};
    sum[3] = {mlp + square, plan.mlp_chunks, 2 * all, 4 * width, on_device(to.first_bias)};
    sum[4] = {mlp + square + 4 * width, plan.mlp_chunks, 2 * all, square, on_device(to.second)};
    sum[5] = {mlp + 2 * square + 4 * width, plan.mlp_chunks, 2 * all, width, on_device(to.second_bias)};
  }
  return launch_ordered_sums(sums, stream);
}

template <typename T>
int launch_backward(const BlockPoolParams<T>& params, const BlockPoolGradients<T>& gradients, void* workspace,
                    void* stream) {
  if (!block_pool_supports(params.shape)) return cudaErrorInvalidValue;
  const auto queue = static_cast<cudaStream_t>(stream);
  const BackwardPlan plan(params.shape);
  const BackwardMemory memory(params.shape, plan, workspace);
  if (plan.pairs > 0) {
    int status = launch_mlp_backward(params, gradients, plan, memory, queue);
    if (status == cudaSuccess) status = launch_rows_backward(params, gradients, plan, memory, queue);
    if (status != cudaSuccess) return status;
  }
  return launch_sums(params.shape, gradients, plan, memory, queue);
}

}  // namespace

}  // namespace pool

std::size_t block_pool_backward_workspace(const BlockPoolShape& shape) {
  return pool::BackwardMemory(shape, pool::BackwardPlan(shape), nullptr).bytes;
}
int block_pool_backward_cuda(const BlockPoolParams<float>& params, const BlockPoolGradients<float>& gradients,
                             void* workspace, void* stream) {
  return pool::launch_backward(params, gradients, workspace, stream);
}
int block_pool_backward_cuda(const BlockPoolParams<Bf16>& params, const BlockPoolGradients<Bf16>& gradients,
                             void* workspace, void* stream) {
  return pool::launch_backward(params, gradients, workspace, stream);
}

}  // namespace erwin::kernels
