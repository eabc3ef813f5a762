#pragma once

#include <cmath>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "core/io/write.h"

namespace erwin::ui {

// Two small clouds as the samples of one file.
inline std::filesystem::path write_two_samples(const std::filesystem::path& folder) {
  io::NamedClouds clouds;
  for (int which = 0; which < 2; ++which) {
    PointCloud::Parts parts;
    std::vector<float> values;
    for (int i = 0; i < 300; ++i) {
      const auto t = static_cast<float>(i);
      parts.positions.insert(parts.positions.end(), {std::cos(t), std::sin(t), 0.01f * t + static_cast<float>(which)});
      values.push_back(t);
    }
    parts.fields.emplace_back("height", FieldKind::Scalar, 1, std::move(values));
    clouds.emplace_back(which ? "second" : "first", std::make_shared<PointCloud>(std::move(parts)));
  }
  const auto path = folder / "two.h5";
  io::write_hdf5(path, clouds);
  return path;
}

}  // namespace erwin::ui
