// The open sample beside another one: the other is read, predicted by the same network, and shown at the right.

#include <QFileDialog>
#include <algorithm>

#include "core/base/error.h"
#include "ui/panels/query_panel.h"
#include "ui/panels/sample_texts.h"
#include "ui/scene/colour_scale.h"
#include "ui/scene/other_sample.h"
#include "ui/scene/scene_view.h"
#include "ui/scene/tree_nodes.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

namespace {

// A field that lives as long as what it is part of.
std::shared_ptr<const Field> held(const SceneData& data, const Field* field) {
  return field ? std::shared_ptr<const Field>(std::make_shared<const SceneData>(data), field) : nullptr;
}

}  // namespace

void MainWindow::make_sample_actions() {
  actions_->on("compare-sample", [this] { choose_other_sample(); });
}

// Searchable, as the list of actions is.
void MainWindow::choose_other_sample() {
  if (!opened_) return;
  const auto compare_with = [this](const QString& name) {
    attempt([&] {
      Against against = against_from(state().against);
      against.checkpoint.clear();
      against.point = -1;
      against.sample = name.toStdString();
      set_option("against", to_string(against));
    });
  };
  std::vector<PaletteEntry> entries;
  for (const std::string& sample : opened_->samples) {
    const QString name = QString::fromStdString(sample);
    const bool own = sample == opened_->sample;
    entries.push_back({tr("Compare with %1").arg(name),
                       name,
                       own ? tr("The sample that is shown") : QString(),
                       {},
                       !own,
                       [compare_with, name] { compare_with(name); }});
  }
  entries.push_back(
      {tr("Compare with a file…"), "file", tr("Choose a cloud of any kind"), {}, true, [this, compare_with] {
         const QString path = QFileDialog::getOpenFileName(this, tr("Compare with another cloud"));
         if (!path.isEmpty()) compare_with(path);
       }});
  show_choices(std::move(entries), [](const QString&) { return std::optional<PaletteEntry>(); });
}

// The data set and sample, or the file and no sample, that a comparison names.
std::pair<std::string, std::string> MainWindow::place_of_sample(const std::string& name) const {
  const auto& names = opened_->samples;
  if (!opened_->path.empty() && std::find(names.begin(), names.end(), name) != names.end())
    return {opened_->path, name};
  return {name, {}};
}

// What has come of the other sample. Its prediction stays shown while a new question is on its way.
void MainWindow::derive_sample(const Against& against) {
  sample_ = nullptr;
  compared_fields_ = nullptr;
  const auto [path, sample] = place_of_sample(against.sample);
  if (beside_cloud_ && (beside_cloud_->path != path || (!sample.empty() && beside_cloud_->sample != sample)))
    beside_cloud_ = nullptr;
  if (!beside_cloud_ || !answered_) return;
  const auto& made = answered_->sample_comparison;
  if (data_.prediction && made && made->cloud == beside_cloud_->cloud && made->shown_cloud == data_.cloud)
    sample_ = made;
  if (answered_->compared_fields && answered_->compared_fields->of == asked_fields_ && asked_fields_.shown)
    compared_fields_ = answered_->compared_fields;
}

void MainWindow::forget_sample() {
  if (asked_beside_.first.empty()) return;
  asked_beside_ = {};
  asked_sample_ = {};
  asked_fields_ = {};
  beside_cloud_ = nullptr;
  sample_ = nullptr;
  compared_fields_ = nullptr;
  query_panel_->show_samples({}, {});
  engine_->compare_sample({}, nullptr);
}

void MainWindow::ask_sample() {
  const SceneState now = state();
  const Against against = against_from(now.against);
  if (against.sample.empty() || !data_.cloud || !shows_selected_cloud()) return forget_sample();
  derive_sample(against);
  if (const auto place = place_of_sample(against.sample); asked_beside_ != place) {
    asked_beside_ = place;
    beside_ = true;
    io_->open_beside(place.first, place.second);
  }
  if (!beside_cloud_) return query_panel_->show_samples({}, {});
  if (data_.prediction && model_ && !model_->is_record && !shows_probe()) {
    const bool field = now.colour_by == ColourBy::Field;
    const AskedSample wanted{data_.prediction,
                             beside_cloud_->cloud,
                             {against, now.query, field ? now.field : std::string(), summarised_layer() < 0}};
    if (!(asked_sample_ == wanted)) {
      asked_sample_ = wanted;
      engine_->compare_sample(wanted.request, wanted.cloud);
    }
  }
  ask_numbers(against);
}

// How the values in both pictures are distributed.
void MainWindow::ask_numbers(const Against& against) {
  const SceneState now = state();
  const SceneData other = sample_data();
  const SceneState beside = sample_state(now);
  const Field *left = shown_field(data_, now), *right = shown_field(other, beside);
  const bool comparable = left && right && left->components() == right->components() &&
                          left->kind() != FieldKind::Label && right->kind() != FieldKind::Label;
  FieldPair wanted;
  if (comparable)
    wanted = {held(data_, left), held(other, right), now.frame, beside.frame, shown_component(*left, now)};
  if (!(asked_fields_ == wanted)) {
    asked_fields_ = wanted;
    compared_fields_ = nullptr;
    if (comparable) engine_->compare_fields(wanted);
  }
  const auto id = [](const SceneData& side, std::int64_t point) {
    return point >= 0 && point < side.cloud->size() ? side.cloud->row_id(point) : -1;
  };
  query_panel_->show_samples(sample_text({opened_->sample, data_, id(data_, now.query.point)},
                                         {beside_cloud_->sample, other, id(other, beside.query.point)},
                                         compared_fields_.get(), against.point >= 0),
                             sample_tip());
}

SceneData MainWindow::sample_data() const {
  SceneData other;
  other.cloud = beside_cloud_->cloud;
  other.tree = beside_cloud_->tree;
  other.target = opened_->path == beside_cloud_->path ? data_.target : beside_cloud_->target;
  if (!sample_) return other;
  other.prediction = sample_->prediction;
  other.tree = sample_->prediction->tree;
  if (!(sample_->request == asked_sample_.request)) return other;
  other.query = sample_->view;
  other.gates = sample_->gates;
  other.summary = sample_->summary;
  other.recall = sample_->recall;
  other.who_looks = sample_->who_looks;
  other.rollout = sample_->rollout;
  other.receptive = sample_->receptive;
  return other;
}

// The shown state without what belongs to the shown cloud's points, balls and blocks.
SceneState MainWindow::sample_state(const SceneState& shown) const {
  SceneState beside = state_beside(shown, *beside_cloud_->cloud);
  if (sample_ && sample_->request == asked_sample_.request) beside.query.point = sample_->query.point;
  const int levels = shown_level_count(sample_data(), beside);
  beside.level = std::clamp(shown.level, 0, std::max(0, levels - 1));
  beside.title = beside_cloud_->sample;
  if (beside.query.point >= 0)
    beside.title += ", point " + std::to_string(beside_cloud_->cloud->row_id(beside.query.point));
  return beside;
}

// A click into the second picture asks there; beside all points, about the same place again.
void MainWindow::ask_beside(std::int64_t point) {
  Against against = against_from(state().against);
  against.point = point < 0 ? -1 : beside_cloud_->cloud->row_id(point);
  if (point >= 0 && state().query.point < 0 && data_.prediction) {
    // Both pictures ask, or they could not be compared.
    SceneState next = state();
    const PointCloud &there = *beside_cloud_->cloud, &here = *data_.cloud;
    next.query.point = corresponding_point(there, sample_state(next).frame, point, here, next.frame);
    next.against = to_string(against);
    return change(next);
  }
  set_option("against", to_string(against));
}

}  // namespace erwin::ui
