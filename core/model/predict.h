#pragma once
// A checkpoint that answers clouds: prediction, target and error as fields in real units, and how good they are.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/data/field.h"
#include "core/data/point_cloud.h"
#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "core/model/sample.h"

namespace erwin {

// The mean negative log-likelihood of the target under a Gaussian head's prediction.
struct Likelihood {
  double standardised = 0;  // of what the network sees
  double real = 0;          // of numbers in the target's unit: larger by the mean of log(deviation of the target)
};

// How far a prediction is from its target over the points and components of one sample.
struct Metrics {
  double mse_standardised = 0;    // mean squared error of what the network sees
  double mse = 0;                 // in the target's unit, squared
  double mae = 0;                 // mean absolute error in the target's unit
  double relative_l2 = 0;         // |prediction - target| / |target|, both in the target's unit
  std::optional<Likelihood> nll;  // of a Gaussian head
  // What training lowers and the best checkpoint is chosen by.
  double score() const { return nll ? nll->standardised : mse_standardised; }
};

// standardised: [n, c] each; the real units follow from `standard` (empty: the numbers are real already).
// deviation: of a Gaussian head, else empty.
Metrics compare(std::span<const float> prediction, std::span<const float> target, const Standard& standard,
                std::span<const float> deviation = {});
// What the recipe standardises its target with; empty where it does not.
const Standard& target_standard(const SampleRecipe& recipe);
// "prediction"; where the sample has targets also "target" and "error" (prediction - target), in real units.
// prediction: [n, components] standardised.
std::vector<Field> result_fields(std::span<const float> prediction, const ModelSample& sample,
                                 const SampleRecipe& recipe, int components, const std::string& unit);
// "deviation" in real units, of a Gaussian head. deviation: [n, components] standardised.
Field deviation_field(std::span<const float> deviation, const SampleRecipe& recipe, int components,
                      const std::string& unit);
// The mean of each number; metrics must not be empty.
Metrics mean_of(const std::vector<Metrics>& metrics);

// Belongs to one thread at a time, as its network does.
class Predictor {
public:
  // device: "cpu", "cuda", "cuda:1" or "auto". Raises what load_checkpoint and Model raise, Error{Memory} for a network
  // that does not fit.
  explicit Predictor(const std::filesystem::path& checkpoint, const std::string& device = "cpu",
                     Precision precision = Precision::Float32);
  // The same from a checkpoint that has been read, perhaps on another thread.
  explicit Predictor(Checkpoint checkpoint, const std::string& device = "cpu",
                     Precision precision = Precision::Float32);
  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  const Checkpoint& checkpoint() const;
  // The network, for the explanation and the overlays.
  const Model& model() const;

  struct Result {
    // "prediction"; where the cloud has the target also "target" and "error" (prediction - target); of a Gaussian head
    // "deviation". One frame each.
    std::vector<Field> fields;
    std::optional<Metrics> metrics;  // where the cloud has the target
    TapPtr tap;                      // null where none was asked for
    // With graph and trees where a tap was asked for; else the network's device may have made them for itself.
    std::shared_ptr<const ModelSample> sample;
  };
  // Raises what prepare_sample and Model::predict raise.
  Result run(const PointCloud& cloud, std::int64_t frame = 0, const std::optional<TapRequest>& tap = std::nullopt,
             const Job& job = {}) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "auto" becomes "cuda:0" where there is one, else "cpu"; every other name stays.
std::string resolve_device(const std::string& device);

}  // namespace erwin
