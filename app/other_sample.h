#pragma once
// The sample that a command shows or measures beside the one it was given.

#include <string>

#include "core/data/point_cloud.h"
#include "core/io/open.h"

namespace erwin::app {

struct OtherSample {
  std::string name, target;  // target: field that its data set names; may be empty
  PointCloudPtr cloud;
};

// `name`: a sample of the data set at `data`, else a file. Error{Config} naming some samples where it is neither.
OtherSample open_other_sample(const std::string& data, const std::string& name, const io::OpenOptions& options);

}  // namespace erwin::app
