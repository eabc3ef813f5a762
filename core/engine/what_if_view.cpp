#include "core/engine/what_if_view.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <utility>

#include "core/data/field_list.h"

namespace erwin {

namespace {

double root_mean_square(const Field& difference) {
  double square = 0, points = 0;
  for (std::int64_t point = 0; point < difference.points(); ++point) {
    double norm = 0;
    for (int c = 0; c < difference.components(); ++c) norm += std::pow(difference.value(point, c), 2);
    if (!std::isfinite(norm)) continue;
    square += norm;
    ++points;
  }
  return points > 0 ? std::sqrt(square / points) : 0;
}

// From points of a cloud that lacks some to those of the whole one.
class Back {
public:
  Back(const std::vector<std::int64_t>& kept, std::int64_t points) : kept_(kept), points_(points) {}

  std::int32_t operator()(std::int64_t point) const {
    return static_cast<std::int32_t>(kept_[static_cast<std::size_t>(point)]);
  }
  void points(std::vector<std::int32_t>& list) const {
    for (std::int32_t& point : list) point = (*this)(point);
  }
  std::vector<float> values(std::span<const float> of_kept) const {
    std::vector<float> all(static_cast<std::size_t>(points_));
    for (std::size_t i = 0; i < of_kept.size(); ++i) all[static_cast<std::size_t>(kept_[i])] = of_kept[i];
    return all;
  }
  std::shared_ptr<const Field> field(const std::shared_ptr<const Field>& field) const {
    if (!field) return nullptr;
    return std::make_shared<Field>(field->name(), field->kind(), 1, values(field->values()), field->unit());
  }

private:
  const std::vector<std::int64_t>& kept_;
  std::int64_t points_;
};

void bring_back(QueryView& view, const Back& back) {
  view.row.points = back.values(view.row.points);
  view.attention = back.field(view.attention);
  view.compressed = back.field(view.compressed);
  back.points(view.ball);
  for (MarkedBlock& block : view.blocks) back.points(block.points);
  for (TopPoint& top : view.top) top.point = back(top.point);
  SlotPoints slots = *view.layer.slots;
  back.points(slots.points);
  view.layer.slots = std::make_shared<const SlotPoints>(std::move(slots));
}

}  // namespace

std::shared_ptr<const MovedView> make_moved_view(const CloudChanges& changes, const PointCloud& cloud,
                                                 std::int64_t frame) {
  if (changes.movements.empty()) return nullptr;
  auto view = std::make_shared<MovedView>();
  view->positions = moved_positions(cloud, frame, changes.movements);
  const std::set<std::int64_t> hidden(changes.hidden.begin(), changes.hidden.end());
  for (const Movement& movement : changes.movements) {
    std::vector<std::int64_t> group = movement.points;
    std::erase_if(group, [&](std::int64_t point) { return hidden.contains(point); });
    if (!group.empty()) view->groups.push_back(std::move(group));
  }
  return view;
}

ChangedRun run_changed(const WhatIfRunner& runner, WhatIf what_if, const Job& job) {
  const auto start = std::chrono::steady_clock::now();
  WhatIfRunner::Result result = runner.run(what_if, job);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return {std::move(what_if), std::move(result), taken.count()};
}

std::shared_ptr<const WhatIfView> make_what_if_view(const WhatIfRunner& runner, const ChangedRun& run,
                                                    std::vector<WhatIfEntry> entries) {
  const WhatIfRunner::Result& result = run.result;
  std::vector<std::int64_t> hidden = run.what_if.cloud.hidden;
  std::sort(hidden.begin(), hidden.end());
  hidden.erase(std::unique(hidden.begin(), hidden.end()), hidden.end());
  const auto changes = static_cast<int>(std::count_if(entries.begin(), entries.end(), [](auto& e) { return e.on; }));
  return std::make_shared<const WhatIfView>(
      WhatIfView{std::move(entries), changes, renamed(result.prediction, what_if_prediction),
                 renamed(result.difference, what_if_difference), std::make_shared<const Field>(runner.baseline()),
                 std::move(hidden), result.largest_difference, root_mean_square(result.difference), run.seconds});
}

std::vector<std::shared_ptr<const QueryView>> make_changed_query_views(const WhatIfRunner& runner,
                                                                       const ChangedRun& run,
                                                                       const QueryRequest& request,
                                                                       const std::vector<int>& heads, const Job& job) {
  const auto& hidden = run.what_if.cloud.hidden;
  if (request.point < 0 || std::find(hidden.begin(), hidden.end(), request.point) != hidden.end()) return {};
  const WhatIfRunner::Result& result = run.result;
  const TapPtr tap = runner.record(result, request.layer, job);
  QueryRequest inner = request;
  if (!result.kept.empty())
    inner.point = std::lower_bound(result.kept.begin(), result.kept.end(), request.point) - result.kept.begin();
  std::vector<std::shared_ptr<const QueryView>> views;
  for (const int head : heads) {
    inner.head = head;
    auto view = std::make_shared<QueryView>(make_query_view(*tap, inner, job));
    view->request.point = request.point;
    view->changed = true;
    if (!result.kept.empty()) bring_back(*view, Back(result.kept, runner.baseline().points()));
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace erwin
