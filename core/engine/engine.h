#pragma once
// The one thread that owns the window's networks: predictions and questions go in, snapshots come out. Nobody waits.
// Every Torch object of the window is made, used and destroyed on this thread.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/mailbox.h"
#include "core/engine/snapshot.h"
#include "core/model/record.h"

namespace erwin {

// What a run of a network comes to for the scene: its fields, its main tree with all node data, its layers.
std::shared_ptr<Prediction> make_prediction(PointCloudPtr cloud, const Predictor::Result& result, const Job& job = {});

class Engine {
public:
  Engine();
  ~Engine();  // cancels and joins
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Makes the network of a checkpoint that another thread has read. Drops what an earlier network has answered and
  // predicts the cloud of the last `predict` again at once. The earlier network stays where the new one cannot be made.
  void load(Checkpoint checkpoint, const std::string& path);
  // Shows an attention record in the place of a network: what was recorded of its cloud is what is predicted, and can
  // be asked. There is nothing to run: other clouds get no prediction.
  void show_record(AttentionRecord record, const std::string& path);
  // Where and how exactly networks run from now on. A network that is loaded is made again from its weights, and what
  // it had predicted is predicted anew; where that fails (no such device), everything stays as it was.
  void configure(const RunSettings& settings);

  // Predicts a frame of a cloud and keeps the record of its attention. A newer request replaces one that waits or runs;
  // one for what is being predicted, or was predicted last, changes nothing (the last snapshot is put again).
  void predict(PointCloudPtr cloud, std::int64_t frame = 0);
  // Asks the record of the last prediction; point -1 clears the answer. A newer question replaces an older one. The
  // gates of the layer and head asked follow in the snapshot.
  void query(const QueryRequest& request);

  // ---- What takes longer and is worked out only when asked for, of the record of the last prediction. A newer request
  // of a kind replaces an older one; a query comes first, and what it stopped starts again after it. ----
  // The fields of summary_fields.h; layer -1: their means over all layers.
  void summarise(int layer, int head);
  // Every head of the layers whose q, k, v are at hand.
  void glance_at_heads();
  // field: looks_at_point or looks_at_ball (who_looks.h).
  void ask_who_looks(const QueryRequest& request, const std::string& field);
  // field: rollout, through all layers up to `layer`, or receptive_field (reach_fields.h).
  void ask_reach(std::int64_t point, int layer, const std::string& field);
  // field: selection_looks_at or looks_at_selection (set_looks.h), of a layer, head and branch.
  void ask_set(const PointSetPtr& points, const QueryRequest& request, const std::string& field);
  // The shown query beside another layer, head or network (comparison.h). Another network must have come by
  // load_other.
  void compare(const Against& against, const QueryRequest& shown);
  // A second network to compare with, from a checkpoint that another thread has read. Drops the one before. It runs
  // where the shown one ran when it came.
  void load_other(Checkpoint checkpoint, const std::string& path);
  // The shown query in these heads, one view each.
  void ask_head_rows(const QueryRequest& request, const std::vector<int>& heads);
  // What the network says of another sample's cloud; null: what was kept of one is forgotten.
  void compare_sample(const SampleRequest& request, PointCloudPtr cloud);
  // How the values of two fields are distributed.
  void compare_fields(const FieldPair& pair);
  // A window of the matrix: from mean queries at once, then exact, in snapshots on the way. The last few that became
  // exact are kept and are there at once.
  void show_matrix(const MatrixRequest& request);

  // What the selection of the query's block missed; layers that select blocks only.
  void ask_missed(const QueryRequest& request);
  // The fields of recall, over all blocks.
  void recall(int layer, int head);
  // Where a prediction comes from; the blocks are really taken away.
  void attribute(const AttributionRequest& request);
  // What the network says with these changes (what_if_entries.h), and where the point of `request` then looks; without
  // one that is on, what was said before is forgotten. The prediction comes first, attention in a later snapshot. The
  // first needs a run of the network as it is, too, unless prepare_what_if has made it. heads: where the point looks in
  // each of these, too.
  // live: while something is dragged. What runs is finished, only what waits is replaced: changes that come faster than
  // answers are still answered on the way.
  void what_if(const std::vector<WhatIfEntry>& entries, const QueryRequest& request, bool live = false,
               const std::vector<int>& heads = {});
  void prepare_what_if();

  // Takes effect within 200 ms (the stop token is looked at per chunk).
  void cancel();
  bool idle() const;
  Mailbox<EngineSnapshot>& mailbox();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace erwin
