#pragma once
// What is looked at: the one value that every view of the window reads and changes. Plain, so that it can be compared,
// kept in a history and written down.

#include <cstdint>
#include <string>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/data/point_set.h"

namespace erwin {

struct Selection {
  std::string dataset;  // path as opened; empty: nothing, or the program's own cloud
  std::string sample;   // name within the data set; empty: nothing is open
  std::string model;    // path of the checkpoint; empty: none
  int frame = 0;        // of the sample
  int layer = 0;        // attention layer, in order of evaluation
  int head = -1;        // query head; -1: mean over the heads
  Branch branch = Branch::All;
  std::int64_t query = -1;  // index of the point in the cloud; -1: none
  int level = 4;            // of the tree, 0 is the root
  PointSetPtr points;       // chosen by box or lasso, indices in the cloud; null: none
  bool operator==(const Selection&) const = default;
};

// Names of the members in which two selections differ, in the order above: "sample", "layer", ...
std::vector<std::string> differences(const Selection& before, const Selection& after);

}  // namespace erwin
