#include "core/train/internal/prober.h"

#include <algorithm>
#include <vector>

#include "core/model/predict.h"

namespace erwin::train {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

// Whoever has opened a probe may still read it; older ones go.
constexpr std::size_t kept_probes = 4;

double seconds_since(Clock::time_point time) {
  return std::chrono::duration<double>(Clock::now() - time).count();
}

void remove_old(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, problem))
    if (entry.path().extension() == ".h5" && entry.path().filename().string().front() != '.')
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());  // names are padded numbers
  for (std::size_t i = 0; i + kept_probes < files.size(); ++i) fs::remove(files[i], problem);
}

}  // namespace

Prober::Prober(SampleStore& store, std::int64_t default_sample, std::string unit)
    : store_(store), default_sample_(default_sample), unit_(std::move(unit)) {}

void Prober::ask(const ProbeRequest& request) {
  const std::int64_t sample = request.sample.empty() ? default_sample_ : store_.dataset().index_of(request.sample);
  sample_ = sample;
  request_ = request;
  since_ = Clock::now();
  spent_ = last_ = 0;
}

double Prober::share(double seconds_more) const {
  return (spent_ + seconds_more) / std::max(seconds_since(since_) + seconds_more, 1e-9);
}

bool Prober::due() const {
  return request_ && request_->budget > 0 && (spent_ == 0 || share(last_) <= request_->budget);
}

ProbeEntry Prober::probe(const RunLayout& run, const Trainer& trainer, const Job& job) {
  const Clock::time_point begin = Clock::now();
  const SamplePtr sample = store_.get(sample_, job);
  const TapRequest record{request_->all_layers, request_->layers};
  Model::Output output = trainer.model().predict(*sample, record, job);
  Probe probe;
  probe.step = trainer.steps_done();
  probe.sample = sample->name;
  probe.data = store_.dataset().name();
  probe.seconds = seconds_since(begin);
  probe.budget = request_->budget;
  const int components = store_.config().output_features;
  probe.fields = result_fields(output.values, *sample, store_.recipe(), components, unit_);
  if (!output.deviations.empty())
    probe.fields.push_back(deviation_field(output.deviations, store_.recipe(), components, unit_));
  probe.tap = std::move(output.tap);
  probe.share = share(probe.seconds);
  save_probe(run.probe(probe.step), probe);
  remove_old(run.probes());
  last_ = seconds_since(begin);
  spent_ += last_;
  return {probe.step, last_, share(0)};
}

void Prober::leave_out(std::chrono::duration<double> time) {
  since_ += std::chrono::duration_cast<Clock::duration>(time);
}

}  // namespace erwin::train
