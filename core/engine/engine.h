#pragma once
// The one thread that owns the window's networks: predictions and questions go in, snapshots come out. Nobody waits.

#include <cstdint>
#include <memory>
#include <string>

#include "core/engine/mailbox.h"
#include "core/engine/snapshot.h"

namespace erwin {

// What a run of a network comes to for the scene: its fields, its main tree with all node data, its layers.
std::shared_ptr<Prediction> make_prediction(PointCloudPtr cloud, const Predictor::Result& result);

class Engine {
public:
  Engine();
  ~Engine();  // cancels and joins
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes over a network that another thread has read. Drops what an earlier network has answered.
  void load(Predictor predictor, const std::string& path, const std::string& device);
  // Predicts a cloud and keeps the record of its attention. A newer request replaces one that waits or runs.
  void predict(PointCloudPtr cloud, std::int64_t frame = 0);
  // Asks the record of the last prediction; point -1 clears the answer. A newer question replaces an older one.
  void query(const QueryRequest& request);

  // Takes effect within 200 ms (the stop token is looked at per chunk).
  void cancel();
  bool idle() const;
  Mailbox<EngineSnapshot>& mailbox();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace erwin
