#pragma once
// What a training run saw on its probe sample, as the scene shows it.

#include <cstdint>
#include <memory>
#include <string>

#include "core/attention/tap.h"
#include "core/engine/snapshot.h"

namespace erwin::ui {

struct LiveProbe {
  std::int64_t step = 0;
  double share = 0;  // of the run's time that probes have taken
  std::string sample;
  std::shared_ptr<const Prediction> prediction;
  TapPtr tap;
  std::shared_ptr<const QueryView> query;  // of the question asked last; null where there is none
};

}  // namespace erwin::ui
