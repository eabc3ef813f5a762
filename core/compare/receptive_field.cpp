#include "core/compare/receptive_field.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/base/error.h"
#include "core/model/internal/network.h"
#include "core/model/internal/torch_errors.h"
#include "core/train/internal/random.h"

namespace erwin {

namespace {

constexpr double published_threshold = 1e-10;

// One forward pass whose outputs can be asked for many points.
class Forward {
public:
  Forward(Model& model, const ModelSample& sample) {
    auto& impl = model.impl();
    const c10::AutoGradMode with_gradient(true);
    model::Batch batch = impl.batch_of(sample, {});
    batch.features.requires_grad_(true);
    model::ForwardContext context;
    context.observe = [this](const std::string& module, const at::Tensor& rows) {
      if (module != "features") return;
      features_ = rows;
      features_.retain_grad();
    };
    output_ = impl.network->forward(batch, context);
  }

  // Sums of squares over the components of the output at the point, per row of the features: [n] float64.
  at::Tensor influence_on(std::int64_t point, std::int64_t components) const {
    at::Tensor influence = at::zeros({features_.size(0)}, features_.options().dtype(at::kDouble).requires_grad(false));
    for (std::int64_t component = 0; component < components; ++component) {
      features_.mutable_grad() = at::Tensor();
      output_[point][component].backward({}, /*retain_graph=*/true);
      if (features_.grad().defined()) influence += features_.grad().to(at::kDouble).square().sum(1);
    }
    return influence;
  }

private:
  at::Tensor features_, output_;
};

std::vector<double> numbers_of(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kCPU).contiguous();
  const double* first = values.const_data_ptr<double>();
  return {first, first + values.numel()};
}

void forget_gradients(Model& model) {
  for (const auto& entry : model.impl().network->parameters().entries()) {
    at::Tensor tensor = entry.tensor;
    if (tensor.requires_grad()) tensor.mutable_grad() = at::Tensor();
  }
}

// Calls `take` with the influences on the output at each of the points.
void for_points(Model& model, const ModelSample& sample, const std::vector<std::int64_t>& points, const Job& job,
                const std::function<void(const std::vector<double>&)>& take) {
  model::translating_torch_errors("the receptive field in " + sample.name, [&] {
    const Forward forward(model, sample);
    for (const std::int64_t point : points) {
      job.check();
      take(numbers_of(forward.influence_on(point, model.config().output_features)));
    }
    forget_gradients(model);
  });
}

// Calls `with` for each of the numbers.
template <typename With>
void for_numbers(With with) {
  for (double ReceptiveField::*number :
       {&ReceptiveField::points, &ReceptiveField::published, &ReceptiveField::reached, &ReceptiveField::share_50,
        &ReceptiveField::share_90, &ReceptiveField::share_99})
    with(number);
}

}  // namespace

std::vector<double> influence_on(Model& model, const ModelSample& sample, std::int64_t point) {
  if (point < 0 || point >= sample.points)
    throw Error(ErrorKind::Config, "the sample has no such point", std::to_string(point));
  std::vector<double> influence;
  for_points(model, sample, {point}, {}, [&](const std::vector<double>& values) { influence = values; });
  return influence;
}

ReceptiveField measure_field(std::span<const double> influence) {
  ReceptiveField field;
  field.points = static_cast<double>(influence.size());
  std::vector<double> sorted(influence.begin(), influence.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const auto count_above = [&](double least) {
    return static_cast<double>(std::count_if(sorted.begin(), sorted.end(), [&](double v) { return v > least; }));
  };
  field.published = count_above(published_threshold);
  field.reached = count_above(0);
  const double total = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  const auto share_holding = [&](double part) {
    double sum = 0;
    std::size_t count = 0;
    while (count < sorted.size() && sum < part * total) sum += sorted[count++];
    return field.points > 0 ? static_cast<double>(count) / field.points : 0.0;
  };
  field.share_50 = share_holding(0.5);
  field.share_90 = share_holding(0.9);
  field.share_99 = share_holding(0.99);
  return field;
}

ReceptiveField mean_field(Model& model, const std::vector<const ModelSample*>& samples, int points_each,
                          std::uint64_t seed, const Job& job) {
  ReceptiveField mean;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    train::Random random(seed, s + 1);
    std::vector<std::int64_t> points;
    for (int i = 0; i < points_each; ++i) points.push_back(random.below(samples[s]->points));
    for_points(model, *samples[s], points, job, [&](const std::vector<double>& influence) {
      const ReceptiveField field = measure_field(influence);
      for_numbers([&](double ReceptiveField::*number) { mean.*number += field.*number; });
    });
  }
  const double count = static_cast<double>(samples.size()) * points_each;
  for_numbers([&](double ReceptiveField::*number) { mean.*number /= count; });
  return mean;
}

}  // namespace erwin
