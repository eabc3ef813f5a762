#include "app/render_changes.h"

#include "app/command.h"
#include "core/base/error.h"
#include "core/data/point_set.h"
#include "core/engine/what_if_view.h"

namespace erwin::app {

std::vector<WhatIfEntry> changes_from(const std::vector<std::string>& texts, const ui::SceneState& state,
                                      const PointCloud& cloud) {
  if (texts == std::vector<std::string>{"none"}) return {};
  std::vector<std::int64_t> picked;
  if (state.picked)
    for (const std::int64_t point : *state.picked) picked.push_back(cloud.row_id(point));
  const QueryRequest& query = state.query;
  std::vector<WhatIfEntry> changes;
  for (const std::string& text : texts) {
    changes.push_back(entry_from(text, {{}, query.layer, query.head, query.point, true}, cloud));
    changes.back().text = with_selection(changes.back().text, text_of_ids(picked));
  }
  return changes;
}

std::vector<std::string> texts_of(std::span<const WhatIfEntry> changes, const PointCloud& cloud) {
  std::vector<std::string> texts;
  for (const WhatIfEntry& change : changes)
    texts.push_back(text_of(change, change.point < 0 ? -1 : cloud.row_id(change.point)));
  return texts;
}

void show_changes(std::span<const WhatIfEntry> changes, const Predictor* predictor, const ui::SceneState& state,
                  ui::SceneData& data) {
  data.what_if = nullptr;
  data.moved = nullptr;
  if (changes.empty()) return;
  if (!predictor || !data.prediction)
    throw Error(ErrorKind::Config, "a what-if needs a network", changes.front().text,
                "Give a checkpoint and the data that it predicts");
  const WhatIf what_if = what_if_of(changes, *data.cloud, data.prediction->layers, predictor->checkpoint().config);
  const WhatIfRunner runner(*predictor, data.cloud, state.frame, command_job());
  const ChangedRun run = run_changed(runner, what_if, command_job());
  data.moved = make_moved_view(what_if.cloud, *data.cloud, state.frame);
  data.what_if = make_what_if_view(runner, run, {changes.begin(), changes.end()});
  if (const auto query = make_changed_query_view(runner, run, state.query, command_job())) data.query = query;
}

}  // namespace erwin::app
