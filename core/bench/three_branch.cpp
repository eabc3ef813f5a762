#include "core/bench/internal/three_branch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/bench/internal/peers.h"
#include "core/model/internal/nsa.h"

namespace erwin::bench {

namespace {

// [points, heads, width] to the layout of scaled_dot_product_attention.
at::Tensor batched(const at::Tensor& rows) {
  return rows.transpose(0, 1).unsqueeze(0).contiguous();
}

}  // namespace

double ThreeBranchShape::compressed_exps(CompressedQuery per) const {
  const std::int64_t rows = per == CompressedQuery::Token ? points : blocks();
  return static_cast<double>(heads * rows) * static_cast<double>(blocks() + 1);
}
double ThreeBranchShape::selected_exps() const {
  const std::int64_t outside = (points - ball) / block;  // the own ball is excluded
  return static_cast<double>(heads * points) * static_cast<double>(block * std::min(selected, outside));
}
double ThreeBranchShape::local_exps() const {
  return static_cast<double>(heads * points) * static_cast<double>(ball);
}

ThreeBranch::ThreeBranch(const ThreeBranchShape& shape, const at::TensorOptions& options)
    : shape_(shape), options_(options) {
  const at::TensorOptions wide = options.dtype(at::kFloat);
  geometry_ =
      model::make_slot_geometry(at::rand({shape.points, 3}, wide), at::ones({shape.points}, options.dtype(at::kBool)),
                                {0, shape.points}, shape.ball, shape.block);
  q_ = leaf(random(shape.heads));
  k_ = leaf(random(shape.kv_heads));
  v_ = leaf(random(shape.kv_heads));
  logits_ = leaf(at::randn({shape.points, 3 * shape.heads}, options));
  block_k_ = leaf(model::block_means(k_, geometry_));
  block_v_ = leaf(model::block_means(v_, geometry_));
  memory_k_ = leaf(at::zeros({shape.kv_heads, shape.width}, options));
  memory_v_ = leaf(memory_k_);
  sigma_ = leaf(at::full({shape.heads}, -1.0, options));
  const std::int64_t columns = (shape.heads + 2 * shape.kv_heads) * shape.width;
  update_ = {geometry_.relative, leaf(at::randn({columns, 3}, wide)), leaf(at::randn({columns}, wide))};
  gradient_ = random(shape.heads);
}

at::Tensor ThreeBranch::random(std::int64_t heads) const {
  return at::randn({shape_.points, heads, shape_.width}, options_);
}

model::BlockKeys ThreeBranch::blocks() const {
  return {block_k_, block_v_, geometry_.block_real, memory_k_, memory_v_, geometry_.block_offsets};
}

model::Selection ThreeBranch::select(const at::Tensor& mean_query) const {
  return model::select_blocks(mean_query, block_k_, geometry_, shape_.selected, Exclude::Ball, nullptr);
}

at::Tensor ThreeBranch::near() const {
  return model::ball_attention(q_, k_, v_, geometry_.positions, geometry_.mask, sigma_, shape_.ball, nullptr, update_)
      .out;
}

at::Tensor ThreeBranch::merged(const at::Tensor& compressed, const at::Tensor& selected,
                               const at::Tensor& local) const {
  return model::merge_branches(logits_, compressed, selected, local, geometry_.mask);
}

Problem ThreeBranch::whole(CompressedQuery per) const {
  return {[self = *this, per] {
            const at::Tensor coarse =
                model::compressed_branch(self.q_, self.geometry_, self.blocks(), per, nullptr).out;
            const model::Selection selection =
                self.select(model::mean_queries(self.q_, self.shape_.kv_heads, self.geometry_));
            const at::Tensor chosen =
                model::selected_attention(self.q_, self.k_, self.v_, self.geometry_.mask,
                                          selection.ids.narrow(2, 0, selection.columns), self.shape_.block, nullptr)
                    .out;
            return self.merged(coarse, chosen, self.near());
          },
          {q_, k_, v_, logits_, block_k_, block_v_, memory_k_, memory_v_, sigma_, update_.matrix, update_.offset},
          gradient_};
}

Problem ThreeBranch::compressed(CompressedQuery per) const {
  return {[self = *this, per] {
            return model::compressed_branch(self.q_, self.geometry_, self.blocks(), per, nullptr).out;
          },
          {q_, block_k_, block_v_, memory_k_, memory_v_},
          per == CompressedQuery::Token ? gradient_ : gradient_.narrow(0, 0, shape_.blocks())};
}

Problem ThreeBranch::mean_queries() const {
  return {[self = *this] { return model::mean_queries(self.q_, self.shape_.kv_heads, self.geometry_); }, {}, {}};
}

Problem ThreeBranch::selection() const {
  const at::Tensor mean_query = model::mean_queries(q_.detach(), shape_.kv_heads, geometry_);
  return {[self = *this, mean_query] { return self.select(mean_query).ids; }, {}, {}};
}

Problem ThreeBranch::selected() const {
  const model::Selection selection = select(model::mean_queries(q_.detach(), shape_.kv_heads, geometry_));
  return {[self = *this, ids = selection.ids.narrow(2, 0, selection.columns)] {
            return model::selected_attention(self.q_, self.k_, self.v_, self.geometry_.mask, ids, self.shape_.block,
                                             nullptr)
                .out;
          },
          {q_, k_, v_},
          gradient_};
}

Problem ThreeBranch::local() const {
  return {[self = *this] { return self.near(); }, {q_, k_, v_, sigma_, update_.matrix, update_.offset}, gradient_};
}

Problem ThreeBranch::merge() const {
  const at::Tensor compressed = leaf(random(shape_.heads)), selected = leaf(random(shape_.heads)),
                   local = leaf(random(shape_.heads));
  return {[self = *this, compressed, selected, local] { return self.merged(compressed, selected, local); },
          {compressed, selected, local, logits_},
          gradient_};
}

Problem ThreeBranch::phi() const {
  const auto parameters = std::make_shared<model::Parameters>();
  const model::Builder builder{*parameters, at::Generator(), options_, ""};
  const auto made = [&](const char* name) {
    return model::BlockCompression(builder.child(name), Compression::Pool, shape_.kv_heads, shape_.width, shape_.block,
                                   /*dimension=*/3);
  };
  std::vector<at::Tensor> inputs{k_, v_};
  const auto keys = made("k"), values = made("v");
  for (const auto& entry : parameters->entries()) inputs.push_back(entry.tensor);
  const at::Tensor gradient = at::randn({2, shape_.blocks(), shape_.kv_heads, shape_.width}, options_);
  return {[self = *this, parameters, keys, values] {
            return at::stack({keys(self.k_, self.k_, self.geometry_), values(self.v_, self.k_, self.geometry_)});
          },
          inputs, gradient};
}

Problem ThreeBranch::dense(
    const std::function<at::Tensor(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v)>& attention) const {
  const auto expanded = [&](const at::Tensor& rows) {
    return rows.repeat_interleave(shape_.heads / shape_.kv_heads, 1);
  };
  const at::Tensor q = leaf(batched(q_)), k = leaf(batched(expanded(k_))), v = leaf(batched(expanded(v_)));
  return {[=] { return attention(q, k, v); }, {q, k, v}, batched(gradient_)};
}

}  // namespace erwin::bench
