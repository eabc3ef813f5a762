#pragma once
// How a network is trained, as plain values: the section [train] of a configuration.

#include <cstdint>
#include <string>

namespace erwin {

enum class Schedule { Const, Cosine };
const char* name_of(Schedule schedule);  // "const", "cosine"

struct TrainConfig {
  std::int64_t steps = 1000;
  std::int64_t batch = 1;  // samples per step
  double lr = 1e-3;
  Schedule schedule = Schedule::Cosine;
  double eta_min = 0;       // where the cosine ends
  std::int64_t warmup = 0;  // steps
  double weight_decay = 0.01;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double clip = 0;  // largest gradient norm; 0: not clipped
  std::uint64_t seed = 0;
  std::string device = "auto";
  std::string precision = "float32";
  int threads = 0;  // 0: all
  std::int64_t log_every = 1;
  std::int64_t checkpoint_every = 1000;

  // Learning rate of a step, from 0: a linear rise over `warmup` steps, then constant or half a cosine down to eta_min
  // at the last step's end.
  double learning_rate(std::int64_t step) const;
};

}  // namespace erwin
