#pragma once
// The window: owns the working threads, the state of the view and the panels, and passes snapshots from one to the
// other. Nothing here computes, reads a file or waits.

#include <QMainWindow>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/engine/engine.h"
#include "core/engine/io_thread.h"
#include "ui/scene/scene_state.h"

class QAction;
class QLabel;
class QMenu;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;

namespace erwin::ui {

class Banner;
class DataPanel;
class QueryPanel;
class SceneView;

class MainWindow : public QMainWindow {
  Q_OBJECT
public:
  explicit MainWindow(QWidget* parent = nullptr);
  ~MainWindow() override;

  SceneView* view() const { return view_; }
  const SceneData& scene_data() const { return data_; }
  const SceneState& state() const { return state_; }
  std::shared_ptr<const ModelInfo> model() const { return model_; }
  // An action by its name ("colour-balls", "predict", ...), or null: what menus, shortcuts and --play share.
  QAction* action(const QString& name) const;
  // The newest failure of either thread that was not a cancel; cleared by the call.
  std::optional<Failure> take_failure();
  // True where both threads rest and everything they published is shown.
  bool idle();

  void open(const QString& path);  // cloud, data set or checkpoint
  void open_own_sample();
  void open_sample(const QString& name);  // of the data set that is open
  void predict();
  void cancel();
  void ask(std::int64_t point);          // index in the cloud; -1 clears
  void change(const SceneState& state);  // colours, level, layer, head, branch, theme, ...
  void colour_by(ColourBy value, const std::string& field = {});

protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;

private:
  void make_actions();
  void make_panels();
  QAction* add_action(QMenu* menu, const char* name, const QString& text, const QString& shortcut,
                      std::function<void()> what);
  void choose_file();
  void save_picture();
  void step_level(int by);
  void step_layer(int by);
  void receive();
  void receive_io();
  void receive_engine();
  void show_progress();
  void show_failure(const Failure& failure);
  void refresh();
  void apply_theme();
  void say(const QString& text);

  SceneState state_;
  SceneData data_;
  std::shared_ptr<const OpenedCloud> opened_;
  std::shared_ptr<const ModelInfo> model_;
  Progress io_progress_, engine_progress_;
  std::uint64_t io_failure_ = 0, engine_failure_ = 0;
  std::optional<Failure> failure_;

  SceneView* view_ = nullptr;
  Banner* banner_ = nullptr;
  DataPanel* data_panel_ = nullptr;
  QueryPanel* query_panel_ = nullptr;
  QPlainTextEdit* log_ = nullptr;
  QLabel* status_ = nullptr;
  QProgressBar* progress_ = nullptr;
  QPushButton* cancel_ = nullptr;

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<IoThread> io_;  // after the engine, which it feeds
};

}  // namespace erwin::ui
