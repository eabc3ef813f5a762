#pragma once
// How a what-if reaches the layers of a forward pass. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/model/internal/nsa_geometry.h"
#include "core/model/internal/selection.h"
#include "core/model/what_if.h"

namespace erwin::model {

struct Interventions {
  AttentionChanges changes;                         // of all samples of the batch
  std::vector<std::vector<ForcedBlock>> of_sample;  // beside them, per sample; may be empty
  // Sees the rows of a module as they are made and may put others in their place: "embed" (points) and
  // "<layer's name>.attention" (what a layer adds to the residual stream, in the order in which it ran).
  std::function<at::Tensor(const std::string& module, const at::Tensor& rows)> replace;
};

// The part that concerns one layer; knows nothing where there is none.
class LayerInterventions {
public:
  LayerInterventions(const Interventions* all, int layer) : all_(all), layer_(layer) {}

  // [3 H] compressed, selected, local: logits of the gates with overrides in place, or the logits themselves.
  at::Tensor gates(const at::Tensor& logits, std::int64_t heads) const;
  // Rows [M, H, D] of a layer with one branch, each head times its override.
  at::Tensor scaled_heads(const at::Tensor& rows) const;

  std::int64_t selected_blocks(std::int64_t configured, std::int64_t blocks) const;
  Exclude exclude(Exclude configured) const;
  // Puts blocks in and takes them out.
  void force(Selection& selection, const SlotGeometry& geometry) const;
  // [B] bool, true where a block is hidden from every branch; undefined where none is.
  at::Tensor hidden_blocks(const SlotGeometry& geometry) const;

  at::Tensor replaced(const std::string& name, const at::Tensor& rows) const;

private:
  bool concerns(int layer) const { return layer < 0 || layer == layer_; }
  template <typename Body>
  void for_each_forced(const SlotGeometry& geometry, const Body& body) const;
  // [3][H] values, NaN where there is no override; empty where there is none at all.
  std::vector<double> overrides(std::int64_t heads) const;

  const Interventions* all_;
  int layer_;
};

}  // namespace erwin::model
