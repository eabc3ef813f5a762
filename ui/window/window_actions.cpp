// What can be done in the window: the table of actions tied to what they do, and the palette.

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QDockWidget>
#include <QFileDialog>
#include <QFileInfo>
#include <QImage>
#include <QMenu>
#include <QMessageBox>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "ui/panels/query_panel.h"
#include "ui/scene/clip_plane.h"
#include "ui/scene/scene_options.h"
#include "ui/scene/scene_view.h"
#include "ui/window/actions.h"
#include "ui/window/help_window.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

void MainWindow::make_actions() {
  make_file_actions();
  make_walk_actions();
  make_view_actions();
  make_panel_actions();
  make_training_actions();
  make_attention_actions();
  make_tree_actions();
  make_selection_actions();
  make_compare_actions();
  make_sample_actions();
  make_head_actions();
  make_reach_actions();
  make_session_actions();
  make_what_if_actions();
  make_attribution_actions();
  make_export_actions();
}

void MainWindow::make_file_actions() {
  actions_->on("open", [this] { choose_file(); });
  actions_->on("open-folder", [this] { choose_folder(); });
  actions_->on("reopen", [this] {
    if (!recent_.isEmpty()) open(recent_.first());
  });
  actions_->on("close", [this] { close_cloud(); });
  actions_->on("save-picture", [this] { save_picture(); });
  actions_->on("copy-picture", [this] { copy_picture(); });
  actions_->on("quit", [this] { close(); });
  actions_->on("undo", [this] { undo(); });
  actions_->on("redo", [this] { redo(); });
  actions_->on("find-point", [this] {
    docks_.at("panel-query")->show();
    docks_.at("panel-query")->raise();
    query_panel_->ask_for_point();
  });
  actions_->on("clear-query", [this] { ask(-1); });
  actions_->on("copy-query", [this] { copy_query(); });
  actions_->on("palette", [this] { show_palette(); });
  actions_->on("predict", [this] { predict(); });
  actions_->on("cancel", [this] { cancel(); });
  QMenu* recent = new QMenu(tr("Recent &files"), this);
  recent->setObjectName("recent");
  actions_->menu("File")->insertMenu(actions_->get("close"), recent);
  connect(recent, &QMenu::aboutToShow, this, &MainWindow::fill_recent_menu);
}

void MainWindow::make_walk_actions() {
  const std::pair<const char*, ColourBy> colours[] = {{"colour-target", ColourBy::Target},
                                                      {"colour-prediction", ColourBy::Prediction},
                                                      {"colour-error", ColourBy::Error},
                                                      {"colour-balls", ColourBy::Balls},
                                                      {"colour-attention", ColourBy::Attention}};
  for (const auto& [name, value] : colours) actions_->on(name, [this, by = value] { colour_by(by); });
  actions_->on("colour-next", [this] { step_colour(1); });
  actions_->on("colour-previous", [this] { step_colour(-1); });
  actions_->on("range-reset", [this] { attempt([this] { set_option("range", "data"); }); });
  actions_->on("level-down", [this] { step_level(-1); });
  actions_->on("level-up", [this] { step_level(1); });
  actions_->on("layer-previous", [this] { step_layer(-1); });
  actions_->on("layer-next", [this] { step_layer(1); });
  actions_->on("head-previous", [this] { step_head(-1); });
  actions_->on("head-next", [this] { step_head(1); });
  actions_->on("branch-next", [this] { step_branch(); });
  actions_->on("frame-previous", [this] { step_frame(-1); });
  actions_->on("frame-next", [this] { step_frame(1); });
  actions_->on("frame-play", [this] { view_->set_playing(!view_->playing()); });
  actions_->on("sample-previous", [this] { step_sample(-1); });
  actions_->on("sample-next", [this] { step_sample(1); });
}

void MainWindow::make_view_actions() {
  actions_->on("fit", [this] { view_->look("iso"); });
  for (const char* side : {"front", "left", "top", "back", "right", "bottom"})
    actions_->on(side, [this, side] { view_->look(side); });
  actions_->on("fly-to-query", [this] {
    if (data_.query && !data_.query->ball.empty())
      view_->fly_to(data_.query->ball);
    else if (data_.cloud)
      view_->fly_to(target_points(data_, state()));  // no network, or none with balls: that of the shown level
  });
  actions_->on("clip-plane", [this] {
    if (!data_.cloud) return;
    SceneState next = state();
    if (next.clip)
      next.clip.reset();
    else
      next.clip = plane_of_view(view_->scene().state().camera, *data_.cloud);
    change(next);
  });
  actions_->on("probe-card", [this] { view_->set_probe(!view_->probe()); });
  actions_->on("meter", [this] { view_->set_meter(!view_->meter()); });
  actions_->on("theme", [this] {
    SceneState next = state();
    next.theme = next.theme == Theme::Dark ? Theme::Light : Theme::Dark;
    change(next);
  });
  actions_->on("legend", [this] {
    SceneState next = state();
    next.legend = !next.legend;
    change(next);
  });
  actions_->on("options-reset", [this] {
    SceneState next;
    const SceneState now = state();
    next.theme = now.theme;
    next.colour_by = now.colour_by;
    next.field = now.field;
    next.query = now.query;
    next.level = now.level;
    next.frame = now.frame;
    change(next);
  });
  actions_->on("full-screen", [this] { setWindowState(windowState() ^ Qt::WindowFullScreen); });
}

void MainWindow::make_panel_actions() {
  actions_->on("panel-picture", [this] { view_->setFocus(Qt::ShortcutFocusReason); });
  for (const auto& [name, dock] : docks_) {
    actions_->on(name.toUtf8().constData(), [this, action = name] { toggle_dock(action); });
    QAction* action = actions_->get(name);
    connect(dock->toggleViewAction(), &QAction::toggled, action, &QAction::setChecked);
    action->setChecked(!dock->isHidden());
  }
  actions_->on("shortcuts", [this] { (new HelpWindow(this))->show(); });
  actions_->on("about", [this] {
    QMessageBox::about(this, tr("About ErwinScope"),
                       tr("<p><b>ErwinScope %1</b></p><p>See where ball-tree and native sparse attention look on point "
                          "clouds.</p><p>BSD-3-Clause</p>")
                           .arg(QApplication::applicationVersion()));
  });
}

void MainWindow::attempt(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& error) {
    show_failure({0, error.kind(), error.message(), error.detail(), error.hint()});
  }
}

void MainWindow::choose_file() {
  const QString path = QFileDialog::getOpenFileName(this, tr("Open cloud, data set or checkpoint"));
  if (!path.isEmpty()) open(path);
}

void MainWindow::choose_folder() {
  const QString path = QFileDialog::getExistingDirectory(this, tr("Open folder as a data set"));
  if (!path.isEmpty()) open(path);
}

void MainWindow::save_picture() {
  if (!data_.cloud) return;
  const QString path = QFileDialog::getSaveFileName(this, tr("Save picture"), "erwinscope.png", tr("PNG (*.png)"));
  if (path.isEmpty()) return;
  attempt([&] {
    write_png(path.toStdString(), picture());
    say(tr("wrote %1").arg(path));
  });
}

void MainWindow::copy_picture() {
  if (!data_.cloud) return;
  const Picture shown = picture();
  const QImage image(shown.rgb.data(), shown.width, shown.height, 3 * shown.width, QImage::Format_RGB888);
  QApplication::clipboard()->setImage(image.copy());
}

void MainWindow::copy_query() {
  const QString text = query_panel_->text();
  if (!text.isEmpty()) QApplication::clipboard()->setText(text);
}

void MainWindow::step_level(int by) {
  if (!data_.tree) return;
  SceneState next = state();
  next.level = std::clamp(next.level + by, 0, std::max(0, static_cast<int>(data_.tree->levels.size()) - 1));
  next.colour_by = ColourBy::Balls;
  change(next);
}

void MainWindow::step_layer(int by) {
  if (!data_.prediction || data_.prediction->layers.empty()) return;
  SceneState next = state();
  const auto& layers = data_.prediction->layers;  // of a record perhaps with gaps
  const auto at = std::find_if(layers.begin(), layers.end(),
                               [&](const LayerInfo& layer) { return layer.layer >= next.query.layer; });
  const auto place = std::clamp<std::ptrdiff_t>(at - layers.begin() + by, 0, std::ssize(layers) - 1);
  next.query.layer = layers[static_cast<std::size_t>(place)].layer;
  change(next);
}

void MainWindow::step_head(int by) {
  if (!data_.prediction) return;
  SceneState next = state();
  for (const LayerInfo& layer : data_.prediction->layers)
    if (layer.layer == next.query.layer) next.query.head = std::clamp(next.query.head + by, -1, layer.heads - 1);
  change(next);
}

void MainWindow::step_branch() {
  SceneState next = state();
  const bool last = next.query.branch == Branch::Selected;
  next.query.branch = last ? Branch::All : static_cast<Branch>(static_cast<int>(next.query.branch) + 1);
  change(next);
}

void MainWindow::step_frame(int by) {
  if (!data_.cloud) return;
  SceneState next = state();
  next.frame = std::clamp(next.frame + by, 0, static_cast<int>(data_.cloud->frames()) - 1);
  change(next, true);
}

void MainWindow::step_sample(int by) {
  if (!opened_) return;
  const auto& names = opened_->samples;
  const auto at = std::find(names.begin(), names.end(), opened_->sample);
  const auto next = std::distance(names.begin(), at) + by;
  if (at == names.end() || next < 0 || next >= static_cast<std::ptrdiff_t>(names.size())) return;
  attempt([&] { open_sample(QString::fromStdString(names[static_cast<std::size_t>(next)])); });
}

void MainWindow::step_colour(int by) {
  const SceneState now = state();
  const auto choices = colour_choices(data_, now);
  if (choices.empty()) return;
  const int count = static_cast<int>(choices.size());
  int next = (shown_choice(choices, now) + by + count) % count;
  const auto at = [&](int index) -> const ColourChoice& { return choices[static_cast<std::size_t>(index)]; };
  for (int i = 0; i < count && !at(next).there; ++i) next = (next + by + count) % count;  // walking works nothing out
  colour_by(at(next).by, at(next).field);
}

// Shown and given the keyboard; from within, hidden.
void MainWindow::toggle_dock(const QString& action) {
  QDockWidget* dock = docks_.at(action);
  const QWidget* focused = QApplication::focusWidget();
  if (!dock->isHidden() && focused && dock->isAncestorOf(focused)) {
    dock->hide();
    view_->setFocus(Qt::ShortcutFocusReason);
  } else {
    dock->show();
    dock->raise();
    QWidget* content = dock->widget();
    for (QWidget* inner : content->findChildren<QWidget*>())
      if ((inner->focusPolicy() & Qt::TabFocus) && inner->isEnabled() && inner->isVisibleTo(content)) {
        content = inner;
        break;
      }
    content->setFocus(Qt::ShortcutFocusReason);
  }
  actions_->get(action)->setChecked(!dock->isHidden());
}

void MainWindow::fill_recent_menu() {
  auto* menu = findChild<QMenu*>("recent");
  menu->clear();
  for (const QString& path : recent_) menu->addAction(path, this, [this, path] { open(path); });
  if (recent_.isEmpty()) menu->addAction(tr("Nothing was opened yet"))->setEnabled(false);
}

std::vector<PaletteEntry> MainWindow::palette_entries() {
  std::vector<PaletteEntry> entries;
  for (const ActionSpec& spec : action_table()) {
    QAction* action = actions_->get(spec.name);
    entries.push_back({QString::fromStdString(plain_text(spec)), spec.name, tr(spec.help), shortcut_text(spec),
                       action->isEnabled(), [action] { action->trigger(); }});
  }
  const SceneState now = state();
  for (const SceneOption& option : scene_options()) {
    const QString name = QString::fromStdString(option.name), help = QString::fromStdString(option.help);
    const std::string present = option.print(now, data_.cloud.get());
    for (const std::string& choice : option.choices)
      if (choice != present)
        entries.push_back({name + " " + QString::fromStdString(choice), name, help, {}, true, [this, &option, choice] {
                             attempt([&] { set_option(option.name, choice); });
                           }});
  }
  for (const QString& path : recent_)
    entries.push_back(
        {tr("Open %1").arg(QFileInfo(path).fileName()), "recent", path, {}, true, [this, path] { open(path); }});
  return entries;
}

// "point-size 2" typed out.
std::optional<PaletteEntry> MainWindow::palette_interpretation(const QString& typed) {
  const QString name = typed.section(' ', 0, 0), value = typed.section(' ', 1).trimmed();
  if (name == "what-if")
    return PaletteEntry{tr("What if %1").arg(value),
                        name,
                        tr("A change as explain --what-if takes it, in the shown layer: head-off=3, hide=ball, S=4"),
                        {},
                        value.contains('='),
                        [this, value] { attempt([&] { what_if(value.toStdString()); }); }};
  const SceneOption* option = find_scene_option(name.toStdString());
  if (!option) return std::nullopt;
  const QString form = QString::fromStdString(option->form).toLower();
  SceneState trial = state();
  PaletteEntry entry{tr("Set %1 to %2").arg(name, value.isEmpty() ? form : value),
                     name,
                     QString::fromStdString(option->help),
                     {},
                     true,
                     [this, option, value] { attempt([&] { set_option(option->name, value.toStdString()); }); }};
  try {
    option->set(trial, value.toStdString(), data_.cloud.get());
  } catch (const Error& error) {
    entry.enabled = false;
    if (!value.isEmpty()) entry.help = QString::fromStdString(error.hint());
  }
  return entry;
}

void MainWindow::show_palette() {
  show_choices(palette_entries(), [this](const QString& typed) { return palette_interpretation(typed); });
}

void MainWindow::show_choices(std::vector<PaletteEntry> entries,
                              std::function<std::optional<PaletteEntry>(const QString&)> interpret) {
  auto* palette = new CommandPalette(this, std::move(entries), std::move(interpret));
  connect(palette, &QDialog::accepted, this, [this, palette] {
    // After the palette is gone, and has given the keyboard back.
    if (const auto chosen = palette->chosen())
      QMetaObject::invokeMethod(
          this, [run = chosen->run] { run(); }, Qt::QueuedConnection);
  });
  palette->show();
}

}  // namespace erwin::ui
