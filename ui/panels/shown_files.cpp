#include "ui/panels/shown_files.h"

#include <QObject>
#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>

#include "core/attention/heads_files.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/data/field_list.h"
#include "core/data/result_cloud.h"
#include "core/io/write.h"
#include "ui/panels/attribution_chart.h"
#include "ui/panels/chart_file.h"
#include "ui/panels/histogram_panel.h"
#include "ui/panels/icicle_panel.h"
#include "ui/panels/matrix_panel.h"
#include "ui/panels/table_text.h"
#include "ui/scene/tree_statistics.h"

namespace erwin::ui {

namespace {

constexpr const char* chart_kinds = "SVG (*.svg);;PNG (*.png);;CSV (*.csv)";
constexpr std::array<ShownFile, 11> files{
    {{"field", "Shown field and attention of the query", "CSV (*.csv);;HDF5 (*.h5 *.hdf5);;VTK (*.vtp)"},
     {"matrix", "Window of the attention matrix", chart_kinds},
     {"histogram", "Histogram", chart_kinds},
     {"loss", "Loss of the watched run", chart_kinds},
     {"heads", "All heads of all layers", "SVG (*.svg);;CSV (*.csv)"},
     {"attribution", "Attribution of the prediction", chart_kinds},
     {"icicle", "Icicle of the ball tree, or a table of its balls", chart_kinds},
     {"blocks", "Table of the selected blocks", "CSV (*.csv)"},
     {"missed", "Table of the missed blocks", "CSV (*.csv)"},
     {"points", "Table of the attended points", "CSV (*.csv)"},
     {"tree", "Table of the tree's levels", "CSV (*.csv)"}}};

[[noreturn]] void nothing(const char* what, const std::string& why, const std::string& hint) {
  throw Error(ErrorKind::Config, "there is nothing to export", std::string(what) + ": " + why, hint);
}

bool is_csv(const std::string& path) {
  return QString::fromStdString(path).endsWith(".csv", Qt::CaseInsensitive);
}

FileWriter text_writer(std::string text, const std::string& path) {
  return [text = std::move(text), path](const Job&) { write_text_atomically(path, text); };
}

Field at_frame(const Field& field, std::int64_t frame) {
  const auto values = field.frame(field.frames() > 1 ? frame : 0);
  return Field(field.name(), field.kind(), field.components(), {values.begin(), values.end()}, field.unit(),
               field.offset());
}

// Where the query looks in the changed network.
bool is_changed_row(const SceneData& data, const Field* field) {
  return data.query && data.query->changed &&
         (field == data.query->attention.get() || field == data.query->compressed.get());
}

// How far changes move points; [n, 3].
Field moves_of(const SceneData& data, const SceneState& state) {
  const auto from = data.cloud->positions(state.frame), to = shown_positions(data, state);
  std::vector<float> moves(from.size());
  std::transform(to.begin(), to.end(), from.begin(), moves.begin(), std::minus<float>());
  return Field("moved_by", FieldKind::Vector, 3, std::move(moves), data.cloud->unit());
}

// The shown frame with what colours it, and the row of the query. With a what-if points lie where it puts them, what it
// predicts is there whatever colours them, and what it changes is named so.
PointCloudPtr shown_cloud(const SceneData& data, const SceneState& state) {
  std::vector<Field> fields;
  const QueryView* query = data.query.get();
  const auto add = [&](const Field& field, bool changed) {
    const std::string name = field.name() + (changed ? "_what_if" : "");
    if (!field_named(fields, name)) fields.push_back(renamed(at_frame(field, state.frame), name));
  };
  if (const Field* field = shown_field(data, state)) add(*field, is_changed_row(data, field));
  if (query && query->attention) add(*query->attention, query->changed);
  if (data.what_if)
    for (const Field* field : {&data.what_if->prediction, &data.what_if->difference}) add(*field, false);
  if (data.moved) fields.push_back(moves_of(data, state));
  return result_cloud(*data.cloud, shown_positions(data, state), std::move(fields));
}

FileWriter field_writer(const ShownThings& things, const std::string& path) {
  if (!things.data.cloud) nothing("field", "no cloud is open", "Open a cloud first");
  const std::string name = things.sample.substr(things.sample.find('#') + 1);  // of FILE#SAMPLE; else all of it
  return [data = things.data, state = things.state, name, path](const Job& job) {
    io::write(path, {{name.empty() ? "sample" : name, shown_cloud(data, state)}}, job);
  };
}

// For a caption: whether what is drawn is of the changed network.
QString said_of_changes(const SceneData& data, bool changed) {
  if (!data.what_if) return {};
  const QString words = QString::fromStdString(in_words(data.what_if->entries));
  return "\n" +
         (changed ? QObject::tr("What-if: %1.") : QObject::tr("Of the network as it is, without the what-if: %1."))
             .arg(words);
}

// Fields that the changes alter; all others are the cloud's or the network's own.
bool shows_changed(const SceneData& data, const SceneState& state) {
  const Field* field = shown_field(data, state);
  if (!field || !data.what_if) return false;
  return is_changed_row(data, field) || data.what_if->field(field->name()) == field;
}

// Undoes what was done for print.
class AtEnd {
public:
  explicit AtEnd(std::function<void()> undo) : undo_(std::move(undo)) {}
  ~AtEnd() { undo_(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

private:
  std::function<void()> undo_;
};

FileWriter matrix_writer(const ShownThings& things, const std::string& path) {
  if (!things.matrix || !things.matrix->has_matrix())
    nothing("matrix", "no matrix is shown", "Open a cloud and a checkpoint, and show the panel Matrix (Alt+9)");
  if (is_csv(path)) return text_writer(things.matrix->csv(), path);
  MatrixView& view = *things.matrix->view();
  view.set_theme(Theme::Light);
  const AtEnd back([&] { view.set_theme(things.state.theme); });
  return chart_writer(view,
                      things.matrix->caption() + "\n" +
                          QObject::tr("Rows: queries; columns: keys. A cell is the mean over its queries of the sum of "
                                      "attention over its keys.") +
                          said_of_changes(things.data, false),
                      path);
}

FileWriter icicle_writer(const ShownThings& things, const std::string& path) {
  const SceneData& data = things.data;
  if (!data.tree) nothing("icicle", "there is no tree", "Open a cloud first");
  if (is_csv(path))
    return [data, state = things.state, path](const Job& job) {
      write_text_atomically(path, balls_csv(*make_ball_map(data, state), job));
    };
  const BallMap* map = things.icicle ? things.icicle->view()->map() : nullptr;
  if (!map || !things.icicle->settled() || !(map->subject == statistics_subject(data, things.state)))
    nothing("icicle", "the tree is not drawn", "Show the panel Icicle (Alt+Shift+3), and wait until it has counted");
  IcicleView& view = *things.icicle->view();
  const QSize size = view.size();
  view.resize(size.expandedTo({900, 420}));  // a dock is low, and a page is not
  view.show_theme(Theme::Light);
  view.set_print(true);
  const AtEnd back([&] {
    view.resize(size);
    view.set_print(false);
    view.show_theme(things.state.theme);
  });
  return chart_writer(view, things.icicle->caption() + said_of_changes(data, false), path);
}

FileWriter histogram_writer(const ShownThings& things, const std::string& path) {
  if (!things.histogram || !things.histogram->has_counts())
    nothing("histogram", "no numbers are shown", "Colour the points by a field");
  if (things.histogram->is_counting()) nothing("histogram", "it is being counted", "Wait a moment");
  if (is_csv(path)) return text_writer(things.histogram->csv(), path);
  return chart_writer(*things.histogram->plot(),
                      QObject::tr("%1; the heights of the bars are square roots").arg(things.histogram->title()) +
                          said_of_changes(things.data, shows_changed(things.data, things.state)),
                      path);
}

FileWriter loss_writer(const ShownThings& things, const std::string& path) {
  if (!things.loss || things.training.empty())
    nothing("loss", "no run with a loss is watched", "Watch a run (Ctrl+Shift+W), or name its directory");
  if (is_csv(path)) return text_writer(losses_csv(things.training, things.validation), path);
  return chart_writer(*things.loss, QObject::tr("Loss of %1").arg(QString::fromStdString(things.run)), path);
}

FileWriter heads_writer(const ShownThings& things, const std::string& path) {
  if (!things.heads)
    nothing("heads", "the heads were not compared", "Open a cloud and a checkpoint, and show the panel Heads (Alt+8)");
  const std::string note = things.data.what_if ? "of the network as it is, without the what-if" : "";
  return [heads = things.heads, unit = things.data.cloud->unit(), note, path](const Job&) {
    write_text_atomically(path, is_csv(path) ? heads_csv(*heads) : heads_svg(*heads, unit, note));
  };
}

FileWriter attribution_writer(const ShownThings& things, const std::string& path) {
  const auto view = things.data.attribution;
  if (!view)
    nothing("attribution", "no prediction was attributed",
            "Open a cloud and a checkpoint, no record, query a point and attribute its prediction (A)");
  if (is_csv(path)) return [view, path](const Job&) { write_text_atomically(path, csv_of(*view)); };
  AttributionChart chart(*view);
  return chart_writer(chart,
                      AttributionChart::caption(*view, things.data.cloud->row_id(view->result.request.point)) +
                          said_of_changes(things.data, false),
                      path);
}

FileWriter table_writer(const ShownThings& things, const std::string& what, const std::string& path) {
  const SceneData& data = things.data;
  std::function<std::string()> text;
  if (what == "tree") {
    if (!data.tree) nothing("tree", "there is no tree", "Open a cloud first");
    text = [data, state = things.state] { return tree_csv(tree_statistics(data, state)); };
  } else if (what == "missed") {
    if (data.query && data.query->changed)
      nothing("missed", "a what-if is on, and what was missed is told of the network as it is",
              "Switch the what-if off");
    if (!data.missed) nothing("missed", "nothing was asked", "Query a point and show missed blocks: misses on");
    text = [missed = data.missed, cloud = data.cloud] { return missed_csv(*missed, *cloud); };
  } else {
    const bool blocks = what == "blocks";
    if (!data.query || (blocks && data.query->blocks.empty()))
      nothing(blocks ? "blocks" : "points", "nothing was asked",
              blocks ? "Query a point, in a layer that selects blocks" : "Query a point");
    text = [blocks, data, state = things.state] {
      return blocks ? blocks_csv(*data.query, *data.cloud)
                    : attended_csv(*data.query, *data.cloud, shown_positions(data, state));
    };
  }
  return [text, path](const Job&) { write_text_atomically(path, text()); };
}

}  // namespace

std::span<const ShownFile> shown_files() {
  return files;
}

const ShownFile& require_shown_file(const std::string& what, const std::string& path) {
  const auto known = std::find_if(files.begin(), files.end(), [&](const ShownFile& file) { return what == file.name; });
  if (known == files.end()) {
    std::string names;
    for (const ShownFile& file : files) names += (names.empty() ? "" : ", ") + std::string(file.name);
    throw Error(ErrorKind::Config, "there is nothing of this name to export", what, "There are " + names);
  }
  const QString extension = QString::fromStdString(std::filesystem::path(path).extension().string()).toLower();
  const QString filter = QString::fromUtf8(known->filter);
  const bool allowed =
      !extension.isEmpty() && (filter.contains("*" + extension + ")") || filter.contains("*" + extension + " "));
  if (!allowed) {
    std::string kinds;
    for (const QString& part : filter.split('*').mid(1))
      kinds += (kinds.empty() ? "" : ", ") + part.section(')', 0, 0).trimmed().toStdString();
    throw Error(ErrorKind::Config, "this kind of file is not known", path, "Name it " + kinds);
  }
  return *known;
}

FileWriter file_writer(const ShownThings& things, const std::string& what, const std::string& path) {
  require_shown_file(what, path);
  if (what == "field") return field_writer(things, path);
  if (what == "matrix") return matrix_writer(things, path);
  if (what == "histogram") return histogram_writer(things, path);
  if (what == "icicle") return icicle_writer(things, path);
  if (what == "loss") return loss_writer(things, path);
  if (what == "attribution") return attribution_writer(things, path);
  if (what == "heads") return heads_writer(things, path);
  return table_writer(things, what, path);
}

}  // namespace erwin::ui
