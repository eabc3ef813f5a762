#pragma once
// Sets of points that a panel points at: where they are, and which of them stands for all.

#include <cstdint>
#include <span>
#include <string>

#include "core/data/point_cloud.h"
#include "ui/instruments/places.h"

namespace erwin::ui {

// Their tight box with a name; points must not be empty.
Place place_of(const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points, Rgb colour,
               const std::string& name);

// The one nearest to their mean; -1 without points.
std::int64_t middle_point(const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points);

}  // namespace erwin::ui
