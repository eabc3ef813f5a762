#include "core/bench/internal/subjects.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/bench/internal/stopwatch.h"
#include "core/model/internal/network.h"
#include "core/model/internal/torch_errors.h"
#include "core/model/predict.h"

namespace erwin::bench {

namespace {

// Beyond this a launch's time is lost in the work's.
constexpr double longest_for_graph_ms = 50;
// Tensors of more than this do not stay in the L2 cache from run to run.
constexpr std::int64_t cached_bytes = 50 << 20;

bool may_fail(const Error& error, Role role) {
  return error.kind() == ErrorKind::Memory || error.kind() == ErrorKind::DeviceMemory ||
         (error.kind() == ErrorKind::Internal && role != Role::Ours);
}

std::function<void()> work_of(const Problem& problem, bool backward) {
  if (!backward)
    return [&problem] {
      const c10::AutoGradMode without_gradient(false);
      problem.forward();
    };
  return [&problem] {
    const c10::AutoGradMode with_gradient(true);
    torch::autograd::grad({problem.forward()}, problem.inputs, {problem.gradient}, /*retain_graph=*/false,
                          /*create_graph=*/false, /*allow_unused=*/true);
  };
}

void append(std::string& note, const std::string& more) {
  if (!more.empty()) note += (note.empty() ? "" : "; ") + more;
}

}  // namespace

at::Device device_of(const Options& options) {
  const std::string name = resolve_device(options.device);
  // Checks the name and whether there is such a device.
  const Model probe(ModelConfig{}, 0, name);
  return probe.impl().options.device();
}

Budget Recorder::budget(Budget budget) const {
  if (!options_.quick) return budget;
  budget.most = std::min(budget.most, 5);
  budget.seconds = std::min(budget.seconds, 1.0);
  budget.warm_up = std::min(budget.warm_up, 1);
  return budget;
}

void Recorder::measure_row(Row row, const std::function<void(Row& row)>& measure) {
  if (!wants(row)) return;
  job_.check();
  job_.progress(-1, row.name());
  std::optional<Error> failure;
  try {
    model::translating_torch_errors(row.name(), [&] { measure(row); });
  } catch (const Error& error) {
    if (!may_fail(error, row.role)) throw;
    failure = error;
  }
  if (failure) append(row.note, "not measured: " + failure->message() + " (" + failure->detail() + ")");
  if (options_.finished) options_.finished(row);
  rows_.push_back(std::move(row));
}

void Recorder::measure_pass(const Group& group, const Subject& subject, bool backward, Problem& problem) {
  Row row;
  row.group = group.name;
  row.what = subject.what;
  row.pass = backward ? "forward + backward" : "forward";
  row.precision = group.precision;
  row.role = subject.role;
  row.shape = group.shape;
  row.note = subject.note;
  row.tensor_bytes = subject.tensor_bytes;
  // Backward every exponential is taken again; q, k, v, the result and its gradient are read, three gradients written.
  row.exps = subject.exps * (backward ? 2 : 1);
  row.bytes = subject.bytes * (backward ? 3 : 1);
  row.aim = backward ? subject.aim_both : subject.aim_forward;
  row.quoted_ms = backward ? 0 : subject.quoted_ms;
  measure_row(std::move(row), [&](Row& measured) {
    if (!subject.left_out.empty()) {
      append(measured.note, "not measured: " + subject.left_out);
      return;
    }
    if (!problem.forward) problem = subject.make();
    if (backward && !problem.gradient.defined()) {
      append(measured.note, "not measured: it has no backward pass");
      return;
    }
    const auto work = work_of(problem, backward);
    const Budget budget = this->budget(subject.budget);
    Stopwatch stopwatch(device_, 2 * subject.tensor_bytes < cached_bytes);
    if (budget.warm_up > 0) {
      work();  // libraries keep workspaces from their first call on: not this row's memory
      MemoryWatch memory(device_);
      work();
      measured.peak_bytes = memory.peak();
      measured.launched = stopwatch.launched(budget, work, job_);
    } else {
      MemoryWatch memory(device_);
      measured.launched = stopwatch.launched(budget, work, job_);
      measured.peak_bytes = memory.peak();
      append(measured.note, "without a run to warm up");
    }
    if (!subject.graph || measured.launched->median > longest_for_graph_ms) return;
    try {
      measured.replayed = stopwatch.replayed(budget, work, job_);
    } catch (const c10::Error& error) {
      append(measured.note, std::string("not recorded as a graph: ") + error.what_without_backtrace());
    }
  });
}

void Recorder::measure_group(const Group& group) {
  for (const Subject& subject : group.subjects) {
    Problem problem;
    measure_pass(group, subject, false, problem);
    if (subject.backward) measure_pass(group, subject, true, problem);
  }
}

}  // namespace erwin::bench
