// What is shown as files: fields and rows for other programs, charts for print, tables.

#include <QFileDialog>
#include <QInputDialog>
#include <filesystem>

#include "ui/panels/histogram_panel.h"
#include "ui/panels/icicle_panel.h"
#include "ui/panels/matrix_panel.h"
#include "ui/panels/shown_files.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"
#include "ui/window/run_monitor.h"

namespace erwin::ui {

void MainWindow::make_export_actions() {
  actions_->on("export", [this] { choose_export(); });
}

void MainWindow::choose_export() {
  QStringList titles;
  for (const ShownFile& entry : shown_files()) titles << tr(entry.title);
  bool chosen = false;
  const QString title =
      QInputDialog::getItem(this, tr("Export"), tr("What to write to a file"), titles, 0, false, &chosen);
  if (!chosen) return;
  const ShownFile& entry = shown_files()[static_cast<std::size_t>(titles.indexOf(title))];
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
  ShownThings things;
  things.data = data_;
  things.state = state();
  things.sample = session_.selection().sample;
  if (data_.prediction && answered_ && data_.prediction == answered_->prediction) things.heads = answered_->heads;
  things.matrix = matrix_panel_;
  things.histogram = histogram_panel_;
  things.icicle = icicle_panel_;
  if (const auto run = monitor_->view()) {
    things.loss = findChild<LossPlot*>("loss");
    things.run = monitor_->watched().filename().string();
    things.training = run->training;
    things.validation = run->validation;
  }
  write_later(path, file_writer(things, what, path.toStdString()));
}

}  // namespace erwin::ui
