#pragma once
// A set of points of a cloud, as somebody chose it, and how it is written down: by the points' ids (rows of the file).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace erwin {

class PointCloud;

// Indices of points, ascending, each once. Shared, for it is kept in every step of a history.
using PointSet = std::vector<std::int64_t>;
using PointSetPtr = std::shared_ptr<const PointSet>;

// "3,10-20": ids and runs of ids, both ends included. Raises Error{Config} where the text is anything else.
std::vector<std::int64_t> ids_in(std::string_view text);
// The reverse; ids ascending.
std::string text_of_ids(const std::vector<std::int64_t>& ids);
// The ids of these points of the cloud; null: none.
std::string text_of(const PointSetPtr& points, const PointCloud& cloud);

}  // namespace erwin
