#pragma once
// Three-branch attention as it is measured: its tensors, the whole of it and its steps one by one. Internal: names
// Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "core/bench/internal/subjects.h"
#include "core/config/model_config.h"
#include "core/model/internal/attention_ops.h"
#include "core/model/internal/compression.h"
#include "core/model/internal/nsa_geometry.h"
#include "core/model/internal/selection.h"

namespace erwin::bench {

struct ThreeBranchShape {
  std::int64_t points = 0, ball = 0;
  std::int64_t heads = 16, kv_heads = 1, width = 16, block = 32, selected = 16;

  std::int64_t blocks() const { return points / block; }
  std::int64_t element(at::ScalarType type) const { return type == at::kBFloat16 ? 2 : 4; }
  // q, k, v and the result.
  std::int64_t bytes(at::ScalarType type) const { return 2 * points * (heads + kv_heads) * width * element(type); }
  double compressed_exps(CompressedQuery per) const;
  double selected_exps() const;
  double local_exps() const;
  double exps(CompressedQuery per) const { return compressed_exps(per) + selected_exps() + local_exps(); }
};

// One full cloud in tree order, all slots real; random q, k, v, and block keys and values that are means.
class ThreeBranch {
public:
  ThreeBranch(const ThreeBranchShape& shape, const at::TensorOptions& options);

  // From q, k, v, positions, gate logits, block keys and values to the merged result.
  Problem whole(CompressedQuery per) const;
  Problem compressed(CompressedQuery per) const;
  Problem mean_queries() const;
  Problem selection() const;
  Problem selected() const;
  Problem local() const;
  Problem merge() const;
  Problem phi() const;  // pool, for keys and values
  // Dense attention over the same q, k, v, the latter two expanded to all heads.
  Problem dense(const std::function<at::Tensor(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v)>&) const;

private:
  at::Tensor random(std::int64_t heads) const;
  model::BlockKeys blocks() const;
  model::Selection select(const at::Tensor& mean_query) const;
  at::Tensor near() const;  // the local branch
  at::Tensor merged(const at::Tensor& compressed, const at::Tensor& selected, const at::Tensor& local) const;

  ThreeBranchShape shape_;
  at::TensorOptions options_;
  model::SlotGeometry geometry_;
  model::PositionUpdate update_;
  at::Tensor q_, k_, v_, logits_, block_k_, block_v_, memory_k_, memory_v_, sigma_, gradient_;
};

}  // namespace erwin::bench
