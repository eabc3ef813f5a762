// bench attention.

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "core/base/error.h"
#include "core/bench/bench.h"
#include "core/bench/internal/peers.h"
#include "core/bench/internal/subjects.h"
#include "core/bench/internal/three_branch.h"

namespace erwin::bench {

namespace {

// A row of the aims: shape, type, and how many times faster than dense attention ours should be.
struct Case {
  ThreeBranchShape shape;
  at::ScalarType type = at::kBFloat16;
  double aim_forward = 0, aim_both = 0;
  double block_forward = 0, block_both = 0;  // with compressed_query = block; 0: not measured
};

constexpr std::int64_t most_for_math = 8192;   // N x N probabilities in memory
constexpr std::int64_t most_for_aten = 65536;  // seconds a run beyond
constexpr std::int64_t most_for_every_peer = 262144;

std::vector<Case> cases_of(const Options& options, const at::Device& device) {
  const at::ScalarType fast = device.is_cpu() ? at::kFloat : at::kBFloat16;
  std::vector<Case> cases;
  for (const std::int64_t points : options.points) {
    std::int64_t ball = 256;
    while (ball > 32 && points % ball != 0) ball /= 2;
    if (points < ball || points % ball != 0)
      throw Error(ErrorKind::Config, "the points do not fill balls", "--points " + std::to_string(points),
                  "Give multiples of 32");
    cases.push_back({{points, ball}, fast});
  }
  if (!cases.empty()) return cases;
  if (device.is_cpu()) return {{{4096, 256}, at::kFloat, 2, 0}};
  return {{{4096, 512}, at::kBFloat16, 1.5, 1.5},
          {{8192, 128}, at::kBFloat16, 4, 3},
          {{4096, 512}, at::kFloat},
          {{8192, 128}, at::kFloat},
          {{65536, 256}, at::kBFloat16, 15, 12},
          {{1048576, 256}, at::kBFloat16, 25, 20, 200, 150}};
}

std::string group_name(const ThreeBranchShape& shape) {
  return "N " + std::to_string(shape.points) + ", m " + std::to_string(shape.ball) + ", H" +
         std::to_string(shape.heads) + " D" + std::to_string(shape.width) + " G" + std::to_string(shape.kv_heads);
}

std::string dense_name(SdpaKernel kernel) {
  return std::string("dense SDPA, ") + name_of(kernel);
}

// Of the kernels measured so far the one that was fastest forward and backward at the largest size; cuDNN before any.
SdpaKernel fastest_dense(const std::vector<Row>& rows) {
  SdpaKernel best = SdpaKernel::Cudnn;
  std::int64_t largest = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const SdpaKernel kernel : {SdpaKernel::Flash, SdpaKernel::Cudnn})
    for (const Row& row : rows) {
      if (row.what != dense_name(kernel) || row.best_ms() <= 0) continue;
      const std::int64_t points = row.shape.at("points");
      if (points < largest || (points == largest && row.best_ms() >= least)) continue;
      largest = points;
      least = row.best_ms();
      best = kernel;
    }
  return best;
}

class Maker {
public:
  Maker(const Recorder& recorder, const Case& asked) : recorder_(recorder), case_(asked), shape_(asked.shape) {}

  Group group() {
    Group group{group_name(shape_),
                precision_name(case_.type),
                {{"points", shape_.points},
                 {"ball", shape_.ball},
                 {"heads", shape_.heads},
                 {"kv_heads", shape_.kv_heads},
                 {"head_dim", shape_.width},
                 {"block", shape_.block},
                 {"selected_blocks", shape_.selected}},
                {}};
    add_ours(group);
    add_dense(group);
    if (case_.type == at::kBFloat16 || recorder_.device().is_cpu()) add_parts(group);
    return group;
  }

private:
  using Tensors = std::shared_ptr<std::unique_ptr<ThreeBranch>>;

  // Made when the first row is measured, and shared by all of the group.
  const ThreeBranch& tensors() const {
    if (!*tensors_)
      *tensors_ =
          std::make_unique<ThreeBranch>(shape_, at::TensorOptions().dtype(case_.type).device(recorder_.device()));
    return **tensors_;
  }
  std::int64_t bytes() const { return shape_.bytes(case_.type); }
  std::int64_t rows_of(std::int64_t heads) const {
    return shape_.points * heads * shape_.width * shape_.element(case_.type);
  }

  void add_ours(Group& group) const {
    const auto ours = [this](CompressedQuery per, std::string what, double forward, double both) {
      Subject subject{std::move(what), Role::Ours, [self = *this, per] { return self.tensors().whole(per); }};
      subject.exps = shape_.exps(per);
      subject.bytes = static_cast<double>(bytes());
      subject.tensor_bytes = bytes();
      subject.aim_forward = forward;
      subject.aim_both = both;
      return subject;
    };
    group.subjects.push_back(ours(CompressedQuery::Token, "ours", case_.aim_forward, case_.aim_both));
    if (case_.block_forward > 0)
      group.subjects.push_back(
          ours(CompressedQuery::Block, "ours, compressed_query = block", case_.block_forward, case_.block_both));
    Subject aten = group.subjects.front();
    aten.what = "ours without our kernels (ATen)";
    aten.role = Role::Other;
    aten.make = [self = *this] { return without_kernels(self.tensors().whole(CompressedQuery::Token)); };
    aten.graph = false;
    aten.aim_forward = aten.aim_both = 0;
    if (shape_.points > most_for_aten) aten.left_out = "it would take minutes";
    group.subjects.push_back(std::move(aten));
  }

  void add_dense(Group& group) const {
    const SdpaKernel fastest = fastest_dense(recorder_.rows());
    for (const SdpaKernel kernel : sdpa_kernels(recorder_.device(), case_.type)) {
      Subject subject{dense_name(kernel), Role::Peer, [self = *this, kernel] {
                        return self.tensors().dense([kernel](const at::Tensor& q, const at::Tensor& k,
                                                             const at::Tensor& v) { return sdpa(kernel, q, k, v); });
                      }};
      subject.exps = static_cast<double>(shape_.heads * shape_.points) * static_cast<double>(shape_.points);
      subject.tensor_bytes = 4 * rows_of(shape_.heads);
      subject.bytes = static_cast<double>(subject.tensor_bytes);
      if (kernel == SdpaKernel::Math && shape_.points > most_for_math && !recorder_.device().is_cpu())
        subject.left_out = "its N x N matrices do not fit";
      if (shape_.points > most_for_every_peer) {
        subject.budget = {2, 10, 2, 0};  // tens of seconds a run
        if (subject.left_out.empty() && kernel != fastest)
          subject.left_out = std::string("it takes minutes, and ") + name_of(fastest) + " is the faster one";
      }
      group.subjects.push_back(std::move(subject));
    }
  }

  void add_part(Group& group, const char* what, double exps, std::int64_t moved, Problem (ThreeBranch::*part)() const,
                bool backward = true) const {
    Subject subject{std::string("part: ") + what, Role::Other,
                    [self = *this, part] { return (self.tensors().*part)(); }};
    subject.exps = exps;
    subject.bytes = static_cast<double>(moved);
    subject.tensor_bytes = moved;
    subject.backward = backward;
    subject.budget.seconds = 3;
    group.subjects.push_back(std::move(subject));
  }
  void add_compressed(Group& group, CompressedQuery per, const char* what) const {
    add_part(group, what, shape_.compressed_exps(per), 2 * rows_of(shape_.heads), nullptr);
    group.subjects.back().make = [self = *this, per] { return self.tensors().compressed(per); };
  }
  void add_parts(Group& group) const {
    const std::int64_t q = rows_of(shape_.heads), k = rows_of(shape_.kv_heads);
    add_part(group, "phi (pool), not in ours", 0, 2 * k, &ThreeBranch::phi);
    add_compressed(group, CompressedQuery::Token, "compressed");
    if (case_.block_forward > 0) add_compressed(group, CompressedQuery::Block, "compressed, per block");
    add_part(group, "mean queries", 0, q, &ThreeBranch::mean_queries, false);
    add_part(group, "scores and selection", 0, 2 * k / shape_.block, &ThreeBranch::selection, false);
    add_part(group, "selected", shape_.selected_exps(), bytes(), &ThreeBranch::selected);
    add_part(group, "local", shape_.local_exps(), bytes(), &ThreeBranch::local);
    add_part(group, "gate merge", 0, 4 * q, &ThreeBranch::merge);
  }

  const Recorder& recorder_;
  Case case_;
  ThreeBranchShape shape_;
  Tensors tensors_ = std::make_shared<std::unique_ptr<ThreeBranch>>();
};

}  // namespace

std::vector<Row> bench_attention(const Options& options, const Job& job) {
  Recorder recorder(options, device_of(options), job);
  for (const Case& asked : cases_of(options, recorder.device())) recorder.measure_group(Maker(recorder, asked).group());
  return recorder.take();
}

}  // namespace erwin::bench
