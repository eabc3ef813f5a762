#include "app/render_changes.h"

#include "app/command.h"
#include "core/base/error.h"
#include "core/data/point_set.h"
#include "core/engine/what_if_view.h"

namespace erwin::app {

std::vector<WhatIfEntry> changes_from(const std::vector<std::string>& texts, const ui::SceneState& state,
                                      const PointCloud& cloud) {
  if (texts == std::vector<std::string>{"none"}) return {};
  const std::string picked = text_of(state.picked, cloud);
  const QueryRequest& query = state.query;
  std::vector<WhatIfEntry> changes;
  for (const std::string& text : texts) {
    changes.push_back(entry_from(text, {{}, query.layer, query.head, query.point, true}, cloud));
    changes.back().text = with_selection(changes.back().text, picked);
  }
  return changes;
}

std::vector<std::string> texts_of(std::span<const WhatIfEntry> changes, const PointCloud& cloud) {
  std::vector<std::string> texts;
  for (const WhatIfEntry& change : changes)
    texts.push_back(text_of(change, change.point < 0 ? -1 : cloud.row_id(change.point)));
  return texts;
}

void show_changes(Shown& shown) {
  ui::SceneData& data = shown.data;
  data.what_if = nullptr;
  data.moved = nullptr;
  shown.changes = nullptr;
  if (shown.what_if.empty()) return;
  if (!shown.predictor || !data.prediction)
    throw Error(ErrorKind::Config, "a what-if needs a network", shown.what_if.front().text,
                "Give a checkpoint and the data that it predicts");
  const WhatIf what_if =
      what_if_of(shown.what_if, *data.cloud, data.prediction->layers, shown.predictor->checkpoint().config);
  WhatIfRunner runner(*shown.predictor, data.cloud, shown.state.frame, command_job());
  ChangedRun run = run_changed(runner, what_if, command_job());
  shown.changes = std::make_shared<const ShownChanges>(ShownChanges{std::move(runner), std::move(run)});
  data.moved = make_moved_view(what_if.cloud, *data.cloud, shown.state.frame);
  data.what_if = make_what_if_view(shown.changes->runner, shown.changes->run, shown.what_if);
  const QueryRequest& query = shown.state.query;
  const auto views =
      make_changed_query_views(shown.changes->runner, shown.changes->run, query, {query.head}, command_job());
  if (!views.empty()) data.query = views.front();
}

HeadRows rows_of_heads(const Shown& shown, const std::vector<int>& heads) {
  const QueryRequest& query = shown.state.query;
  if (shown.changes) {
    auto views = make_changed_query_views(shown.changes->runner, shown.changes->run, query, heads, command_job());
    if (!views.empty()) return {query, heads, std::move(views), true};
  }
  return {query, heads, make_query_views(*shown.result.tap, query, heads, command_job())};
}

}  // namespace erwin::app
