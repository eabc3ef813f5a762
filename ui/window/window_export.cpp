// What is shown as files: fields and rows for other programs, charts for print, tables.

#include <QFileDialog>
#include <QInputDialog>
#include <QLabel>
#include <algorithm>
#include <array>
#include <filesystem>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/data/result_cloud.h"
#include "core/io/write.h"
#include "ui/panels/chart_file.h"
#include "ui/panels/histogram_panel.h"
#include "ui/panels/loss_plot.h"
#include "ui/panels/matrix_panel.h"
#include "ui/panels/table_text.h"
#include "ui/scene/tree_statistics.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"
#include "ui/window/run_monitor.h"

namespace erwin::ui {

namespace {

struct Exported {
  const char *name, *title, *filter;
};
constexpr std::array<Exported, 8> exported{
    {{"field", "Shown field and attention of the query", "CSV (*.csv);;HDF5 (*.h5);;VTK (*.vtp)"},
     {"matrix", "Window of the attention matrix", "SVG (*.svg);;PNG (*.png);;CSV (*.csv)"},
     {"histogram", "Histogram", "SVG (*.svg);;PNG (*.png);;CSV (*.csv)"},
     {"loss", "Loss of the watched run", "SVG (*.svg);;PNG (*.png);;CSV (*.csv)"},
     {"heads", "Table of all heads", "CSV (*.csv)"},
     {"blocks", "Table of the selected blocks", "CSV (*.csv)"},
     {"points", "Table of the attended points", "CSV (*.csv)"},
     {"tree", "Table of the tree's levels", "CSV (*.csv)"}}};

[[noreturn]] void nothing(const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::Config, "there is nothing to export", what, hint);
}

Field at_frame(const Field& field, std::int64_t frame) {
  const auto values = field.frame(field.frames() > 1 ? frame : 0);
  return Field(field.name(), field.kind(), field.components(), {values.begin(), values.end()}, field.unit(),
               field.offset());
}

// The shown frame with what colours it, and the row of the query.
PointCloudPtr shown_cloud(const SceneData& data, const SceneState& state) {
  std::vector<Field> fields;
  if (const Field* field = shown_field(data, state)) fields.push_back(at_frame(*field, state.frame));
  if (data.query && data.query->attention && (fields.empty() || fields.front().name() != data.query->attention->name()))
    fields.push_back(*data.query->attention);
  return result_cloud(*data.cloud, state.frame, std::move(fields));
}

// For print, while it lives.
class LightMatrix {
public:
  LightMatrix(MatrixView& view, Theme back) : view_(view), back_(back) { view_.set_theme(Theme::Light); }
  ~LightMatrix() { view_.set_theme(back_); }
  LightMatrix(const LightMatrix&) = delete;
  LightMatrix& operator=(const LightMatrix&) = delete;

private:
  MatrixView& view_;
  Theme back_;
};

bool is_csv(const QString& path) {
  return path.endsWith(".csv", Qt::CaseInsensitive);
}

}  // namespace

void MainWindow::make_export_actions() {
  actions_->on("export", [this] { choose_export(); });
}

void MainWindow::choose_export() {
  QStringList titles;
  for (const Exported& entry : exported) titles << tr(entry.title);
  bool chosen = false;
  const QString title =
      QInputDialog::getItem(this, tr("Export"), tr("What to write to a file"), titles, 0, false, &chosen);
  if (!chosen) return;
  const Exported& entry = exported[static_cast<std::size_t>(titles.indexOf(title))];
  const QString filter = tr(entry.filter);
  QString path = QFileDialog::getSaveFileName(
      this, tr("Export"), QString::fromUtf8(entry.name) + filter.section("(*", 1).section(')', 0, 0), filter);
  if (!path.isEmpty()) attempt([&] { export_to(entry.name, path); });
}

// On the I/O thread; everything that `make` uses is shared and immutable.
void MainWindow::write_later(const QString& path, std::function<void(const Job&)> write) {
  io_->read("writing " + std::filesystem::path(path.toStdString()).filename().string(),
            [this, path, write = std::move(write)](const Job& job) {
              write(job);
              QMetaObject::invokeMethod(
                  this, [this, path] { say(tr("wrote %1").arg(path)); }, Qt::QueuedConnection);
            });
}

void MainWindow::export_to(const std::string& what, const QString& path) {
  const auto known = std::find_if(exported.begin(), exported.end(), [&](const Exported& e) { return what == e.name; });
  if (known == exported.end()) {
    std::string names;
    for (const Exported& entry : exported) names += (names.empty() ? "" : ", ") + std::string(entry.name);
    throw Error(ErrorKind::Config, "there is nothing of this name to export", what, "There are " + names);
  }
  if (what == "field")
    export_field(path);
  else if (QString::fromUtf8(known->filter).contains("svg"))
    export_chart(what, path);
  else
    export_table(what, path);
}

void MainWindow::export_field(const QString& path) {
  if (!data_.cloud) nothing("no cloud is open", "Open a cloud first");
  const std::string extension = std::filesystem::path(path.toStdString()).extension().string();
  if (extension != ".csv" && extension != ".h5" && extension != ".hdf5" && extension != ".vtp")
    throw Error(ErrorKind::Config, "this kind of file is not known", path.toStdString(), "Name it .csv, .h5 or .vtp");
  write_later(path, [data = data_, state = state(), sample = session_.selection().sample,
                     to = path.toStdString()](const Job& job) {
    const std::string name = sample.substr(sample.find('#') + 1);  // of FILE#SAMPLE; else all of it
    io::write(to, {{name.empty() ? "sample" : name, shown_cloud(data, state)}}, job);
  });
}

void MainWindow::export_chart(const std::string& what, const QString& path) {
  if (what == "matrix" && !is_csv(path)) {
    if (!matrix_panel_->has_matrix()) nothing("no matrix is shown", "Show the panel Matrix (Alt+9)");
    MatrixView& view = *matrix_panel_->view();
    const LightMatrix light(view, state().theme);
    write_chart(view, matrix_panel_->caption(), path);
  } else if (what == "matrix") {
    return save_matrix(path);
  } else if (what == "histogram") {
    if (!histogram_panel_->has_counts()) nothing("no histogram is shown", "Colour the points by a field");
    if (is_csv(path))
      return write_later(path, [text = histogram_panel_->csv(), to = path.toStdString()](const Job&) {
        write_text_atomically(to, text);
      });
    write_chart(*histogram_panel_->plot(),
                tr("%1; the heights of the bars are square roots").arg(histogram_panel_->title()), path);
  } else {
    const auto run = monitor_->view();
    if (!run || run->training.empty()) nothing("no run with a loss is watched", "Watch a run (Ctrl+Shift+W)");
    if (is_csv(path))
      return write_later(path, [run, to = path.toStdString()](const Job&) {
        write_text_atomically(to, losses_csv(run->training, run->validation));
      });
    write_chart(*findChild<LossPlot*>("loss"),
                tr("Loss of %1").arg(QString::fromStdString(monitor_->watched().filename().string())), path);
  }
  say(tr("wrote %1").arg(path));
}

void MainWindow::export_table(const std::string& what, const QString& path) {
  if (!is_csv(path))
    throw Error(ErrorKind::Config, "this kind of file is not known", path.toStdString(), "Name it .csv");
  std::function<std::string()> text;
  if (what == "heads") {
    const auto heads =
        answered_ && data_.prediction && data_.prediction == answered_->prediction ? answered_->heads : nullptr;
    if (!heads) nothing("the heads were not compared", "Show the panel Heads (Alt+8)");
    text = [heads] { return heads_csv(*heads); };
  } else if (what == "tree") {
    if (!data_.tree) nothing("there is no tree", "Open a cloud first");
    text = [data = data_, state = state()] { return tree_csv(tree_statistics(data, state)); };
  } else {
    if (!data_.query || (what == "blocks" && data_.query->blocks.empty()))
      nothing("nothing was asked",
              what == "blocks" ? "Click a point, in a layer that selects blocks" : "Click a point");
    text = [what, query = data_.query, cloud = data_.cloud] {
      return what == "blocks" ? blocks_csv(*query, *cloud) : attended_csv(*query, *cloud);
    };
  }
  write_later(path, [text, to = path.toStdString()](const Job&) { write_text_atomically(to, text()); });
}

}  // namespace erwin::ui
