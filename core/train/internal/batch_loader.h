#pragma once
// What the next steps are fed with, prepared ahead on threads of its own and delivered in order. Internal: names Torch.

#include <ATen/core/Tensor.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/job.h"
#include "core/model/internal/batch.h"
#include "core/train/sampler.h"

namespace erwin::train {

// Some of a step's samples, on the network's device.
struct BatchPart {
  model::Batch batch;
  at::Tensor targets;   // [P, o] of the wide type
  double share = 1;     // of the step's points
  std::string samples;  // names, for messages
};

struct StepInput {
  std::vector<BatchPart> parts;  // one per accumulated batch
};
using StepInputPtr = std::shared_ptr<const StepInput>;

// A sample to be drawn: its index, and how many were drawn before it since the run began.
struct Draw {
  std::int64_t index = 0, number = 0;
};

class BatchLoader {
public:
  // Called on the loader's threads, several at a time.
  using Make = std::function<StepInputPtr(const std::vector<Draw>& draws, const Job& job)>;

  // draws: per step. ahead: steps that are kept ready.
  BatchLoader(Sampler sampler, std::int64_t draws, Make make, int threads, std::int64_t ahead);
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // Waits for the next step's input. Raises what making it raised; Error{Cancelled} when the job is stopped.
  StepInputPtr next(const Job& job);

private:
  struct Slot {
    StepInputPtr input;
    std::exception_ptr failure;
  };
  void work(const std::stop_token& stop);

  Sampler sampler_;
  const std::int64_t draws_, ahead_;
  const Make make_;
  std::mutex mutex_;
  std::condition_variable_any room_, ready_;
  std::map<std::int64_t, Slot> slots_;
  std::int64_t issued_ = 0, delivered_ = 0;
  std::vector<std::jthread> threads_;  // last: they use everything above
};

// All tensors of a part, in a fixed order; some are undefined.
template <typename Part, typename Body>
void for_each_tensor(Part& part, const Body& body) {
  auto& batch = part.batch;
  for (auto* tensor :
       {&part.targets, &batch.features, &batch.positions, &batch.edge_source, &batch.edge_receiver,
        &batch.receiver_offsets, &batch.source_order, &batch.source_offsets, &batch.slot_point, &batch.point_slot})
    body(*tensor);
  for (auto& level : batch.levels)
    for (auto* tensor : {&level.positions, &level.mask, &level.real_slots, &level.rotated.source, &level.rotated.mask,
                         &level.rotated.inverse})
      body(*tensor);
}

// The part on a device, through pinned memory so that neither side waits.
void move_to(BatchPart& part, const at::Device& device);

}  // namespace erwin::train
