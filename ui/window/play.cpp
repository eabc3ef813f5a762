#include "ui/window/play.h"

#include <QAction>
#include <QApplication>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QPixmap>
#include <QTimer>
#include <cstdio>
#include <map>
#include <utility>

#include "core/base/error.h"
#include "ui/scene/scene_view.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

namespace {

constexpr int pause_ms = 20;

int whole_number(const std::string& text) {
  std::size_t used = 0;
  try {
    const int value = std::stoi(text, &used);
    if (used == text.size()) return value;
  } catch (const std::exception&) {
  }
  throw Error(ErrorKind::Config, "a whole number was expected", text);
}

void resize_scene(MainWindow& window, const std::string& text) {
  int width = 0, height = 0;
  if (std::sscanf(text.c_str(), "%dx%d", &width, &height) != 2 || width < 320 || height < 240 || width > 8192 ||
      height > 8192)
    throw Error(ErrorKind::Config, "this size is not understood", text, "Write it as WIDTHxHEIGHT, from 320x240");
  window.view()->setFixedSize(width, height);
  window.adjustSize();
}

}  // namespace

Play::Play(MainWindow& window, std::vector<std::string> lines) : window_(window), lines_(std::move(lines)) {}

void Play::start() {
  QTimer::singleShot(pause_ms, this, [this] { step(); });
}

void Play::step() {
  while (next_ < lines_.size() && (lines_[next_].empty() || lines_[next_][0] == '#')) ++next_;
  if (next_ >= lines_.size()) {
    QApplication::exit(0);
    return;
  }
  const std::string& line = lines_[next_];
  const std::size_t space = line.find(' ');
  const std::string verb = line.substr(0, space), rest = space == std::string::npos ? "" : line.substr(space + 1);
  try {
    if (perform(verb, rest)) ++next_;
  } catch (const Error& error) {
    fail(error, line);
    return;
  }
  start();
}

void Play::fail(const Error& error, const std::string& line) {
  std::fprintf(stderr, "erwinscope: %s\n", error.at("step '" + line + "'").what());
  exit_code_ = erwin::exit_code(error.kind());
  QApplication::exit(exit_code_);
}

bool Play::perform(const std::string& verb, const std::string& rest) {
  SceneState state = window_.state();
  static const std::map<std::string, ColourBy> colours{{"target", ColourBy::Target},
                                                       {"prediction", ColourBy::Prediction},
                                                       {"error", ColourBy::Error},
                                                       {"balls", ColourBy::Balls},
                                                       {"attention", ColourBy::Attention}};
  static const std::map<std::string, Branch> branches{{"all", Branch::All},
                                                      {"local", Branch::Local},
                                                      {"compressed", Branch::Compressed},
                                                      {"selected", Branch::Selected}};
  if (verb == "open" || verb == "load") {
    window_.open(QString::fromStdString(rest));
  } else if (verb == "run") {
    window_.predict();
  } else if (verb == "query") {
    const int id = whole_number(rest);
    const std::int64_t point =
        id < 0 || !window_.scene_data().cloud ? -1 : window_.scene_data().cloud->point_of_row(id);
    if (id >= 0 && point < 0) throw Error(ErrorKind::Config, "there is no point with this id", rest);
    window_.ask(point);
  } else if (verb == "layer" || verb == "head" || verb == "level") {
    (verb == "layer" ? state.query.layer : verb == "head" ? state.query.head : state.level) = whole_number(rest);
    window_.change(state);
  } else if (verb == "branch" && branches.contains(rest)) {
    state.query.branch = branches.at(rest);
    window_.change(state);
  } else if (verb == "color" || verb == "colour") {
    if (const auto found = colours.find(rest); found != colours.end())
      window_.colour_by(found->second);
    else if (window_.scene_data().cloud)
      window_.colour_by(ColourBy::Field, window_.scene_data().cloud->require_field(rest).name());
  } else if (verb == "theme" && (rest == "dark" || rest == "light")) {
    state.theme = rest == "dark" ? Theme::Dark : Theme::Light;
    window_.change(state);
  } else if (verb == "camera") {
    if (window_.scene_data().cloud) {
      camera_from(rest, *window_.scene_data().cloud, 1);  // raises what the text deserves
      window_.view()->look(rest);
    }
  } else if (verb == "size") {
    resize_scene(window_, rest);
  } else if (verb == "action" && window_.action(QString::fromStdString(rest))) {
    window_.action(QString::fromStdString(rest))->trigger();
  } else if (verb == "wait" && rest == "idle") {
    if (!window_.idle()) return false;
    if (const auto failure = window_.take_failure())
      throw Error(failure->kind, failure->message, failure->detail, failure->hint);
  } else if (verb == "screenshot") {
    write_png(rest, window_.view()->picture());
  } else if (verb == "grab") {
    if (!window_.grab().save(QString::fromStdString(rest), "PNG"))
      throw Error(ErrorKind::Io, "the picture cannot be written", rest);
  } else if (verb == "print" && rest == "selection") {
    print_selection();
  } else if (verb == "quit") {
    next_ = lines_.size();
  } else {
    throw Error(ErrorKind::Config, "there is no such step", verb, "The help page of gui lists the steps");
  }
  return true;
}

void Play::print_selection() const {
  const SceneData& data = window_.scene_data();
  const SceneState& state = window_.state();
  const SceneState& drawn = window_.view()->scene().state();
  QJsonObject out{
      {"schema", 1},
      {"cloud", QString::fromStdString(state.title)},
      {"points", data.cloud ? static_cast<qint64>(data.cloud->size()) : 0},
      {"model", window_.model() ? QJsonValue(QString::fromStdString(window_.model()->path)) : QJsonValue()},
      {"point", state.query.point < 0 || !data.cloud ? -1 : static_cast<qint64>(data.cloud->row_id(state.query.point))},
      {"layer", state.query.layer},
      {"head", state.query.head},
      {"branch", name_of(state.query.branch)},
      {"level", state.level},
      {"color", name_of(state.colour_by)},
      {"field", QString::fromStdString(state.field)},
      {"theme", state.theme == Theme::Dark ? "dark" : "light"},
      {"size", QJsonArray{drawn.width, drawn.height}},
      {"camera", QString::fromStdString(to_string(drawn.camera))}};
  QJsonArray selected;
  if (data.query)
    for (const MarkedBlock& block : data.query->blocks)
      selected.append(QJsonObject{{"block", block.block}, {"rank", block.rank}});
  out["selected"] = selected;
  QJsonArray fields;
  if (data.cloud)
    for (const Field& field : data.cloud->fields()) fields.append(QString::fromStdString(field.name()));
  if (data.prediction)
    for (const Field& field : data.prediction->fields) fields.append(QString::fromStdString(field.name()));
  out["fields"] = fields;
  std::printf("%s\n", QJsonDocument(out).toJson(QJsonDocument::Compact).constData());
  std::fflush(stdout);
}

}  // namespace erwin::ui
