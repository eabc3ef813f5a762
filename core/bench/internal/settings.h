#pragma once
// The networks and clouds of the papers' settings (method 2.2, 3.4), as they are measured: clouds of the right sizes
// with random positions, features and targets. Internal.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/model/sample.h"

namespace erwin::bench {

struct Setting {
  std::string name;     // "cosmology"
  std::string network;  // "erwin", "erwin-nsa", "full"
  ModelConfig config;
  std::int64_t batch = 1, points = 0;
  // The authors' compiled network on an H100 in TF32: milliseconds of a forward pass and of a step, bytes at the peak.
  double quoted_forward_ms = 0, quoted_step_ms = 0, quoted_bytes = 0;
};

// Cosmology, MD and ShapeNet-Car, each with erwin, erwin-nsa and full (of erwin-nsa's width and depth).
// small: one cloud of at most 512 points instead of a batch.
std::vector<Setting> paper_settings(bool small);

// Networks of 6 blocks of width 64 on one cloud: erwin over two levels (2 + 2 + 2 blocks, stride 2), erwin-nsa, full.
std::vector<Setting> curve_settings(std::int64_t points);

// One car of 3586 points through erwin-nsa of depth 6 and width 64.
Setting car_setting();

// Positions uniform in a cube, a random walk where the network passes messages along lines (a chain of beads).
std::vector<float> generated_positions(const ModelConfig& config, std::int64_t points, unsigned seed);
// Trees and edges of a sample that has its positions.
void add_geometry(ModelSample& sample, const ModelConfig& config, const Job& job);
std::vector<std::shared_ptr<const ModelSample>> generated_samples(const Setting& setting, const Job& job);

// What a row of the tables is measured in.
struct Arithmetic {
  const char* name;       // "float32", "tf32", "bf16"
  const char* precision;  // of the network
  bool tf32 = false;
};
// float32 alone on a CPU.
std::vector<Arithmetic> arithmetics(bool on_cpu);

}  // namespace erwin::bench
