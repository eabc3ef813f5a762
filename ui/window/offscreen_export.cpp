#include "ui/window/offscreen_export.h"

#include <QApplication>
#include <QLayout>
#include <QStyleFactory>

#include "ui/panels/histogram_panel.h"
#include "ui/panels/icicle_panel.h"
#include "ui/panels/matrix_panel.h"
#include "ui/scene/colour_scale.h"
#include "ui/window/application.h"

namespace erwin::ui {

namespace {

// Letters and lines are measured and drawn by Qt's own means, on no screen.
class NoScreen {
public:
  NoScreen() : application_(count_, arguments_) { QApplication::setStyle(QStyleFactory::create("Fusion")); }

private:
  char name_[11] = "erwinscope", option_[10] = "-platform", platform_[10] = "offscreen";
  char* arguments_[4] = {name_, option_, platform_, nullptr};
  int count_ = 3;
  QApplication application_;
};

// As in a window with much room.
void give_room(QWidget& panel, int width, int height) {
  panel.resize(width, height);
  panel.ensurePolished();
  panel.layout()->activate();
}

void show_matrix(const ShownThings& things, const MatrixMaker& make, MatrixPanel& panel) {
  give_room(panel, 700, 860);
  panel.show_matrix(nullptr, things.data, things.state);
  if (!make || !things.data.prediction || panel.view()->levels().empty()) return;
  panel.show_matrix(std::make_shared<const AttentionMatrix>(make(panel.request())), things.data, things.state);
}

// Counted on the panel's own thread.
void show_histogram(const ShownThings& things, HistogramPanel& panel) {
  give_room(panel, 700, 460);
  const SceneData& data = things.data;
  std::optional<LegendScale> scale;
  if (const Field* field = data.cloud ? shown_field(data, things.state) : nullptr)
    scale = scale_of(*field, things.state, shown_component(*field, things.state));
  panel.show_field(data, things.state, scale);
  while (panel.is_counting()) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
}

// A large tree is counted on the panel's own thread.
void show_icicle(const ShownThings& things, BallColour colour, IciclePanel& panel) {
  give_room(panel, 900, 420);
  panel.set_colour(colour);
  panel.show_tree(things.data, things.state);
  while (!panel.settled()) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
}

}  // namespace

void export_offscreen(ShownThings things, const std::string& what, const std::string& path, const MatrixMaker& matrix,
                      BallColour balls, const Job& job) {
  require_shown_file(what, path);
  log_qt_messages();
  const NoScreen no_screen;
  MatrixPanel matrix_panel;
  HistogramPanel histogram_panel;
  IciclePanel icicle_panel;
  LossPlot loss_plot;
  if (what == "matrix") show_matrix(things, matrix, matrix_panel);
  if (what == "histogram") show_histogram(things, histogram_panel);
  if (what == "icicle") show_icicle(things, balls, icicle_panel);
  if (what == "loss") loss_plot.show_losses(things.training, things.validation);
  things.matrix = &matrix_panel;
  things.histogram = &histogram_panel;
  things.icicle = &icicle_panel;
  things.loss = &loss_plot;
  file_writer(things, what, path)(job);
}

}  // namespace erwin::ui
