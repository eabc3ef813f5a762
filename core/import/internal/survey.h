#pragma once
// What there is to say about samples before anything is learned from them.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/dataset/dataset.h"
#include "core/dataset/internal/statistics.h"

namespace erwin::import {

// The field that can only be meant: the one that is no label, no input. Raises Error{Config} naming those there are.
std::string only_candidate(const PointCloud& cloud, const std::vector<std::string>& inputs);

class Survey {
public:
  // Raises Error{Config} where the first sample lacks an input or the target.
  Survey(std::vector<std::string> inputs, std::string target, const PointCloud& first);

  // Why a sample cannot be used; empty where it can.
  std::string problem_of(const PointCloud& cloud, std::int64_t frame) const;
  // A usable sample, of which split.
  void add(const std::string& name, const std::string& split, const PointCloud& cloud, std::int64_t frame,
           const Job& job);

  Normalisation normalisation() const;
  // normalisation: that of this survey.
  std::vector<std::string> warnings(const Normalisation& normalisation) const;
  std::int64_t fewest_points() const { return fewest_; }
  std::int64_t most_points() const { return most_; }
  int components(const std::string& quantity) const;

private:
  // A component of a quantity over the training samples.
  struct Range {
    double minimum = 0, maximum = 0;
    bool any = false;
    void include(double value);
  };
  struct Known {
    std::string name, split;
  };

  std::vector<std::string> quantities() const;  // inputs and target, each once
  void look_at_points(const std::string& name, const PointCloud& cloud, std::int64_t frame, const Job& job);
  void warn_of_values(const Normalisation& normalisation, std::vector<std::string>& warnings) const;
  void warn_of_points(std::vector<std::string>& warnings) const;

  std::vector<std::string> inputs_;
  std::string target_;
  int dimension_;
  std::map<std::string, int> components_;
  std::map<std::string, Moments> moments_;
  std::map<std::string, std::vector<Range>> ranges_;
  std::map<std::string, Known> by_hash_;
  std::vector<std::string> copies_;
  std::int64_t fewest_ = -1, most_ = 0, coinciding_ = 0, worst_coinciding_ = 0, coinciding_samples_ = 0;
  std::string worst_;
  double smallest_extent_ = 0, largest_extent_ = 0, thinnest_ = 1;
  std::string smallest_, largest_, thinnest_name_;
};

}  // namespace erwin::import
