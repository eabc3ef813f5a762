#pragma once
// `erwin` with masked padding, point by point in float64, straight from sections 2.1 and 8.2 of the method and without
// tensors: what the network must agree with where the authors' code has no answer.

#include <map>
#include <string>
#include <vector>

#include "core/config/model_config.h"
#include "core/model/sample.h"

namespace erwin::test {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

class SlowUnet {
public:
  SlowUnet(ModelConfig config, std::map<std::string, Row> weights)
      : config_(std::move(config)), weights_(std::move(weights)) {}
  // One row per point of every sample, in order. training: BatchNorm over the real rows of all samples.
  Rows forward(const std::vector<const ModelSample*>& samples, bool training) const;

private:
  struct Level {
    std::vector<bool> real;
    Rows positions;                                              // per slot
    std::vector<std::vector<std::size_t>> balls, rotated_balls;  // real slots of each
  };
  struct State {
    const ModelSample* sample;
    std::vector<Level> levels;
    std::vector<Rows> skips;
    Rows x;
  };

  const Row& weight(const std::string& name) const { return weights_.at(name); }
  Row linear(const std::string& name, const Row& x) const;
  Row layer_norm(const std::string& name, const Row& x) const;
  Row rms_norm(const std::string& name, const Row& x) const;
  void batch_norm(const std::string& name, std::vector<State>& states, std::size_t level, bool training) const;
  Rows embed(const ModelSample& sample) const;
  std::vector<Level> levels_of(const ModelSample& sample) const;
  void block(const std::string& name, State& state, std::size_t level, int heads, bool rotated) const;
  void pool(const std::string& name, State& state, std::size_t level) const;
  void unpool(const std::string& name, State& state, std::size_t level) const;

  ModelConfig config_;
  std::map<std::string, Row> weights_;
};

}  // namespace erwin::test
