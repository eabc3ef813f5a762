#include "core/model/internal/message_passing.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>

#include "core/model/internal/kernel_switch.h"
#include "core/model/internal/network.h"
#include "core/model/internal/recompute.h"
#include "kernels/segment_mean/segment_mean.h"

namespace erwin::model {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Without gradients the CPU makes the messages of so many receivers at a time, which stay in its cache.
constexpr std::int64_t points_per_chunk = 512;

enum class Reduce { Sum, Mean };

template <typename Real>
void reduce_into(const at::Tensor& rows, const at::Tensor& offsets, const at::Tensor& order, Reduce how,
                 const at::Tensor& out) {
  kernels::SegmentMeanParams<Real> params;
  params.rows = rows.const_data_ptr<Real>();
  params.begin = offsets.const_data_ptr<std::int64_t>();
  params.order = order.defined() ? order.const_data_ptr<std::int64_t>() : nullptr;
  params.out = out.mutable_data_ptr<Real>();
  params.segments = out.size(0);
  params.channels = rows.size(1);
  params.mean = how == Reduce::Mean;
  if (rows.is_cpu()) return kernels::segment_mean_cpu(params);
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(rows.device());
  check_launch(kernels::segment_mean_cuda(params, current_stream(rows)), "gathering the messages");
#endif
}

// [P, 1]: rows of each segment, 1 where there is none.
at::Tensor counts_of(const at::Tensor& offsets, at::ScalarType type) {
  return offsets.diff().clamp_min(1).to(type).unsqueeze(1);
}

// Row s: the sum or mean of rows[order[i]] (or rows[i] without an order) for i from offsets[s] to offsets[s + 1] - 1.
// Without gradient; float32 or float64 (other types are summed in float32).
at::Tensor reduced(const at::Tensor& any_rows, const at::Tensor& offsets, const at::Tensor& order, Reduce how) {
  const at::ScalarType type = any_rows.scalar_type();
  const at::Tensor rows = any_rows.to(wide_type(type)).contiguous();
  if (rows.size(0) == 0 || rows.size(1) == 0) return at::zeros({offsets.size(0) - 1, rows.size(1)}, any_rows.options());
#ifndef ERWINSCOPE_CUDA
  if (!rows.is_cpu()) {
    const at::Tensor sorted = order.defined() ? rows.index_select(0, order) : rows;
    at::Tensor sums = at::segment_reduce(sorted, "sum", {}, {}, offsets, 0, /*unsafe=*/true, 0.0);
    if (how == Reduce::Mean) sums.div_(counts_of(offsets, sums.scalar_type()));
    return sums.to(type);
  }
#endif
  const at::Tensor out = at::empty({offsets.size(0) - 1, rows.size(1)}, rows.options());
  if (rows.scalar_type() == at::kDouble)
    reduce_into<double>(rows, offsets, order, how, out);
  else
    reduce_into<float>(rows, offsets, order, how, out);
  return out.to(type);
}

class GatherRows : public torch::autograd::Function<GatherRows> {
public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& index,
                            const std::optional<at::Tensor>& order, const at::Tensor& offsets) {
    context->save_for_backward({order.value_or(at::Tensor()), offsets});
    return x.index_select(0, index);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    return {reduced(gradients[0], saved[1], saved[0], Reduce::Sum), {}, {}, {}};
  }
};

class MeanSegments : public torch::autograd::Function<MeanSegments> {
public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& rows, const at::Tensor& index,
                            const at::Tensor& offsets) {
    context->save_for_backward({index, offsets});
    return reduced(rows, offsets, {}, Reduce::Mean);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor shares = gradients[0] / counts_of(saved[1], gradients[0].scalar_type());
    return {shares.index_select(0, saved[0]), {}, {}};
  }
};

}  // namespace

at::Tensor gather_rows(const at::Tensor& x, const at::Tensor& index, const at::Tensor& order,
                       const at::Tensor& offsets) {
  return GatherRows::apply(x, index, order.defined() ? std::optional(order) : std::nullopt, offsets);
}

at::Tensor mean_segments(const at::Tensor& rows, const at::Tensor& index, const at::Tensor& offsets) {
  return MeanSegments::apply(rows, index, offsets);
}

Embed::Embed(const ModelConfig& config, Builder builder, std::int64_t in, std::int64_t width) {
  const bool erwin = config.kind == ModelKind::Erwin;
  linear_ = Linear(builder.child(erwin ? "embed_fn" : "linear"), in, width);
  const std::int64_t message_in = 2 * width + config.dimension;
  // Messages of all steps first, then updates: the order of PyTorch's module lists.
  steps_.resize(static_cast<std::size_t>(config.mp_steps));
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Builder at = builder.child((erwin ? "mpnn.message_fns." : "message.") + std::to_string(i));
    steps_[i].message = Linear(at.child(erwin ? "0" : "linear"), message_in, width);
    steps_[i].message_norm = LayerNorm(at.child(erwin ? "2" : "norm"), width);
  }
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Builder at = builder.child((erwin ? "mpnn.update_fns." : "update.") + std::to_string(i));
    steps_[i].update = Linear(at.child(erwin ? "0" : "linear"), 2 * width, width);
    steps_[i].update_norm = LayerNorm(at.child(erwin ? "1" : "norm"), width);
  }
}

at::Tensor Embed::operator()(const at::Tensor& features, const Batch& batch, const ForwardContext& context) const {
  at::Tensor x = by_rows(features, context.job, linear_);
  x = x.to(wide_type(x.scalar_type()));
  if (steps_.empty()) return x;
  at::Tensor relative;
  for_row_chunks(batch.edge_source, context.job, [&](std::int64_t first, std::int64_t count) {
    const auto places = [&](const at::Tensor& ends) {
      return batch.positions.index_select(0, rows_of(ends, first, count));
    };
    put_rows(relative, (places(batch.edge_source) - places(batch.edge_receiver)).to(linear_.weight().scalar_type()),
             first, batch.edge_source.size(0));
  });
  for (const Step& step : steps_) {
    context.check();
    if (context.recompute)
      x = recomputed(
          [this, &step, relative, &batch](const at::Tensor& rows) {
            return message_step(step, rows, relative, batch, ForwardContext());
          },
          x);
    else
      x = message_step(step, x, relative, batch, context);
  }
  return x;
}

// m_e = LayerNorm(GELU(W [x_source, x_receiver, p_source - p_receiver] + b)), x += LayerNorm(U [x, mean of the m_e
// received]). W is applied to the points, not to the edges: there are k times fewer of them.
at::Tensor Embed::message_step(const Step& step, const at::Tensor& x, const at::Tensor& relative, const Batch& batch,
                               const ForwardContext& context) const {
  const at::Tensor& weight = step.message.weight();
  const std::int64_t width = x.size(1);
  const at::Tensor rows = x.to(weight.scalar_type());
  at::Tensor sent, received;
  for_row_chunks(rows, context.job, [&](std::int64_t first, std::int64_t count) {
    const at::Tensor part = rows_of(rows, first, count);
    put_rows(sent, at::linear(part, weight.narrow(1, 0, width)), first, x.size(0));
    put_rows(received, at::linear(part, weight.narrow(1, width, width), step.message.bias()), first, x.size(0));
  });
  const at::Tensor relative_weight = weight.narrow(1, 2 * width, weight.size(1) - 2 * width);
  at::Tensor means;
  if (x.is_cpu() && !c10::GradMode::is_enabled()) {
    means = at::empty({x.size(0), width}, x.options());
    const std::int64_t* begin = batch.receiver_offsets.const_data_ptr<std::int64_t>();
    for (std::int64_t first = 0; first < x.size(0); first += points_per_chunk) {
      context.check();
      const std::int64_t points = std::min(points_per_chunk, x.size(0) - first), edge = begin[first];
      const auto chunk = [&](const at::Tensor& edges) { return edges.narrow(0, edge, begin[first + points] - edge); };
      const at::Tensor from = sent.index_select(0, chunk(batch.edge_source));
      const at::Tensor to = received.index_select(0, chunk(batch.edge_receiver));
      means.narrow(0, first, points)
          .copy_(reduced(step.message_norm(at::gelu(from + to + at::linear(chunk(relative), relative_weight))),
                         batch.receiver_offsets.narrow(0, first, points + 1) - edge, {}, Reduce::Mean));
    }
  } else {
    // Sums in place: rows of all edges are the widest arrays there are, and no gradient needs the summands.
    at::Tensor rows_of_edges = gather_rows(sent, batch.edge_source, batch.source_order, batch.source_offsets);
    rows_of_edges.add_(gather_rows(received, batch.edge_receiver, {}, batch.receiver_offsets));
    rows_of_edges.add_(at::linear(relative, relative_weight));
    rows_of_edges = step.message_norm(c10::GradMode::is_enabled() ? at::gelu(rows_of_edges) : at::gelu_(rows_of_edges));
    means = mean_segments(rows_of_edges, batch.edge_receiver, batch.receiver_offsets);
  }
  at::Tensor updated;
  for_row_chunks(x, context.job, [&](std::int64_t first, std::int64_t count) {
    const at::Tensor part = rows_of(x, first, count);
    const at::Tensor both = at::cat({part, rows_of(means, first, count)}, 1);
    put_rows(updated, part + step.update_norm(step.update(both)), first, x.size(0));
  });
  return updated;
}

}  // namespace erwin::model
