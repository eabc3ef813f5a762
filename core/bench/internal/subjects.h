#pragma once
// What is measured, and the loop that measures it and makes rows of it. Internal: names Torch.

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/bench/bench.h"

namespace erwin::bench {

// Work that can be run again and again.
struct Problem {
  std::function<at::Tensor()> forward;
  std::vector<at::Tensor> inputs;  // what gradients are asked for
  at::Tensor gradient;             // of the result; undefined: there is no backward pass to measure
};

struct Subject {
  std::string what;
  Role role = Role::Other;
  std::function<Problem()> make;  // called when the first of its rows is measured
  std::string left_out{};         // why it is not measured here; empty: it is
  double exps = 0, bytes = 0;     // of the forward pass
  std::int64_t tensor_bytes = 0;  // of q, k, v and the result
  double aim_forward = 0, aim_both = 0;
  bool backward = true;
  bool graph = true;
  Budget budget{};
  std::string note{};
  double quoted_ms = 0;
};

// Subjects of one shape and precision.
struct Group {
  std::string name, precision;
  std::map<std::string, std::int64_t> shape;
  std::vector<Subject> subjects;
};

class Recorder {
public:
  Recorder(const Options& options, at::Device device, const Job& job) : options_(options), device_(device), job_(job) {}

  const at::Device& device() const { return device_; }
  const Job& job() const { return job_; }
  bool quick() const { return options_.quick; }
  // The given budget, or a smaller one where the user is in a hurry.
  Budget budget(Budget budget = {}) const;
  bool wants(const Row& row) const { return matches(row.name(), options_.patterns); }
  // A row may fail for want of memory, or where Torch has no kernel for it; it is a row all the same and says why.
  // Errors of anything else, and of ours, go on.
  void measure_row(Row row, const std::function<void(Row& row)>& measure);
  void measure_group(const Group& group);
  std::vector<Row> take() { return std::move(rows_); }
  const std::vector<Row>& rows() const { return rows_; }

private:
  void measure_pass(const Group& group, const Subject& subject, bool backward, Problem& problem);

  const Options& options_;
  at::Device device_;
  const Job& job_;
  std::vector<Row> rows_;
};

// Raises Error{Config}, {Device}.
at::Device device_of(const Options& options);

}  // namespace erwin::bench
