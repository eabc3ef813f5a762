#pragma once
// Catalogues as tables give a vector as columns of its own; a data set asks for the vector.

#include <set>
#include <string>

#include "core/data/point_cloud.h"

namespace erwin {

// The cloud with every wanted field that it lacks, but has the components of: "spin" from the scalars spin_x, spin_y,
// spin_z, or spinx, spiny, spinz; "velocity" also from vx, vy, vz or v_x, v_y, v_z. The same cloud where there is
// nothing to do.
PointCloudPtr with_assembled_fields(PointCloudPtr cloud, const std::set<std::string>& wanted);

}  // namespace erwin
