#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>

#include "core/model/internal/attention_ops.h"
#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/ball_kernel.h"

namespace erwin::model {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A part of the work whose logits fit a chunk: some balls, some rows of each, some KV heads, some query heads of each.
struct Tile {
  std::int64_t ball, balls, row, rows, group, groups, head, heads;
  bool new_rows;  // other balls or rows than the tile before
};

struct Shape {
  std::int64_t balls, slots, groups, heads, width;  // heads: query heads of one KV head
  Shape(const at::Tensor& q, const at::Tensor& k, std::int64_t ball_size)
      : balls(q.size(0) / ball_size),
        slots(ball_size),
        groups(k.size(1)),
        heads(q.size(1) / k.size(1)),
        width(q.size(2)) {}
};

template <typename Body>
void for_each_tile(const Shape& shape, std::int64_t budget, const Body& body) {
  const auto fit = [&](std::int64_t unit, std::int64_t most) {
    return std::clamp<std::int64_t>(budget / unit, 1, most);
  };
  const std::int64_t rows = fit(shape.slots, shape.slots);
  const std::int64_t heads = fit(rows * shape.slots, shape.heads);
  const std::int64_t groups = heads < shape.heads ? 1 : fit(rows * shape.slots * heads, shape.groups);
  const std::int64_t balls = groups < shape.groups || rows < shape.slots
                                 ? 1
                                 : fit(rows * shape.slots * heads * groups, std::max<std::int64_t>(1, shape.balls));
  for (std::int64_t b = 0; b < shape.balls; b += balls)
    for (std::int64_t r = 0; r < shape.slots; r += rows) {
      bool new_rows = true;
      for (std::int64_t g = 0; g < shape.groups; g += groups)
        for (std::int64_t h = 0; h < shape.heads; h += heads) {
          body(Tile{b, std::min(balls, shape.balls - b), r, std::min(rows, shape.slots - r), g,
                    std::min(groups, shape.groups - g), h, std::min(heads, shape.heads - h), new_rows});
          new_rows = false;
        }
    }
}

// [M, H, ...] as [balls, groups, heads, rows, ...] of a tile, a view.
at::Tensor query_view(const at::Tensor& rows, const Shape& shape, const Tile& tile) {
  const bool wide = rows.dim() == 3;
  const at::Tensor split = wide ? rows.view({shape.balls, shape.slots, shape.groups, shape.heads, rows.size(2)})
                                : rows.view({shape.balls, shape.slots, shape.groups, shape.heads});
  const at::Tensor part = split.narrow(0, tile.ball, tile.balls)
                              .narrow(1, tile.row, tile.rows)
                              .narrow(2, tile.group, tile.groups)
                              .narrow(3, tile.head, tile.heads);
  return wide ? part.permute({0, 2, 3, 1, 4}) : part.permute({0, 2, 3, 1});
}

// The same with the heads of a group stacked as rows: [balls, groups, heads * rows, ...].
at::Tensor query_rows(const at::Tensor& rows, const Shape& shape, const Tile& tile) {
  return query_view(rows, shape, tile).flatten(2, 3);
}

// [M, G, D] as [balls, groups, slots, D] of a tile, a view.
at::Tensor key_view(const at::Tensor& rows, const Shape& shape, const Tile& tile) {
  return rows.view({shape.balls, shape.slots, shape.groups, rows.size(2)})
      .narrow(0, tile.ball, tile.balls)
      .narrow(2, tile.group, tile.groups)
      .permute({0, 2, 1, 3});
}

// Key masks and distance terms, tile by tile; buffers are reused.
class TileBias {
public:
  TileBias(const Shape& shape, const at::Tensor& positions, const at::Tensor& mask, const at::Tensor& sigma,
           at::ScalarType type)
      : shape_(shape), keys_(key_bias_of(mask.view({shape.balls, 1, 1, shape.slots}), type)) {
    if (!sigma.defined()) return;
    positions_ = positions.to(type).view({shape.balls, shape.slots, positions.size(1)});
    sigma_ = sigma.detach().to(type).view({1, shape.groups, shape.heads, 1, 1});
  }

  Bias of(const Tile& tile) {
    Bias bias{keys_.narrow(0, tile.ball, tile.balls), {}};
    if (!sigma_.defined()) return bias;
    if (tile.new_rows) {
      const at::Tensor balls = positions_.narrow(0, tile.ball, tile.balls);
      // Never by the matrix formula: it loses the small distances.
      distances_ = at::cdist(balls.narrow(1, tile.row, tile.rows), balls, 2.0, 2);
    }
    buffer_.resize_({tile.balls, tile.groups, tile.heads, tile.rows, shape_.slots});
    const at::Tensor slopes = sigma_.narrow(1, tile.group, tile.groups).narrow(2, tile.head, tile.heads);
    at::addcmul_out(buffer_, bias.keys.unsqueeze(2), distances_.unsqueeze(1).unsqueeze(2), slopes);
    bias.logits = buffer_.flatten(2, 3);
    return bias;
  }

  bool has_distances() const { return sigma_.defined(); }
  const at::Tensor& distances() const { return distances_; }  // [balls, rows, slots] of the last tile
  void use(const at::Tensor& buffer) { buffer_ = buffer; }

private:
  Shape shape_;
  at::Tensor keys_, positions_, sigma_, distances_, buffer_;
};

TileBias make_bias(const Shape& shape, const at::Tensor& q, const at::Tensor& positions, const at::Tensor& mask,
                   const at::Tensor& sigma) {
  const auto type = softmax_type(q);
  TileBias bias(shape, positions, mask, sigma, type);
  bias.use(at::empty({0}, q.options().dtype(type)));
  return bias;
}

AttentionResult forward_pass(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& positions,
                             const at::Tensor& mask, const at::Tensor& sigma, std::int64_t ball_size, const Job* job) {
  const Shape shape(q, k, ball_size);
  const auto type = softmax_type(q);
  AttentionResult result{at::empty_like(q, at::MemoryFormat::Contiguous),
                         at::empty({q.size(0), q.size(1)}, q.options().dtype(type))};
  TileBias tile_bias = make_bias(shape, q, positions, mask, sigma);
  for_each_tile(shape, chunk_elements(q), [&](const Tile& tile) {
    check(job);
    const DenseResult dense = dense_attention(query_rows(q, shape, tile), key_view(k, shape, tile),
                                              key_view(v, shape, tile), tile_bias.of(tile));
    const at::Tensor out = query_view(result.out, shape, tile), lse = query_view(result.lse, shape, tile);
    out.copy_(dense.out.reshape(out.sizes()));
    lse.copy_(dense.lse.reshape(lse.sizes()));
  });
  const at::Tensor padding = mask.logical_not().unsqueeze(1);
  result.out.masked_fill_(padding.unsqueeze(2), 0.0);
  result.lse.masked_fill_(padding, -std::numeric_limits<double>::infinity());
  return result;
}

struct BallFunction : torch::autograd::Function<BallFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& positions, const at::Tensor& mask,
                               const std::optional<at::Tensor>& slopes, std::int64_t ball_size, std::int64_t job) {
    const at::Tensor sigma = slopes.value_or(at::Tensor());
    const AttentionResult result =
        forward_pass(q, k, v, positions, mask, sigma, ball_size, reinterpret_cast<const Job*>(job));
    context->save_for_backward({q, k, v, positions, mask, sigma, result.lse});
    context->saved_data["ball_size"] = ball_size;
    context->saved_data["job"] = job;
    context->mark_non_differentiable({result.lse});
    return {result.out, result.lse};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &sigma = saved[5], &lse = saved[6];
    const Shape shape(q, k, context->saved_data["ball_size"].toInt());
    const auto* const job = reinterpret_cast<const Job*>(context->saved_data["job"].toInt());
    const auto wide = q.options().dtype(softmax_type(q));
    const at::Tensor grad_out = gradients[0].contiguous();
    const at::Tensor grad_q = at::empty(q.sizes(), wide), grad_k = at::zeros(k.sizes(), wide),
                     grad_v = at::zeros(v.sizes(), wide);
    const at::Tensor grad_sigma = sigma.defined() ? at::zeros({shape.groups, shape.heads}, wide) : at::Tensor();
    TileBias tile_bias = make_bias(shape, q, saved[3], saved[4], sigma);
    for_each_tile(shape, chunk_elements(q), [&](const Tile& tile) {
      check(job);
      const DenseGradient gradient =
          dense_attention_backward(query_rows(q, shape, tile), key_view(k, shape, tile), key_view(v, shape, tile),
                                   tile_bias.of(tile), query_rows(lse, shape, tile), query_rows(grad_out, shape, tile));
      const at::Tensor tile_q = query_view(grad_q, shape, tile);
      tile_q.copy_(gradient.q.reshape(tile_q.sizes()));
      key_view(grad_k, shape, tile).add_(gradient.k);
      key_view(grad_v, shape, tile).add_(gradient.v);
      if (!tile_bias.has_distances()) return;
      // d sigma_h = sum over i, j of dS_ij |p_i - p_j|
      const at::Tensor per_head = at::matmul(gradient.logits.reshape({tile.balls, tile.groups * tile.heads, -1}),
                                             tile_bias.distances().reshape({tile.balls, -1, 1}));
      grad_sigma.narrow(0, tile.group, tile.groups)
          .narrow(1, tile.head, tile.heads)
          .add_(per_head.sum(0).view({tile.groups, tile.heads}));
    });
    const auto type = q.scalar_type();
    return {grad_q.to(type),
            grad_k.to(type),
            grad_v.to(type),
            {},
            {},
            sigma.defined() ? grad_sigma.reshape(sigma.sizes()).to(sigma.scalar_type()) : at::Tensor(),
            {},
            {}};
  }
};

// q, k and v with the positions' part, in their own type.
std::array<at::Tensor, 3> updated(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const PositionUpdate& update) {
  if (!update.matrix.defined()) return {q.contiguous(), k.contiguous(), v.contiguous()};
  const std::int64_t heads = q.size(1), groups = k.size(1), width = q.size(2);
  const auto type = update.relative.scalar_type();
  const at::Tensor added = at::linear(update.relative, update.matrix.to(type), update.offset.to(type))
                               .view({q.size(0), heads + 2 * groups, width});
  const auto with = [&](const at::Tensor& rows, std::int64_t first) {
    return (rows + added.narrow(1, first, rows.size(1))).to(rows.scalar_type());
  };
  return {with(q, 0), with(k, heads), with(v, heads + groups)};
}

}  // namespace

AttentionResult ball_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& positions, const at::Tensor& mask, const at::Tensor& sigma,
                               std::int64_t ball_size, const Job* job, const PositionUpdate& update) {
  if (ball_kernel_applies(q, k, v, positions, ball_size))
    return ball_kernel(q, k, v, positions, mask, sigma, ball_size, job, update);
  const auto [uq, uk, uv] = updated(q, k, v, update);
  if (!needs_gradient({uq, uk, uv, sigma})) return forward_pass(uq, uk, uv, positions, mask, sigma, ball_size, job);
  const variable_list result = BallFunction::apply(uq, uk, uv, positions, mask, if_defined(sigma), ball_size,
                                                   reinterpret_cast<std::int64_t>(job));
  return {result[0], result[1]};
}

}  // namespace erwin::model
