#pragma once
// Attention of many small dense problems at once, and what the chunked operations share. Internal: this header names
// Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include "core/base/job.h"

namespace erwin::model {

// Type of logits, sums and lse: float32 for the 16-bit types, else the tensor's own.
at::ScalarType softmax_type(const at::Tensor& tensor);

// Logits of a chunk on a device.
inline constexpr std::int64_t device_chunk = std::int64_t{1} << 25;

// Logits that one chunk may hold: about the size of a cache on the CPU, enough to fill the device elsewhere.
std::int64_t chunk_elements(const at::Tensor& like);

// Other, usually smaller chunks on this thread while it lives.
class ChunkLimit {
public:
  explicit ChunkLimit(std::int64_t elements);
  ~ChunkLimit();
  ChunkLimit(const ChunkLimit&) = delete;
  ChunkLimit& operator=(const ChunkLimit&) = delete;

private:
  std::int64_t before_;
};

// [n] bool to [n]: 0 where true, -infinity where false.
at::Tensor key_bias_of(const at::Tensor& mask, at::ScalarType type);

inline void check(const Job* job) {
  if (job) job->check();
}

// `keys` says which keys exist: 0 or -infinity, [B, 1 or G, 1, C], undefined where all do. `logits` is the whole
// addition to the logits, keys' included, [B, G, R, C]; undefined where it is `keys` alone. Both in softmax_type.
struct Bias {
  at::Tensor keys, logits;
  const at::Tensor& whole() const { return logits.defined() ? logits : keys; }
};

struct DenseResult {
  at::Tensor out;  // [B, G, R, D]; 0 where a row has no key
  at::Tensor lse;  // [B, G, R]; -infinity there
};

// softmax(q k^T / sqrt(D) + bias) v for q [B, G, R, D], k and v [B, G, C, D].
DenseResult dense_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Bias& bias);

struct DenseGradient {
  at::Tensor q, k, v;  // in softmax_type
  at::Tensor logits;   // [B, G, R, C]
};

// From the lse of the forward pass: P = exp(logits - lse), dV = P^T do, dP = do v^T, dS = P (dP - sum_j P dP),
// dQ = dS K / sqrt(D), dK = dS^T Q / sqrt(D). Rows with lse = -infinity get and give nothing.
DenseGradient dense_attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Bias& bias,
                                       const at::Tensor& lse, const at::Tensor& grad_out);

// Runs of consecutive samples with equally many rows and equally many blocks: they are computed as one batch.
struct SampleRun {
  std::int64_t samples = 0;
  std::int64_t first_row = 0, rows = 0;      // rows of one sample
  std::int64_t first_block = 0, blocks = 0;  // blocks of one sample
};
std::vector<SampleRun> equal_runs(const std::vector<std::int64_t>& row_offsets,
                                  const std::vector<std::int64_t>& block_offsets);

// Autograd's functions want "no tensor" said this way.
inline std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

// Does any of the tensors take part in differentiation now?
bool needs_gradient(std::initializer_list<at::Tensor> tensors);

}  // namespace erwin::model
