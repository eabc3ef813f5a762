#pragma once
// The engine from inside: engine.cpp has networks, records and predictions, engine_answers.cpp what is worked out of
// them when it is asked for.

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/publisher.h"
#include "core/engine/worker.h"

namespace erwin {

// Bytes of a record with q, k, v of every layer.
double record_bytes(const ModelConfig& config, std::int64_t points);

// What is to be predicted.
struct Subject {
  PointCloudPtr cloud;
  std::int64_t frame = 0;
  bool operator==(const Subject&) const = default;
};

struct Engine::Impl {
  // Touched by the worker's thread only.
  Publisher<EngineSnapshot> publisher;
  std::optional<Predictor> predictor;
  std::string path;
  Subject predicted;  // what `tap` is the record of
  TapPtr tap;
  std::shared_ptr<const ModelSample> sample;  // that `tap` was recorded of
  // The network to compare with, and what it said of `other_of`, with the record of one layer.
  std::optional<Predictor> other;
  std::string other_path;
  Subject other_of;
  std::optional<Predictor::Result> other_result;
  // Another sample, as the shown network sees it.
  struct Beside {
    Subject of;
    Predictor::Result run;
    std::shared_ptr<const Prediction> prediction;
  };
  std::optional<Beside> beside;
  int layer = 0;  // asked for last
  int head = -1;
  std::vector<std::shared_ptr<AttentionMatrix>> matrices;  // of `tap`, the newest last
  std::optional<WhatIfRunner> changed_runs;                // of `predicted`, once it was asked
  std::optional<ChangedRun> changed;                       // the newest of them

  RunSettings settings;

  // Touched by every thread.
  std::mutex mutex;
  Subject wanted;            // by the last predict
  std::uint64_t ticket = 0;  // of the newest prediction posted
  bool in_flight = false;    // and whether it waits or runs

  Worker worker;  // last: its thread uses the members above

  void take_record(const AttentionRecord& record, const std::string& from, const Job& job);
  void make_network(Checkpoint checkpoint, const std::string& from, const RunSettings& how);
  void surviving_device(const std::function<void()>& work);
  void forget_answers();
  void post_prediction(const Subject& subject);
  void predict_again();
  void drop_questions();
  void drop_predictions();
  void say_what_is_needed(const Subject& subject);
  void run_prediction(const Subject& subject, int with_layer, const Job& job);
  void answer(const QueryRequest& request, const Job& job);
  void show_gates(const Job& job);
  void work_out(const char* key, const char* what, const std::function<void(const Job&)>& work,
                bool finish_running = false);
  void need_layer(int wanted_layer, const Job& job);
  TapPtr record_of(const std::vector<int>& layers, const Job& job);
  void sum_up(int of_layer, int of_head, const Job& job);
  void compare(const Against& against, const QueryRequest& shown, const Job& job);
  const Predictor::Result& run_other(int wanted_layer, const Job& job);
  TapPtr record_beside(const Subject& subject, const std::vector<int>& layers, const Job& job);
  void answer_beside(SampleComparison& made, const Subject& subject, const Job& job);
  void glance(const Job& job);
  std::shared_ptr<AttentionMatrix> matrix_of(const MatrixRequest& request);
  void fill_matrix(AttentionMatrix& matrix, const Job& job);
  const Predictor& network(const char* what) const;
  void make_ready_for_changes(const Job& job);
  void run_changed(const std::vector<WhatIfEntry>& entries, const QueryRequest& request, const std::vector<int>& heads,
                   const Job& job);
};

}  // namespace erwin
