// bench model.

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/GradMode.h>

#include <memory>
#include <optional>

#include "core/attention/explain.h"
#include "core/bench/bench.h"
#include "core/bench/internal/settings.h"
#include "core/bench/internal/stopwatch.h"
#include "core/bench/internal/subjects.h"
#include "core/model/internal/batch_geometry.h"
#include "core/model/internal/device_graph.h"
#include "core/model/internal/network.h"
#include "core/model/internal/tf32.h"

namespace erwin::bench {

namespace {

// A network and a batch on its device.
struct Prepared {
  Prepared(const Setting& setting, const Arithmetic& arithmetic, const std::string& device, const Job& job)
      : model(setting.config, 0, device, precision_from(arithmetic.precision)) {
    const auto samples = generated_samples(setting, job);
    std::vector<const ModelSample*> raw;
    for (const auto& sample : samples) raw.push_back(sample.get());
    batch = model::make_batch(raw, setting.config, model.impl().options);
  }
  at::Tensor forward() {
    model::ForwardContext context;
    return model.impl().network->forward(batch, context);
  }
  Model model;
  model::Batch batch;
};

// The batch's trees and graphs are there already, as in the authors' figures.
Subject subject_of(const Setting& setting, const Arithmetic& arithmetic, const std::string& device, const Job& job) {
  Subject subject{setting.network, Role::Other, [=, &job] {
                    const auto prepared = std::make_shared<Prepared>(setting, arithmetic, device, job);
                    return Problem{[prepared, arithmetic] {
                                     const model::Tf32 tf32(arithmetic.tf32);
                                     return prepared->forward();
                                   },
                                   {},
                                   {}};
                  }};
  subject.backward = false;
  if (arithmetic.tf32) subject.quoted_ms = setting.quoted_forward_ms;
  return subject;
}

// From positions in the host's memory to the prediction there, tree and graph included. Raw positions are taken for the
// features too.
class OneCar {
public:
  OneCar(const Arithmetic& arithmetic, const std::string& device)
      : setting_(car_setting()), model_(setting_.config, 0, device, precision_from(arithmetic.precision)) {
    positions_ = generated_positions(setting_.config, setting_.points, 1);
  }

  // As `infer` and the window do it: tree and graph by the CPU, nothing from a cache.
  void through_the_host(const Job& job) const {
    ModelSample sample;
    sample.name = setting_.name;
    sample.points = setting_.points;
    sample.positions = sample.features = positions_;
    add_geometry(sample, setting_.config, job);
    model_.predict(sample, std::nullopt, job);
  }

  // A prediction that records attention, for the questions below.
  void record_attention(const Job& job) {
    ModelSample sample;
    sample.name = setting_.name;
    sample.points = setting_.points;
    sample.positions = sample.features = positions_;
    add_geometry(sample, setting_.config, job);
    tap_ = model_.predict(sample, TapRequest{true, {}}, job).tap;
    PointCloud::Parts parts;
    parts.positions = positions_;
    cloud_ = std::make_shared<const PointCloud>(std::move(parts));
    tree_ = tree_of_layer(tap_->layers.back(), sample.trees.main, sample.trees.rotated, positions_,
                          setting_.config.rotate_degrees, job);
  }
  // Where another point looks in the last layer: its row, ball path, selected blocks, misses and recall.
  void explain_next(const Job& job) {
    point_ = (point_ + 997) % setting_.points;
    explain(*tap_, *cloud_, *tree_, {point_, 0, tap_->layers.back().layer, -1, 10}, job);
  }

  // Tree and graph where the positions are copied to.
  void on_the_device() {
    const c10::AutoGradMode without_gradient(false);
    copy_in();
    read_back(forward());
  }
  void record() {
    on_the_device();  // what is kept from one batch to the next is made now
    graph_ = model::make_device_graph(device());
    if (!graph_) return;
    const c10::AutoGradMode without_gradient(false);
    graph_->record([this] { recorded_ = forward(); });
  }
  bool recorded() const { return graph_ != nullptr; }
  void replay() {
    copy_in();
    graph_->replay();
    read_back(recorded_);
  }
  at::Device device() const { return model_.impl().options.device(); }

private:
  void copy_in() {
    const at::Tensor raw = at::from_blob(positions_.data(), {setting_.points, setting_.config.dimension}, at::kFloat);
    if (!positions_there_.defined()) {
      pinned_ = at::empty_like(raw, raw.options().pinned_memory(true));
      positions_there_ = at::empty_like(raw, raw.options().device(device()));
    }
    pinned_.copy_(raw);
    positions_there_.copy_(pinned_, /*non_blocking=*/true);
  }
  at::Tensor forward() {
    model::Batch batch;
    batch.positions = positions_there_;
    batch.features = positions_there_.to(c10::typeMetaToScalarType(model_.impl().options.dtype()));
    batch.point_offsets = {0, setting_.points};
    model::fill_geometry(batch, setting_.config, builder_);
    model::ForwardContext context;
    return model_.impl().network->forward(batch, context);
  }
  void read_back(const at::Tensor& rows) { prediction_ = rows.to(at::kCPU, at::kFloat); }

  Setting setting_;
  Model model_;
  std::vector<float> positions_;
  at::Tensor pinned_, positions_there_, recorded_, prediction_;
  model::BatchTreeBuilder builder_;
  TapPtr tap_;
  PointCloudPtr cloud_;
  BallTreePtr tree_;
  std::int64_t point_ = 0;
  std::unique_ptr<model::DeviceGraph> graph_;
};

Row car_row(const Arithmetic& arithmetic, std::string what) {
  Row row;
  const Setting setting = car_setting();
  row.group = setting.name + " " + std::to_string(setting.points) + ", positions to prediction";
  row.what = setting.network + std::move(what);
  row.pass = "forward";
  row.precision = arithmetic.name;
  row.shape = {{"points", setting.points}, {"batch", 1}};
  return row;
}

void measure_car(Recorder& recorder, const Arithmetic& arithmetic, const std::string& device) {
  const model::Tf32 tf32(arithmetic.tf32);
  recorder.measure_row(car_row(arithmetic, ", tree and graph by the host"), [&](Row& row) {
    const OneCar car(arithmetic, device);
    row.launched = measure_on_host(
        recorder.budget(), [&] { car.through_the_host(recorder.job()); }, recorder.job());
  });
  recorder.measure_row(car_row(arithmetic, ", explaining a query after it"), [&](Row& row) {
    OneCar car(arithmetic, device);
    car.record_attention(recorder.job());
    row.launched = measure_on_host(
        recorder.budget(), [&] { car.explain_next(recorder.job()); }, recorder.job());
  });
  if (recorder.device().is_cpu()) return;
  recorder.measure_row(car_row(arithmetic, ", tree and graph on the device"), [&](Row& row) {
    OneCar car(arithmetic, device);
    MemoryWatch memory(recorder.device());
    row.launched = measure_on_host(
        recorder.budget(), [&] { car.on_the_device(); }, recorder.job());
    row.peak_bytes = memory.peak();
    car.record();
    if (car.recorded())
      row.replayed = measure_on_host(
          recorder.budget(), [&] { car.replay(); }, recorder.job());
  });
}

}  // namespace

std::vector<Row> bench_model(const Options& options, const Job& job) {
  Recorder recorder(options, device_of(options), job);
  const bool on_cpu = recorder.device().is_cpu();
  const std::string device = recorder.device().str();
  for (const Setting& setting : paper_settings(options.quick && on_cpu))
    for (const Arithmetic& arithmetic : arithmetics(on_cpu))
      recorder.measure_group(
          {setting.name + " " + std::to_string(setting.batch) + " x " + std::to_string(setting.points),
           arithmetic.name,
           {{"points", setting.points}, {"batch", setting.batch}},
           {subject_of(setting, arithmetic, device, job)}});
  for (const Arithmetic& arithmetic : arithmetics(on_cpu)) measure_car(recorder, arithmetic, device);
  return recorder.take();
}

}  // namespace erwin::bench
