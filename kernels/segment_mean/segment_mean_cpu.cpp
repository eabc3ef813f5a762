#include <algorithm>

#include "kernels/parallel/parallel.h"
#include "kernels/segment_mean/segment_mean.h"

namespace erwin::kernels {

namespace {

template <typename Real>
void run(const SegmentMeanParams<Real>& params) {
  const std::int64_t channels = params.channels;
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 14) / std::max<std::int64_t>(1, channels));
  parallel_for(0, params.segments, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t s = first; s < last; ++s) {
      Real* const out = params.out + s * channels;
      std::fill_n(out, channels, Real(0));
      const std::int64_t begin = params.begin[s], end = params.begin[s + 1];
      for (std::int64_t i = begin; i < end; ++i) {
        const Real* const row = params.rows + (params.order ? params.order[i] : i) * channels;
        for (std::int64_t c = 0; c < channels; ++c) out[c] += row[c];
      }
      if (!params.mean || end - begin < 2) continue;
      const Real count = static_cast<Real>(end - begin);
      for (std::int64_t c = 0; c < channels; ++c) out[c] /= count;
    }
  });
}

}  // namespace

void segment_mean_cpu(const SegmentMeanParams<float>& params) {
  run(params);
}
void segment_mean_cpu(const SegmentMeanParams<double>& params) {
  run(params);
}

}  // namespace erwin::kernels
