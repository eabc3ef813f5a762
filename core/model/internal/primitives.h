#pragma once
// The layers that every trunk is made of. Each takes rows [n, channels] and creates its tensors through a Builder.
// A network of type bf16 keeps its residual stream and its norms in float32 and multiplies in bf16: every layer takes
// rows of either type; Linear, RmsNorm and SwiGlu answer in the network's type, LayerNorm and BatchNorm1d in float32.
// Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

#include "core/base/job.h"
#include "core/model/internal/parameters.h"

namespace erwin::model {

// Type of norms, statistics, positions and of the residual stream in a network whose weights have type `type`: float32
// for bf16 and float16, otherwise the same.
at::ScalarType wide_type(at::ScalarType type);

// ---- Many rows at a time on the CPU, where no gradient is wanted: in chunks, with a look at the job before each, so
// that a stopped job ends soon whatever the size of the cloud. Otherwise in one piece. ----
constexpr std::int64_t rows_between_looks = 1 << 14;
bool takes_chunks(const at::Tensor& rows);

// A chunk of some rows; all of them as they are.
at::Tensor rows_of(const at::Tensor& all, std::int64_t first, std::int64_t count);
// Puts the result for some rows of `total` where it belongs; `all` is made with the first of them.
void put_rows(at::Tensor& all, const at::Tensor& part, std::int64_t first, std::int64_t total);

// body(first, count) for every chunk of `rows`.
template <typename Body>
void for_row_chunks(const at::Tensor& rows, const Job* job, const Body& body) {
  const std::int64_t total = rows.size(0), step = takes_chunks(rows) ? rows_between_looks : total;
  std::int64_t first = 0;
  do {
    if (job) job->check();
    body(first, std::min(step, total - first));
    first += step;
  } while (first < total);
}

// function(chunk) of every chunk of x, put together.
template <typename Function>
at::Tensor by_rows(const at::Tensor& x, const Job* job, const Function& function) {
  at::Tensor all;
  for_row_chunks(x, job, [&](std::int64_t first, std::int64_t count) {
    put_rows(all, function(rows_of(x, first, count)), first, x.size(0));
  });
  return all;
}

// x weight^T + bias. Names: weight [out, in], bias [out].
class Linear {
public:
  Linear() = default;
  Linear(Builder builder, std::int64_t in, std::int64_t out, bool with_bias = true);
  at::Tensor operator()(const at::Tensor& x) const;
  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }  // undefined without bias

private:
  at::Tensor weight_, bias_;
};

// x / sqrt(mean(x^2) + eps) weight; eps is float32's machine epsilon, in float64 float64's (method 8.2). Names: weight.
class RmsNorm {
public:
  RmsNorm() = default;
  RmsNorm(Builder builder, std::int64_t width);
  at::Tensor operator()(const at::Tensor& x) const;

private:
  at::Tensor weight_;
};

// (x - mean) / sqrt(variance + 1e-5) weight + bias over the channels. Names: weight, bias.
class LayerNorm {
public:
  LayerNorm() = default;
  LayerNorm(Builder builder, std::int64_t width);
  at::Tensor operator()(const at::Tensor& x) const;

private:
  at::Tensor weight_, bias_;
};

// W3(W2 x * SiLU(W1 x)), all with bias. Names: w1, w2, w3 (.weight, .bias). Without gradients the CPU takes the rows in
// chunks, so that the hidden rows stay in its cache and a stopped job ends soon.
class SwiGlu {
public:
  SwiGlu() = default;
  SwiGlu(Builder builder, std::int64_t width, std::int64_t hidden);
  at::Tensor operator()(const at::Tensor& x, const Job* job = nullptr) const;

private:
  at::Tensor of_rows(const at::Tensor& x) const;
  Linear w1_, w2_, w3_;
};

// Per channel over the rows, as PyTorch's: eps 1e-5, momentum 0.1, running variance unbiased. Names: weight, bias and
// the buffers running_mean, running_var, num_batches_tracked (int64).
class BatchNorm1d {
public:
  BatchNorm1d() = default;
  BatchNorm1d(Builder builder, std::int64_t channels);
  // mask [n] bool: rows that count in the statistics; undefined: all. Training uses the batch's statistics and updates
  // the running ones, evaluation uses the running ones.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& mask, bool training) const;

private:
  at::Tensor masked_batch_statistics(const at::Tensor& x, const at::Tensor& mask) const;
  at::Tensor weight_, bias_, running_mean_, running_var_, batches_;
};

}  // namespace erwin::model
