// bench ball.

#include <ATen/ATen.h>

#include <memory>

#include "core/base/error.h"
#include "core/bench/bench.h"
#include "core/bench/internal/peers.h"
#include "core/bench/internal/subjects.h"
#include "core/model/internal/attention_ops.h"

namespace erwin::bench {

namespace {

struct Shape {
  std::int64_t points = 0, ball = 0;
  at::ScalarType type = at::kBFloat16;
  bool aim = false;
  static constexpr std::int64_t heads = 8, width = 32;

  std::int64_t bytes() const { return 4 * points * heads * width * (type == at::kBFloat16 ? 2 : 4); }
  std::int64_t bias_bytes() const { return points * ball * heads * (type == at::kBFloat16 ? 2 : 4); }
};

constexpr std::int64_t most_for_math = 65536;  // probabilities in memory

// Rows in tree order, and the same by balls: [balls, H, m, D].
class Balls {
public:
  Balls(const Shape& shape, const at::Device& device) : shape_(shape) {
    const auto options = at::TensorOptions().dtype(shape.type).device(device);
    const auto rows = [&] { return at::randn({shape.points, Shape::heads, Shape::width}, options); };
    q_ = leaf(rows());
    k_ = leaf(rows());
    v_ = leaf(rows());
    gradient_ = rows();
    sigma_ = leaf(at::full({Shape::heads}, -1.0, options));
    positions_ = at::rand({shape.points, 3}, options.dtype(at::kFloat));
    mask_ = at::ones({shape.points}, options.dtype(at::kBool));
  }

  Problem ours() const {
    return {[self = *this] {
              return model::ball_attention(self.q_, self.k_, self.v_, self.positions_, self.mask_, self.sigma_,
                                           self.shape_.ball, nullptr)
                  .out;
            },
            {q_, k_, v_, sigma_},
            gradient_};
  }

  Problem peer(SdpaKernel kernel, bool with_bias) const {
    const at::Tensor q = leaf(by_balls(q_)), k = leaf(by_balls(k_)), v = leaf(by_balls(v_));
    const at::Tensor bias = with_bias ? this->bias() : at::Tensor();
    return {[=] { return sdpa(kernel, q, k, v, bias); }, {q, k, v}, by_balls(gradient_)};
  }

private:
  at::Tensor by_balls(const at::Tensor& rows) const {
    return rows.detach().view({-1, shape_.ball, Shape::heads, Shape::width}).transpose(1, 2).contiguous();
  }
  at::Tensor bias() const {
    const at::Tensor places = positions_.view({-1, shape_.ball, 3});
    const at::Tensor distances = at::cdist(places, places).unsqueeze(1).to(shape_.type);
    return distances * sigma_.detach().view({1, Shape::heads, 1, 1});
  }

  Shape shape_;
  at::Tensor q_, k_, v_, gradient_, sigma_, positions_, mask_;
};

std::vector<Shape> shapes_of(const Options& options, const at::Device& device) {
  std::vector<Shape> shapes;
  const bool cpu = device.is_cpu();
  const std::vector<at::ScalarType> types = cpu ? std::vector{at::kFloat} : std::vector{at::kBFloat16, at::kFloat};
  for (const at::ScalarType type : types) {
    if (!options.points.empty()) {
      for (const std::int64_t points : options.points) {
        if (points < 1 || points % 256 != 0)
          throw Error(ErrorKind::Config, "the points do not fill balls of 256", "--points " + std::to_string(points),
                      "Give multiples of 256");
        shapes.push_back({points, 256, type});
      }
    } else if (cpu) {
      shapes.push_back({16384, 256, type});
    } else {
      shapes.push_back({65536, 256, type, type == at::kBFloat16});
      for (const std::int64_t ball : {128, 512, 1024}) shapes.push_back({65536, ball, type});
      shapes.push_back({1048576, 256, type, type == at::kBFloat16});
    }
  }
  return shapes;
}

std::vector<SdpaKernel> kernels_with_bias(const at::Device& device, at::ScalarType type) {
  if (device.is_cpu()) return {SdpaKernel::Any};
  if (type == at::kFloat) return {SdpaKernel::Efficient};
  return {SdpaKernel::Efficient, SdpaKernel::Cudnn};
}

Group group_of(const Shape& shape, const at::Device& device) {
  const auto tensors = std::make_shared<std::unique_ptr<Balls>>();
  const auto balls = [=]() -> const Balls& {
    if (!*tensors) *tensors = std::make_unique<Balls>(shape, device);
    return **tensors;
  };
  Group group{"N " + std::to_string(shape.points) + ", m " + std::to_string(shape.ball) + ", H8 D32",
              precision_name(shape.type),
              {{"points", shape.points}, {"ball", shape.ball}, {"heads", Shape::heads}, {"head_dim", Shape::width}},
              {}};
  const auto add = [&](std::string what, Role role, std::function<Problem()> make) -> Subject& {
    Subject subject{std::move(what), role, std::move(make)};
    subject.exps = static_cast<double>(Shape::heads * shape.points) * static_cast<double>(shape.ball);
    subject.tensor_bytes = shape.bytes();
    subject.bytes = static_cast<double>(subject.tensor_bytes);
    group.subjects.push_back(std::move(subject));
    return group.subjects.back();
  };
  Subject& ours = add("ours, distance bias", Role::Ours, [=] { return balls().ours(); });
  if (shape.aim) ours.aim_forward = ours.aim_both = 1;
  add("ours without our kernels (ATen)", Role::Other, [=] { return without_kernels(balls().ours()); }).graph = false;
  for (const SdpaKernel kernel : sdpa_kernels(device, shape.type)) {
    Subject& peer =
        add(std::string("batched SDPA, ") + name_of(kernel), Role::Peer, [=] { return balls().peer(kernel, false); });
    if (kernel == SdpaKernel::Math && shape.points > most_for_math)
      peer.left_out = "its probabilities would fill the memory";
  }
  for (const SdpaKernel kernel : kernels_with_bias(device, shape.type)) {
    Subject& biased = add(std::string("batched SDPA, dense bias, ") + name_of(kernel), Role::Other,
                          [=] { return balls().peer(kernel, true); });
    biased.bytes += static_cast<double>(shape.bias_bytes());
    biased.note = "the bias is given and gets no gradient";
  }
  return group;
}

}  // namespace

std::vector<Row> bench_ball(const Options& options, const Job& job) {
  Recorder recorder(options, device_of(options), job);
  for (const Shape& shape : shapes_of(options, recorder.device()))
    recorder.measure_group(group_of(shape, recorder.device()));
  return recorder.take();
}

}  // namespace erwin::bench
