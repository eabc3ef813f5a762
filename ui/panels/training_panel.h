#pragma once
// Training: start a run, or choose one that is there; its loss, rate and memory; pause, step, save, stop, resume.

#include <QStringList>
#include <QWidget>

#include "ui/window/run_monitor.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace erwin::ui {

class Facts;
class LossPlot;

struct TrainingStart {
  QString config;  // preset's name or file
  QString data;    // manifest, folder or file
  QString out;     // new directory; empty: a fresh name
  QString steps;   // empty: as the configuration says
};

class TrainingPanel : public QWidget {
  Q_OBJECT
public:
  explicit TrainingPanel(const QStringList& presets, QWidget* parent = nullptr);
  // The data set that is open is what a start would train on, unless something else was typed.
  void suggest_data(const QString& path);
  void show_run(const RunView* run);
  void show_runs(const QStringList& runs);
  void set_probing(bool on);
  // What the fields say.
  TrainingStart start() const;

Q_SIGNALS:
  void start_wanted(const erwin::ui::TrainingStart& start);
  void run_chosen(const QString& path);
  void browse_wanted();
  void request_wanted(int request);  // erwin::Request
  void resume_wanted();              // of a run whose process has ended
  void probe_wanted(bool on);
  void checkpoint_wanted();  // open the run's newest weights in the window

private:
  QWidget* make_start(const QStringList& presets);
  QWidget* make_buttons();
  void show_buttons(const RunView* run);

  QComboBox *config_, *runs_;
  QLineEdit *data_, *out_, *steps_;
  QPushButton *start_, *pause_, *step_, *save_, *stop_, *open_;
  QCheckBox* probe_;
  QLabel *state_, *problem_;
  Facts* facts_;
  LossPlot* plot_;
  QString suggested_;
  bool resumes_process_ = false;
};

}  // namespace erwin::ui
