#include "ui/panels/table_text.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <sstream>
#include <utility>

#include "ui/scene/tree_outlines.h"

namespace erwin::ui {

namespace {

std::ostringstream table(const char* columns) {
  std::ostringstream out;
  out.precision(9);
  out << columns << '\n';
  return out;
}

// The last cell of a row.
void list_ids(std::ostringstream& out, const std::vector<std::int32_t>& points, const PointCloud& cloud) {
  for (std::size_t i = 0; i < points.size(); ++i) out << (i ? " " : "") << cloud.row_id(points[i]);
  out << '\n';
}

}  // namespace

std::string blocks_csv(const QueryView& query, const PointCloud& cloud) {
  auto out = table(query.changed ? "rank,block,score_what_if,weight_what_if,points" : "rank,block,score,weight,points");
  for (const MarkedBlock& block : query.blocks) {
    out << block.rank << ',' << block.block << ',' << block.score << ',' << block.weight << ',';
    list_ids(out, block.points, cloud);
  }
  return out.str();
}

std::string missed_csv(const MissedView& missed, const PointCloud& cloud) {
  auto out = table("mass_rank,block,mass,points");
  for (const MissedView::Block& block : missed.blocks) {
    out << block.mass_rank << ',' << block.block << ',' << block.mass << ',';
    list_ids(out, block.points, cloud);
  }
  return out.str();
}

std::string attended_csv(const QueryView& query, const PointCloud& cloud, std::span<const float> positions) {
  const std::vector<float>& weights = query.row.points;
  std::vector<std::int64_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto weight = [&](std::int64_t point) { return weights[static_cast<std::size_t>(point)]; };
  std::erase_if(order, [&](std::int64_t point) { return !(weight(point) > 0); });
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return weight(a) > weight(b); });
  auto out = table(query.changed ? "id,weight_what_if,x,y,z" : "id,weight,x,y,z");
  for (const std::int64_t point : order) {
    out << cloud.row_id(point) << ',' << weight(point);
    for (std::size_t k = 0; k < 3; ++k)
      out << ',' << cloud.origin()[k] + static_cast<double>(positions[static_cast<std::size_t>(3 * point) + k]);
    out << '\n';
  }
  return out.str();
}

std::string losses_csv(const std::vector<LossPoint>& training, const std::vector<LossPoint>& validation) {
  auto out = table("step,loss,of");
  for (const auto& [points, name] : {std::pair(&training, "training"), std::pair(&validation, "validation")})
    for (const LossPoint& point : *points) out << point.step << ',' << point.loss << ',' << name << '\n';
  return out.str();
}

std::string balls_csv(const BallMap& map, const Job& job) {
  const PointCloud& cloud = *map.subject.cloud;
  auto out = table("level,ball,first_slot,end_slot,points,fill,x,y,z,radius,parent");
  for (int level = 0; level < static_cast<int>(map.levels.size()); ++level) {
    job.check();
    const std::int64_t balls = std::ssize(map.levels[static_cast<std::size_t>(level)].radius);
    for (BallMap::Ball ball{level, 0}; ball.node < balls; ++ball.node) {
      out << level << ',' << ball.node << ',' << map.first_slot(ball) << ',' << map.end_slot(ball) << ','
          << map.points_of(ball) << ',' << map.fill(ball);
      const auto members = map.members(ball);
      const auto centre = members.empty() ? std::array<double, 3>{} : centre_of(cloud, map.subject.frame, members);
      for (std::size_t k = 0; k < 3; ++k) {
        out << ',';
        if (!members.empty()) out << cloud.origin()[k] + centre[k];
      }
      out << ',' << map.radius(ball) << ',';
      if (level > 0) out << map.parent(ball).node;
      out << '\n';
    }
  }
  return out.str();
}

std::string tree_csv(const TreeStatistics& tree) {
  auto out = table("level,balls,empty,fewest_points,most_points,mean_radius");
  for (std::size_t i = 0; i < tree.levels.size(); ++i) {
    const TreeStatistics::Level& level = tree.levels[i];
    out << i << ',' << level.balls << ',' << level.empty << ',' << level.fewest << ',' << level.most << ','
        << level.mean_radius << '\n';
  }
  return out.str();
}

}  // namespace erwin::ui
