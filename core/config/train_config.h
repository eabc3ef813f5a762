#pragma once
// How a network is trained, as plain values: the section [train] of a configuration.

#include <cstdint>
#include <string>

namespace erwin {

enum class Schedule { Const, Cosine };
const char* name_of(Schedule schedule);  // "const", "cosine"

struct TrainConfig {
  std::int64_t steps = 1000;        // at which the run ends
  std::int64_t schedule_steps = 0;  // length of the schedule; 0: steps
  std::int64_t batch = 1;           // samples that pass through the network together
  std::int64_t accumulate = 1;      // batches per step
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
  int threads = 0;                 // 0: all
  int loaders = 2;                 // threads that prepare samples ahead
  std::string recompute = "auto";  // "on", "off", "auto": where a step does not fit otherwise
  bool graph = true;               // replay steps whose shapes repeat (CUDA)
  bool shuffle_points = false;
  std::string rotate_points = "none";  // "x", "y", "z": about that axis; "any": any rotation
  std::int64_t log_every = 1;
  std::int64_t checkpoint_every = 1000;
  double checkpoint_minutes = 10;  // 0: by steps alone
  std::int64_t keep_every = 0;     // 0: none is kept
  std::int64_t validate_every = 100;
  double memory_limit = 0;  // GiB; 0: what is free
  bool memory_check = true;

  std::int64_t samples_per_step() const { return batch * accumulate; }
  // Learning rate of a step, from 0: a linear rise over `warmup` steps, then constant or half a cosine down to eta_min
  // at the end of the schedule's last step, where it stays.
  double learning_rate(std::int64_t step) const;
};

}  // namespace erwin
