#pragma once
// The U-net of ball attention, `erwin` (method 2.1 and 8.2): blocks and pooling down to the coarsest level, unpooling
// and blocks back up. Agrees with the authors' code; names as in its PyTorch state. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/internal/batch.h"
#include "core/model/internal/network.h"
#include "core/model/internal/primitives.h"

namespace erwin::model {

// An order in which a level's blocks run: rows, which of them are real, and where each lies in its ball.
struct Partition {
  at::Tensor positions;  // [R, d]
  at::Tensor mask;       // [R] bool
  at::Tensor relative;   // [R, d] position minus the mean of the ball's real positions
};

// A level as its blocks and its pooling need it, computed once per forward pass.
struct UnetLevel {
  const LevelGeometry* geometry = nullptr;
  int index = 0;
  std::int64_t ball_size = 0;
  Partition main;
  std::optional<Partition> rotated;
  at::Tensor child_offsets;  // [parents, stride d] children minus their parent, padding children 0; not of the coarsest
};

// x += BMSA(RMSNorm(x)); x += SwiGLU(RMSNorm(x)). Names: norm1, norm2, BMSA.{qkv, proj, pe_proj, sigma_att}, swiglu.
class BallBlock {
public:
  // name: the module's, as taps and observers call it.
  BallBlock(Builder builder, std::string name, const ModelConfig& config, std::int64_t width, int heads, bool rotates);
  at::Tensor forward(const at::Tensor& x, const UnetLevel& level, const Batch& batch, ForwardContext& context) const;

private:
  at::Tensor attention(const at::Tensor& u, const UnetLevel& level, const Partition& partition, bool rotated,
                       const Batch& batch, ForwardContext& context) const;
  std::string name_;
  bool rotates_;
  int heads_;
  RmsNorm norm1_, norm2_;
  at::Tensor qkv_weight_, qkv_bias_, sigma_;
  Linear proj_, position_;
  SwiGlu swiglu_;
};

// Children's rows and offsets, concatenated, to one parent: Linear, then BatchNorm. Names: proj, norm.
class BallPooling {
public:
  BallPooling(Builder builder, std::int64_t width, std::int64_t parent_width, int stride, int dimension);
  at::Tensor forward(const at::Tensor& x, const UnetLevel& level, const UnetLevel& parents, bool training) const;

private:
  int stride_;
  Linear proj_;
  BatchNorm1d norm_;
};

// What a parent and its children's offsets add to the children's rows, then BatchNorm. Names: proj, norm.
class BallUnpooling {
public:
  BallUnpooling(Builder builder, std::int64_t parent_width, std::int64_t width, int stride, int dimension);
  at::Tensor forward(const at::Tensor& parents, const at::Tensor& x, const UnetLevel& level, bool training) const;

private:
  Linear proj_;
  BatchNorm1d norm_;
};

}  // namespace erwin::model
