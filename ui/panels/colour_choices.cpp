#include "ui/panels/colour_choices.h"

#include <QObject>
#include <algorithm>
#include <cmath>

#include "ui/panels/panel_parts.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// Three digits, two where a small number needs many zeros: it shares a narrow column.
QString brief(double value) {
  if (std::abs(value) >= 1000 && std::abs(value) < 1e6) return QString::number(value, 'f', 0);
  return QString::number(value, 'g', std::abs(value) < 0.01 ? 2 : 3);
}

QString range_text(const Field& field) {
  if (field.kind() == FieldKind::Label) return QObject::tr("kinds");
  const auto range = field.range(field.components() > 1 ? -1 : 0);
  if (!range) return QObject::tr("no numbers");
  QString text = brief(range->minimum) + " … " + brief(range->maximum);
  if (!field.unit().empty()) text += " " + QString::fromStdString(field.unit());
  return text;
}

QString spoken(const std::string& name) {
  return QString::fromStdString(name).replace('_', ' ');
}

}  // namespace

namespace {

void add_set_fields(const SceneData& data, const SceneState& state, std::vector<FieldOnRequest>& fields) {
  if (!state.picked || state.picked->empty()) return;
  const auto made = [&](const char* name) {
    return data.set_looks && data.set_looks->look.name() == name ? &data.set_looks->look : nullptr;
  };
  fields.push_back({selection_looks_at, QObject::tr("Where the selected points look: the mean of their rows A"),
                    made(selection_looks_at)});
  fields.push_back({looks_at_selection, QObject::tr("How much of every point's row A goes to the selected points"),
                    made(looks_at_selection)});
}

void add_compared_fields(const SceneData& data, const SceneState& state, std::vector<FieldOnRequest>& fields) {
  const auto add = [&](const char* name, const QString& tip) {
    fields.push_back({name, tip, data.comparison ? data.comparison->field(name) : nullptr});
  };
  if (state.query.point >= 0) {
    add(attention_against, QObject::tr("The row A of the query in what it is compared with"));
    add(attention_difference, QObject::tr("The shown row A of the query minus that of what it is compared with"));
  }
  if (against_from(state.against).checkpoint.empty()) return;
  add(prediction_against, QObject::tr("What the other network predicts"));
  add(prediction_difference, QObject::tr("The shown network's prediction minus the other's"));
}

}  // namespace

std::vector<FieldOnRequest> fields_on_request(const SceneData& data, const SceneState& state) {
  std::vector<FieldOnRequest> fields;
  // What a training run sees is recorded elsewhere, without the tree, and cannot be asked here.
  const LayerInfo* layer = data.prediction && data.prediction->tree ? shown_layer(data, state) : nullptr;
  if (!layer || !data.cloud) return fields;
  const auto add = [&](const char* name, const QString& tip, const Field* field) {
    if (!data.cloud->field(name)) fields.push_back({name, tip, field});
  };
  for (const SummaryFieldInfo& info : summary_fields)
    if (!info.nsa_only || layer->kind == LayerKind::Nsa)
      add(info.name, QObject::tr(info.meaning), data.summary ? data.summary->field(info.name) : nullptr);
  if (layer->kind == LayerKind::Nsa)
    for (const char* name : recall_fields)
      add(name, QObject::tr(meaning_of_recall_field(name)), data.recall ? data.recall->field(name) : nullptr);
  if (state.against != "none" && against_from(state.against).sample.empty()) add_compared_fields(data, state, fields);
  if (state.query.point < 0) {
    add_set_fields(data, state, fields);
    return fields;
  }
  const auto asked = [&](const char* name) { return data.who_looks ? data.who_looks->field(name) : nullptr; };
  add(looks_at_point, QObject::tr("How much of every point's row A goes to the queried point"), asked(looks_at_point));
  if (layer->ball_size > 0)
    add(looks_at_ball, QObject::tr("How much of every point's row A goes to the ball of the queried point"),
        asked(looks_at_ball));
  const auto reached = [](const std::shared_ptr<const Reach>& reach) { return reach ? &reach->field : nullptr; };
  add(rollout_field,
      QObject::tr("Where the queried point looks through all layers up to the shown one: R = product of (I + A) / 2, A "
                  "the mean over heads with rows divided by their sums"),
      reached(data.rollout));
  add(receptive_field_name,
      QObject::tr("On whose features the prediction at the queried point depends: |d prediction / d features of a "
                  "point|^2, behind the embedding"),
      reached(data.receptive));
  add_set_fields(data, state, fields);
  return fields;
}

bool is_on_request(const SceneData& data, const SceneState& state, const std::string& name) {
  const auto fields = fields_on_request(data, state);
  return std::any_of(fields.begin(), fields.end(), [&](const FieldOnRequest& field) { return field.name == name; });
}

std::vector<ColourChoice> colour_choices(const SceneData& data, const SceneState& state) {
  std::vector<ColourChoice> choices;
  if (!data.cloud) return choices;
  const auto add = [&](ColourBy by, const QString& text, const QString& values, const std::string& field = {}) {
    choices.push_back({by, field, text, values, {}, true});
  };
  const auto add_shown = [&](ColourBy by, const QString& text) {
    SceneState with = state;
    with.colour_by = by;
    if (const Field* field = shown_field(data, with)) add(by, text, range_text(*field));
  };
  add_shown(ColourBy::Target, QObject::tr("Target"));
  add_shown(ColourBy::Prediction, QObject::tr("Prediction"));
  add_shown(ColourBy::Error, QObject::tr("Error"));
  if (data.attribution)
    add(ColourBy::Field, QObject::tr("Contribution"), range_text(data.attribution->contribution), contribution_field);
  if (data.what_if) {
    add(ColourBy::Field, QObject::tr("Prediction (what-if)"), range_text(data.what_if->prediction), what_if_prediction);
    add(ColourBy::Field, QObject::tr("Difference (what-if)"), range_text(data.what_if->difference), what_if_difference);
  }
  if (data.tree && !data.tree->levels.empty())
    add(ColourBy::Balls, QObject::tr("Balls"), QObject::tr("level %1").arg(state.level));
  add_shown(ColourBy::Attention, QObject::tr("Attention"));
  add_shown(ColourBy::Compressed, QObject::tr("Compressed attention"));
  if (data.gates)
    for (const Field& field : data.gates->fields)
      add(ColourBy::Field, spoken(field.name()), range_text(field), field.name());
  for (const FieldOnRequest& wanted : fields_on_request(data, state)) {
    const bool mean = state.summary == SummaryOf::AllLayers && find_summary_field(wanted.name);
    choices.push_back(
        {ColourBy::Field, wanted.name, spoken(wanted.name) + (mean ? QObject::tr(", all layers") : QString()),
         wanted.field ? range_text(*wanted.field) : QObject::tr("on request"), wanted.tip, wanted.field != nullptr});
  }
  for (const Field& field : data.cloud->fields())
    add(ColourBy::Field, QString::fromStdString(field.name()), range_text(field), field.name());
  return choices;
}

int shown_choice(const std::vector<ColourChoice>& choices, const SceneState& state) {
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (choices[i].by == state.colour_by && (state.colour_by != ColourBy::Field || choices[i].field == state.field))
      return static_cast<int>(i);
  return -1;
}

std::vector<std::string> field_names(const SceneData& data) {
  std::vector<std::string> names;
  if (data.cloud)
    for (const Field& field : data.cloud->fields()) names.push_back(field.name());
  if (data.prediction)
    for (const Field& field : data.prediction->fields) names.push_back(field.name());
  if (data.gates)
    for (const Field& field : data.gates->fields) names.push_back(field.name());
  if (data.summary)
    for (const Field& field : data.summary->fields) names.push_back(field.name());
  for (const auto& reach : {data.rollout, data.receptive})
    if (reach) names.push_back(reach->field.name());
  if (data.set_looks) names.push_back(data.set_looks->look.name());
  if (data.comparison)
    for (const Field& field : data.comparison->fields) names.push_back(field.name());
  if (data.who_looks) names.push_back(data.who_looks->look.name());
  if (data.recall) names.insert(names.end(), recall_fields.begin(), recall_fields.end());
  if (data.attribution) names.push_back(contribution_field);
  if (data.what_if) names.insert(names.end(), {what_if_prediction, what_if_difference});
  if (data.query && data.query->attention) names.push_back(data.query->attention->name());
  return names;
}

}  // namespace erwin::ui
