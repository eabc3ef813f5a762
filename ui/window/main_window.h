#pragma once
// The window: owns the working threads, the session and the panels, and passes snapshots from one to the other. Nothing
// here computes, reads a file or waits.

#include <QMainWindow>
#include <QTimer>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/io_thread.h"
#include "core/train/run_directory.h"
#include "ui/panels/colour_choices.h"
#include "ui/scene/range_lock.h"
#include "ui/window/command_palette.h"
#include "ui/window/session.h"
#include "ui/window/settings.h"

class QAction;
class QDockWidget;
class QFrame;
class QLabel;
class QSplitter;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;

namespace erwin {

class MarkBook;
struct SessionFile;

}  // namespace erwin

namespace erwin::ui {

class Actions;
class AttributionPanel;
class AppearancePanel;
class Banner;
class DataPanel;
class HeadsPanel;
class HistogramPanel;
class IciclePanel;
class LegendBar;
class MatrixPanel;
class QueryPanel;
class SceneView;
class RunMonitor;
class TrainingPanel;
class TreePanel;
class Welcome;
class WhatIfPanel;
struct LiveProbe;
struct Picture;
struct SessionRestore;
struct TrainingStart;

class MainWindow : public QMainWindow {
  Q_OBJECT
public:
  explicit MainWindow(const Settings& settings = Settings(), QWidget* parent = nullptr);
  ~MainWindow() override;

  SceneView* view() const { return view_; }
  SceneView* side() const { return side_; }  // the second picture; may be null
  std::vector<SceneView*> pictures() const;  // all that are shown, the first one first
  Picture picture();                         // of all of them, with their legend
  const LegendBar& legend_bar() const { return *legend_bar_; }
  // The numbers beside another sample; null where there are none.
  const ComparedFields* compared_fields() const { return compared_fields_.get(); }
  QueryPanel* query_panel() const { return query_panel_; }
  HeadsPanel* heads_panel() const { return heads_panel_; }
  MatrixPanel* matrix_panel() const { return matrix_panel_; }
  IciclePanel* icicle_panel() const { return icicle_panel_; }
  WhatIfPanel* what_if_panel() const { return what_if_panel_; }
  AttributionPanel* attribution_panel() const { return attribution_panel_; }
  const SceneData& scene_data() const { return data_; }
  // The session's state; title, size and camera are the view's.
  SceneState state() const { return session_.state(); }
  const Session& session() const { return session_; }
  std::shared_ptr<const ModelInfo> model() const { return model_; }
  // An action by its name ("colour-balls", "predict", ...), or null: what menus, shortcuts and --play share.
  QAction* action(const QString& name) const;
  // The newest failure of either thread that was not a cancel; cleared by the call.
  std::optional<Failure> take_failure();
  // True where both threads rest and everything they published is shown.
  bool idle();

  void open(const QString& path);  // cloud, data set or checkpoint
  void open_own_sample();
  void open_sample(const QString& name);  // of the data set that is open; no such sample: Error{Config}
  void close_cloud();
  void predict();
  void cancel();
  void ask(std::int64_t point);                                   // index in the cloud; -1 clears
  void ask_id(std::int64_t id);                                   // row in the file; Error{Config} where none has it
  void change(const SceneState& state, bool continuous = false);  // colours, level, layer, head, branch, theme, ...
  void colour_by(ColourBy value, const std::string& field = {});
  // An option of the picture by name; Error{Config} for a name or a value that does not exist.
  void set_option(const std::string& name, const std::string& text, bool continuous = false);
  void configure(const RunSettings& settings);
  // The matrix panel's window: .png as it looks, .csv its numbers. Error{Config} where there is none.
  void save_matrix(const QString& path);
  // What is shown as a file, by what it is (ui/panels/shown_files.h). Error{Config} where there is none.
  void export_to(const std::string& what, const QString& path);
  // What the window shows as a file, and back; Error{Config} where nothing is open. A session that cannot be opened
  // leaves what is open alone.
  void save_session(const QString& path);
  void open_session(const QString& path);
  // Nobody is there to answer questions: what would be asked for is an error instead.
  void set_unattended(bool unattended) { unattended_ = unattended; }

  // A change of the what-if list as `--play` writes it: "head-off=3 --layer all", "off 0", "on 0", "remove 0", "clear".
  // Error{Config} where it is not understood or the network has no such thing.
  void what_if(const std::string& text);
  // Splits the prediction of the queried point, and takes blocks away to check; Error{Config} where there is none.
  void attribute();
  void save_attribution(const QString& path);  // .csv; Error{Config} where there is none
  void undo();
  void redo();
  // A run in a process of its own, watched from now on.
  void start_training(const TrainingStart& start);
  void watch_run(const QString& path);
  const RunMonitor& run_monitor() const { return *monitor_; }
  // The watched run's own view of the open sample is what the picture shows.
  bool shows_probe() const;
  void show_failure(const Failure& failure);

protected:
  void closeEvent(QCloseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void showEvent(QShowEvent* event) override;

private:
  // main_window.cpp: what there is
  void make_picture();
  void make_panels();
  void connect_panels();
  // A panel behind another tab is visible for Qt, but nobody sees it.
  bool is_seen(const char* dock) const;
  QDockWidget* add_dock(const char* action, const QString& title, QWidget* content, Qt::DockWidgetArea area);
  void make_status_bar();
  void listen();
  void restore(const Remembered& remembered);
  void remember() const;
  void apply_theme();
  void mark_focus(const QWidget* focused);
  void say(const QString& text);

  // window_actions.cpp: what can be done
  void make_actions();
  void make_file_actions();
  void make_walk_actions();
  void make_view_actions();
  void make_panel_actions();
  void attempt(const std::function<void()>& what);  // an Error becomes a banner
  void choose_file();
  void choose_folder();
  void save_picture();
  void copy_picture();
  void copy_query();
  void step_level(int by);
  void step_layer(int by);
  void step_head(int by);
  void step_branch();
  void step_frame(int by);
  void step_sample(int by);
  void step_colour(int by);
  void toggle_dock(const QString& action);
  void show_palette();
  void show_choices(std::vector<PaletteEntry> entries,
                    std::function<std::optional<PaletteEntry>(const QString&)> interpret);
  std::vector<PaletteEntry> palette_entries();
  std::optional<PaletteEntry> palette_interpretation(const QString& typed);
  void fill_recent_menu();

  // window_training.cpp: runs
  void make_training();
  void make_training_actions();
  void start_process(const QStringList& arguments, const QString& run);
  void resume_training();
  void pause_training();
  void send_request(Request request);
  void follow_probes(bool on);
  void ask_for_probe();
  void show_run();
  void read_probe(const std::string& path);
  void ask_probe();
  bool derive_probe();

  // window_attention.cpp: what the engine works out only when it is asked for
  void make_attention_panels();
  void make_attention_actions();
  // An action that colours by a field on request, or says why it cannot be asked for and what to do.
  void colour_on_request(const char* action, const char* field, const char* why_not, const char* hint);
  void ask_what_is_shown();
  void derive_attention();
  void show_attention_panels(const SceneState& shown);
  void choose_head(int layer, int head);
  void point_at_cell(int row, int column);
  void switch_matrix_scale();
  void choose_matrix_file();

  // window_reach.cpp: what goes through all layers
  void make_reach_actions();
  int summarised_layer() const;  // -1: the mean over all
  void ask_reach();
  void derive_reach();

  // window_selection.cpp: chosen points
  void make_selection_actions();
  void choose_points(std::vector<std::int64_t> points);
  void select_ball();
  void ask_set();
  void derive_set();

  // window_compare.cpp: the shown beside something else
  void make_compare_actions();
  void keep_to_compare();
  void choose_other_checkpoint();
  void ask_comparison();
  void derive_comparison();
  std::optional<Tile> side_tile(const SceneState& shown) const;
  void show_side(const SceneState& shown);
  void make_side();
  SceneData side_data() const;

  // window_samples.cpp: the shown sample beside another one
  void make_sample_actions();
  void choose_other_sample();
  std::pair<std::string, std::string> place_of_sample(const std::string& name) const;
  void derive_sample(const Against& against);
  void forget_sample();
  void ask_sample();
  void ask_numbers(const Against& against);
  void ask_beside(std::int64_t point);
  SceneData sample_data() const;
  SceneState sample_state(const SceneState& shown) const;

  // window_heads.cpp: several heads beside each other
  void make_head_actions();
  void switch_heads();
  std::vector<int> wanted_heads() const;
  void ask_heads();
  void make_head_views();
  void click_picture(int index, std::int64_t point);
  bool shows_heads() const;
  bool derive_heads();
  void show_heads(const SceneState& shown);
  void draw_heads(const SceneState& shown);

  // window_pictures.cpp: what several pictures have in common
  SceneView* add_picture(QSplitter* where, const QString& name);
  void give_ranges(std::span<Tile> tiles);
  void share_camera(const SceneView* from, const Camera& camera);
  void take_edit(const SceneView* view, const SceneState& edited);
  void show_pictures(const SceneState& shown);
  void show_legend_bar();

  // window_tree.cpp: the icicle of the tree
  void make_tree_panels();
  void make_tree_actions();
  void isolate(const OnlyBall& ball);
  void show_tree_panels(const SceneState& shown);
  void point_at_ball(int level, qint64 node);

  // window_session.cpp: the window as a file
  void make_session();
  void make_session_actions();
  SessionFile session_file() const;
  void write_session(const QString& path, SessionFile file, bool aloud);
  void keep_session(bool at_exit);
  bool find_missing(SessionRestore& restore);
  bool is_restored(const OpenedCloud& opened) const;
  std::optional<Moment> restored_moment(const OpenedCloud& opened);
  void offer_last_session();

  // window_what_if.cpp: the network's run with changes
  void make_what_if();
  void make_what_if_actions();
  void set_what_if(std::vector<WhatIfEntry> entries, bool continuous = false);
  void require_changeable(const std::string& text) const;
  void add_what_if(const std::string& text, int layer);
  void add_what_if(WhatIfEntry entry);
  void switch_what_if(int row, bool on);
  void ask_what_if();
  void derive_what_if();
  QString what_if_status() const;  // empty where nothing is changed
  // The session's list, or while points are dragged what it would become.
  const std::vector<WhatIfEntry>& what_if_list() const;

  // window_drag.cpp: what-if on selected points, and points that the mouse moves
  void make_drag();
  void make_drag_actions();
  std::string selected_ids() const;  // empty where nothing is selected
  std::shared_ptr<const MovedView> moved_points();
  void grab_points();
  void drag_points(const std::array<double, 3>& by);
  void drop_points(bool here);

  // window_attribution.cpp: what was missed, and where a prediction comes from
  void make_attribution();
  void make_attribution_actions();
  void mark_block(int block);
  std::int64_t block_of(std::int64_t point) const;
  void ask_missed();
  void derive_attribution();

  // window_export.cpp: what is shown as files
  void make_export_actions();
  void choose_export();
  void write_later(const QString& path, std::function<void(const Job&)> write);

  // window_flow.cpp: what comes and goes
  void receive();
  void receive_io();
  void receive_engine();
  void show_opened(std::shared_ptr<const OpenedCloud> opened);
  void follow(const Moment& before);
  void request_open(const Selection& wanted);
  void take_back_unopened();
  bool shows_selected_cloud() const;
  void derive();
  void refresh();
  void show_histogram();
  void show_progress();
  void list_samples();
  void add_recent(const QString& path);

  Settings settings_;
  Session session_;
  SceneData data_;
  std::shared_ptr<const OpenedCloud> opened_;    // shown; null: nothing is open
  std::shared_ptr<const OpenedCloud> received_;  // the newest of the I/O thread
  std::shared_ptr<const ModelInfo> model_;
  std::shared_ptr<const EngineSnapshot> answered_;  // the newest of the engine
  Progress io_progress_, engine_progress_;
  std::uint64_t io_failure_ = 0, engine_failure_ = 0;
  std::optional<Failure> failure_;
  QStringList recent_;
  qint64 drawn_ = 0, drawable_ = 0;  // points in the picture, and of the cloud
  bool samples_listed_ = false;
  bool unattended_ = false;
  bool arriving_ = false;  // a cloud is being taken over; where it is a record, the engine has that already
  std::shared_ptr<MarkBook> marks_;
  std::shared_ptr<const SessionFile> kept_;          // what was kept by itself last
  std::shared_ptr<const SessionRestore> restoring_;  // a session that is being opened
  struct AfterRestoring {                            // what the session's own prediction must not change
    int level = 0;
    ColourBy colour_by = ColourBy::Target;
    std::string look;
  };
  std::optional<AfterRestoring> after_restoring_;
  // What was asked of the engine last, so that nothing is asked twice, and what was cancelled stays so.
  struct Asked {
    std::shared_ptr<const Prediction> of;
    QueryRequest request;
    std::string field;
    bool operator==(const Asked&) const = default;
  };
  Asked asked_summary_, asked_who_looks_, asked_rollout_, asked_receptive_, asked_recall_, asked_missed_,
      asked_comparison_, asked_set_;
  PointSetPtr asked_points_;  // by asked_set_
  std::string asked_other_;   // path of the network to compare with
  // The other sample: which data set and sample, its cloud, what the engine says of it.
  std::pair<std::string, std::string> asked_beside_;
  std::shared_ptr<const OpenedCloud> received_beside_, beside_cloud_;  // beside_cloud_ null: none is there
  struct AskedSample {
    std::shared_ptr<const Prediction> of;
    PointCloudPtr cloud;
    SampleRequest request;
    bool operator==(const AskedSample&) const = default;
  } asked_sample_;
  std::shared_ptr<const SampleComparison> sample_;
  FieldPair asked_fields_;
  std::shared_ptr<const ComparedFields> compared_fields_;
  std::optional<BoxToBox> boxes_;  // from the shown cloud to the other sample's, where that is in side_
  struct AskedHeadRows {
    std::shared_ptr<const Prediction> of;
    QueryRequest request;
    std::vector<int> heads;
    bool operator==(const AskedHeadRows&) const = default;
  } asked_head_rows_;
  std::shared_ptr<const HeadRows> head_rows_;  // shown side by side; null: one picture
  std::vector<int> shown_heads_;
  RangeLock lock_;  // of all pictures
  std::shared_ptr<const Prediction> asked_heads_;
  struct AskedWhatIf {
    std::shared_ptr<const Prediction> of;
    std::vector<WhatIfEntry> entries;
    QueryRequest request;
    std::vector<int> heads;
    bool operator==(const AskedWhatIf&) const = default;
  } asked_what_if_;
  std::shared_ptr<const Prediction> ready_for_changes_;  // that the engine was told to be ready for
  struct PointDrag {
    std::vector<WhatIfEntry> before;   // without the entry that is dragged
    std::string points;                // of that entry, as it is written
    std::array<double, 3> start{};     // its offset before the drag
    std::vector<WhatIfEntry> entries;  // with it
  };
  std::optional<PointDrag> drag_;
  bool follows_drag_ = false;  // until the last place is answered, answers for earlier ones are shown
  struct Moved {
    std::shared_ptr<const Prediction> of;
    std::vector<WhatIfEntry> entries;
    std::shared_ptr<const MovedView> view;
  } moved_;
  // Runs while a question is with the engine: its answer, as a rule there before a picture without it could be drawn,
  // is what is shown next.
  QTimer answer_;

  Actions* actions_ = nullptr;
  QFrame* frame_ = nullptr;
  QSplitter* pictures_ = nullptr;
  QSplitter *left_ = nullptr, *right_ = nullptr;  // columns of pictures; right_ where there are several heads
  std::vector<SceneView*> head_views_;            // beside view_; empty: there never were several
  LegendBar* legend_bar_ = nullptr;
  QString pictures_title_;     // of several pictures
  SceneView* side_ = nullptr;  // what the shown is compared with; null: it was never beside it
  bool beside_ = false;        // side_ is wanted
  SceneView* view_ = nullptr;
  Welcome* welcome_ = nullptr;
  Banner* banner_ = nullptr;
  DataPanel* data_panel_ = nullptr;
  QueryPanel* query_panel_ = nullptr;
  AppearancePanel* appearance_panel_ = nullptr;
  TreePanel* tree_panel_ = nullptr;
  HistogramPanel* histogram_panel_ = nullptr;
  TrainingPanel* training_panel_ = nullptr;
  HeadsPanel* heads_panel_ = nullptr;
  MatrixPanel* matrix_panel_ = nullptr;
  IciclePanel* icicle_panel_ = nullptr;
  WhatIfPanel* what_if_panel_ = nullptr;
  AttributionPanel* attribution_panel_ = nullptr;
  RunMonitor* monitor_ = nullptr;
  bool shared_out_ = false;  // the first show has given the docks their sizes
  bool follows_probes_ = false;
  std::string probe_read_;                 // the newest that was asked for
  std::shared_ptr<const LiveProbe> live_;  // what the watched run saw last
  QPlainTextEdit* log_ = nullptr;
  QLabel* status_ = nullptr;
  QProgressBar* progress_ = nullptr;
  QPushButton* cancel_ = nullptr;
  std::map<QString, QDockWidget*> docks_;  // by the action that shows them

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<IoThread> io_;  // after the engine, which it feeds
};

}  // namespace erwin::ui
