// The CUDA kernel equals its CPU twin bit for bit.

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include "kernels/segment_mean/segment_mean.h"
#include "tests/kernels/segment_mean/segments.h"

namespace erwin::kernels {
namespace {

// A device copy of a vector.
template <typename T>
class OnDevice {
public:
  explicit OnDevice(const std::vector<T>& values) : size_(values.size()) {
    if (cudaMalloc(&data_, size_ * sizeof(T)) != cudaSuccess) throw std::bad_alloc();
    cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice);
  }
  ~OnDevice() { cudaFree(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  T* data() const { return static_cast<T*>(data_); }
  std::vector<T> back() const {
    std::vector<T> values(size_);
    cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost);
    return values;
  }

private:
  std::size_t size_;
  void* data_ = nullptr;
};

template <typename Real>
void expect_the_same_bits() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no CUDA device here";
  for (const std::int64_t channels : {1, 5, 64})
    for (const int variant : {0, 1, 2, 3}) {
      const bool mean = variant % 2 == 1, with_order = variant / 2 == 1;
      const test::Segments<Real> given(channels, 3000);
      std::vector<Real> expected(given.out_size());
      SegmentMeanParams<Real> params{given.rows.data(),
                                     given.begin.data(),
                                     with_order ? given.order.data() : nullptr,
                                     expected.data(),
                                     given.size(),
                                     channels,
                                     mean};
      segment_mean_cpu(params);
      const OnDevice<Real> rows(given.rows), out(std::vector<Real>(given.out_size(), Real(99)));
      const OnDevice<std::int64_t> begin(given.begin), order(given.order);
      params.rows = rows.data();
      params.begin = begin.data();
      params.order = with_order ? order.data() : nullptr;
      params.out = out.data();
      cudaStream_t stream = nullptr;
      ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
      ASSERT_EQ(segment_mean_cuda(params, stream), cudaSuccess);
      ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
      cudaStreamDestroy(stream);
      EXPECT_EQ(out.back(), expected) << channels << " channels, mean " << mean << ", order " << with_order;
    }
}

TEST(SegmentMeanGpu, EqualsTheCpuInFloat) {
  expect_the_same_bits<float>();
}
TEST(SegmentMeanGpu, EqualsTheCpuInDouble) {
  expect_the_same_bits<double>();
}

}  // namespace
}  // namespace erwin::kernels
